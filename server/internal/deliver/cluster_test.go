package deliver_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"parley/server/internal/deliver"
	"parley/server/internal/eventlog"
	"parley/server/internal/room"
	"parley/server/internal/transport"
	"parley/server/wire"
)

// A sharedLog is the log of several servers, in memory.
type sharedLog struct {
	t testing.TB

	mu      sync.Mutex // guards the following fields
	batches []sharedBatch
	members []*deliver.Hub
}

type sharedBatch struct {
	server, number uint64
	entries        string
}

// A proposer is one server's end of a sharedLog: the state of its own log.
type proposer struct {
	log  *sharedLog
	hub  *deliver.Hub
	last sharedBatch
}

// server returns one more server of the conversation.
func (l *sharedLog) server(number uint64) *convo {
	return openRoom(l.t, deliver.Config{}, func(s eventlog.State) (*eventlog.Log, error) {
		hub := s.(*deliver.Hub)
		hub.Enter(number, fmt.Sprint("server ", number))
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, b := range l.batches {
			l.apply(hub, b)
		}
		l.members = append(l.members, hub)
		return eventlog.Memory(&proposer{log: l, hub: hub}), nil
	})
}

// apply gives a hub a batch, which it may get twice.
func (l *sharedLog) apply(hub *deliver.Hub, b sharedBatch) (member bool) {
	for range 2 {
		var err error
		member, err = hub.ApplyBatch(b.server, b.number, []byte(b.entries))
		if err != nil {
			l.t.Error(err)
		}
	}
	return member
}

func (p *proposer) Apply(group []byte) error {
	p.log.mu.Lock()
	defer p.log.mu.Unlock()
	if server := p.hub.Server(); server != p.last.server {
		p.last = sharedBatch{server: server}
	}
	p.last.number++
	p.last.entries = string(group)
	p.log.batches = append(p.log.batches, p.last)
	for _, hub := range p.log.members {
		p.log.apply(hub, p.last)
	}
	return nil
}

func (p *proposer) Snapshot() []byte              { panic("not a log that makes snapshots") }
func (p *proposer) Restore(snapshot []byte) error { panic("not a log that restores snapshots") }

// beat has a server propose its heartbeat so many times.
func beat(r *convo, times int) {
	for range times {
		r.log.Propose(r.Beat())
	}
}

// Sessions of all servers are in one conversation, and can be resumed on any.
func TestServers(t *testing.T) {
	l := &sharedLog{t: t}
	one, two := l.server(1), l.server(2)
	n := networks[0]
	alice := join(t, one, n, "alice")
	bob := join(t, two, n, "bob")
	alice.expect("JOINED bob")
	alice.conn.Say([]byte("hello"))
	bob.expect("SAID alice hello")
	alice.expect("OK")
	bob.conn.Tell([]byte("alice"), []byte("psst"))
	alice.expect("TOLD bob psst")
	bob.expect("OK")

	again := alice.resume(two, n) // while the first server still takes it for connected
	again.expect("RESUMED welcome back, alice: 2 people are here 1")
	alice.expectEnd("ERROR - moved this session goes on over another connection",
		"BYE the session can be resumed")
	again.conn.Say([]byte("elsewhere"))
	again.expect("OK")
	bob.expect("SAID alice elsewhere")

	three := l.server(3)
	here := strings.Join(three.Users(), " ")
	if want := "alice bob"; here != want {
		t.Errorf("a newcomer sees %q, want %q", here, want)
	}
}

// What has arrived somewhere is forgotten everywhere, after a heartbeat.
func TestServersForgetWhatArrived(t *testing.T) {
	l := &sharedLog{t: t}
	one, two := l.server(1), l.server(2)
	alice, bob := join(t, one, networks[0], "alice"), join(t, two, networks[0], "bob")
	alice.expect("JOINED bob")
	for range 100 {
		bob.conn.Tell([]byte("alice"), []byte("psst"))
		alice.expect("TOLD bob psst")
		bob.expect("OK")
	}
	alice.conn.Ack(alice.seq)
	bob.conn.Ack(bob.seq)
	before := one.Cost()
	beat(one, 1)
	beat(two, 1)
	if one.Cost() != 0 || two.Cost() != 0 {
		t.Errorf("mailboxes take %d and %d bytes when all has arrived, %d before the heartbeats", one.Cost(),
			two.Cost(), before)
	}
	// A heartbeat says once what has arrived.
	e, _, err := room.ParseEntry(one.Beat())
	if err != nil || len(e.Text) > 0 {
		t.Errorf("the next heartbeat says %q again, error %v", e.Text, err)
	}
}

// A server whose heartbeats do not come is taken for gone: its clients have left, are sent away when it reads
// that, and go on elsewhere. Then it takes part again.
func TestServerGone(t *testing.T) {
	l := &sharedLog{t: t}
	one, two := l.server(1), l.server(2)
	alice, bob := join(t, one, networks[0], "alice"), join(t, two, networks[0], "bob")
	alice.expect("JOINED bob")
	beat(two, 4)
	beat(one, 1)
	beat(two, 4) // the heartbeat of the other came between
	bob.conn.Reply(wire.Message{Verb: wire.Pong})
	bob.expect("PONG")
	beat(two, 1)
	bob.expect("LEFT alice connection lost")
	alice.expectEnd("NOTICE this server was cut off from the others",
		"ERROR - moved connection lost", "BYE the session can be resumed")

	nc, _ := tcp(t)
	_, err := one.Join(nc, "carol", 0)
	refused(t, err, wire.Hello, wire.CodeFull)
	again := alice.resume(two, networks[0])
	again.expect("RESUMED welcome back, alice: 2 people are here 0", "JOINED alice")
	bob.expect("JOINED alice")

	one.propose(one.Enter(11, "server 1 again"))
	join(t, one, networks[0], "dave")
	bob.expect("JOINED dave")
	var servers []string
	two.View(func(r *room.Room) {
		for _, s := range r.Servers() {
			servers = append(servers, s.Name)
		}
	})
	if diff := cmp.Diff([]string{"server 2", "server 1 again"}, servers); diff != "" {
		t.Errorf("servers (-want +got):\n%s", diff)
	}
	if err := alice.conn.Reply(); !errors.Is(err, deliver.ErrEnded) {
		t.Errorf("the connection to the server that was gone: %v, want ErrEnded", err)
	}
}

// A connection that waits for its entry is not taken for that of another server's entry.
func TestServersApart(t *testing.T) {
	l := &sharedLog{t: t}
	one, two := l.server(1), l.server(2)
	server, nc := tcp(t)
	e := room.Entry{Kind: room.Join, Name: []byte("alice"), Token: hash("token")}
	waiting, err := one.Newcomer(transport.New(server), e, "token", 0)
	if err != nil {
		t.Fatal(err)
	}
	join(t, two, networks[0], "bob")
	conn, err := one.open(waiting, e)
	if err != nil {
		t.Fatal(err)
	}
	alice := attach(t, server, nc, conn)
	alice.expect("WELCOME welcome to parley, alice: 2 people are here", "JOINED alice")
}
