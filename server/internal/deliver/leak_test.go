package deliver_test

import (
	"fmt"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"
	"weak"

	"parley/server/internal/deliver"
	"parley/server/internal/room"
	"parley/server/wire"
)

// ends are the ways a session can end. Each leaves no session behind.
var ends = []struct {
	name string
	end  func(r *convo, n network, c *client)
}{
	{"quit", func(r *convo, n network, c *client) {
		c.conn.Quit()
		c.collect()
	}},
	{"kicked", func(r *convo, n network, c *client) {
		r.Kick(c.conn.Name())
		c.collect()
	}},
	{"lost, and forgotten for a fresh one", func(r *convo, n network, c *client) {
		c.conn.Lost("cut")
		again := hello(c.t, r, n, c.conn.Name(), 10)
		again.conn.Quit()
		again.collect()
	}},
	{"lost, resumed and quit", func(r *convo, n network, c *client) {
		c.conn.Lost("cut")
		again := c.resume(r, n)
		again.conn.Quit()
		again.collect()
	}},
	{"taken over and quit", func(r *convo, n network, c *client) {
		again := c.resume(r, n)
		c.collect()
		again.conn.Quit()
		again.collect()
	}},
	{"hung up by the client, and not resumed", func(r *convo, n network, c *client) {
		c.conn.Say([]byte("x"))
		c.nc.Close()
		c.conn.Lost("cut")
		r.Resume(nil, c.token, 1<<62) // gone, and forgotten
	}},
	{"quit with a transfer", func(r *convo, n network, c *client) {
		c.conn.Send(&fakeTransfer{pieces: 5}, 0)
		c.conn.Quit()
		c.collect()
	}},
	{"never read", func(r *convo, n network, c *client) {
		for range 100 {
			c.conn.Reply(wire.Message{Verb: wire.Notice, Text: []byte(strings.Repeat("x", 8000))})
		}
		c.conn.Lost("cut")
		r.Resume(nil, c.token, 1<<62)
	}},
	{"away for too long", func(r *convo, n network, c *client) { c.conn.Lost("cut") }},
}

// use is what the process uses, at rest.
type use struct {
	goroutines int
	heap       uint64
}

func measure() use {
	var m runtime.MemStats
	for range 3 { // what finalizers let go of, too
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return use{runtime.NumGoroutine(), m.HeapAlloc}
}

// settle measures until no more goroutines run than before.
func settle(before use) use {
	by := time.Now().Add(patience)
	now := measure()
	for now.goroutines > before.goroutines && time.Now().Before(by) {
		runtime.Gosched()
		now = measure()
	}
	return now
}

// TestLeaks: after 10,000 sessions of every kind of end, goroutines and heap are back where they were.
func TestLeaks(t *testing.T) {
	const (
		sessions = 10_000
		slack    = 1 << 20 // bytes: a hundred for each session, and the log of those that come and go
	)
	alone := measure()
	r, fleeting := newRoom(t, deliver.Config{}), newRoom(t, deliver.Config{Grace: time.Nanosecond})
	started := measure()
	run := func(count int) {
		for i := range count {
			e := ends[i%len(ends)]
			n := network{"socket", bare}
			if i/len(ends)%2 == 0 {
				n = network{"wrapped", wrapped}
			}
			r := r
			if i%len(ends) == len(ends)-1 {
				r = fleeting
			}
			c := join(t, r, n, fmt.Sprintf("user%d", i))
			e.end(r, n, c)
			c.nc.Close()
		}
	}
	// The log is filled up to what it keeps, so that it does not grow any more.
	speaker := join(t, r, network{"socket", bare}, "speaker")
	speaker.discard()
	for range 5000 {
		seq, err := speaker.conn.Say([]byte(strings.Repeat("x", 4000)))
		if err != nil {
			t.Fatal(err)
		}
		speaker.conn.Ack(seq)
	}
	speaker.conn.Quit()
	<-speaker.conn.Done()
	run(500)
	before := settle(started)
	run(sessions)
	after := settle(before)
	if after.goroutines > before.goroutines {
		t.Errorf("%d goroutines before and %d after", before.goroutines, after.goroutines)
	}
	if after.heap > before.heap+slack {
		t.Errorf("%d bytes of heap before and %d after", before.heap, after.heap)
	}
	if n := r.Cost() + fleeting.Cost(); n != 0 {
		t.Errorf("inboxes of nobody take %d bytes", n)
	}
	if users := r.Users(); len(users) > 0 {
		t.Errorf("%d users are left", len(users))
	}
	r.Close("the end")
	fleeting.Close("the end")
	if ended := settle(alone); ended.goroutines > alone.goroutines {
		t.Errorf("%d goroutines before the rooms and %d after them", alone.goroutines, ended.goroutines)
	}
}

// Away sessions that the room has no place for are forgotten at once, not after the grace period.
func TestForgottenAtOnce(t *testing.T) {
	r := newRoom(t, deliver.Config{MaxSessions: 1})
	var first weak.Pointer[room.Session]
	for i := range 3 {
		c := join(t, r, network{"socket", bare}, fmt.Sprintf("user%d", i))
		if i == 0 {
			first = weak.Make(c.conn.Member())
		}
		c.conn.Lost("cut")
		<-c.conn.Done()
		c.nc.Close()
	}
	for by := time.Now().Add(patience); first.Value() != nil; runtime.GC() {
		if time.Now().After(by) {
			t.Fatal("the session is still in memory")
		}
	}
}

// bare leaves nothing with the test, which would hold the memory of all connections to its end.
func bare(t testing.TB) (server, client net.Conn) {
	server, client = dial(t)
	// The system keeps the port of a connection for a minute that ends in order, and has not enough of them.
	client.(*net.TCPConn).SetLinger(0)
	return server, client
}

// wrapped is bare for the room's other way of writing. It is no pipe, because one that is closed holds its
// memory until its deadlines have passed.
func wrapped(t testing.TB) (server, client net.Conn) {
	server, client = bare(t)
	return struct{ net.Conn }{server}, client
}
