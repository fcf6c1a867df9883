package deliver_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"parley/server/internal/deliver"
	"parley/server/wire"
)

// closeTime is the longest that Close may take when a client takes nothing.
const closeTime = 5 * time.Second

// What was said before Close arrives, then the reason, then BYE. Afterwards nobody gets in.
func TestCloseFlushes(t *testing.T) {
	each(t, func(t *testing.T, n network) {
		r := newRoom(t, deliver.Config{})
		sender, c, away := join(t, r, n, "sender"), join(t, r, n, "alice"), join(t, r, n, "away")
		away.conn.Lost("cut")
		c.expect("JOINED away", "LEFT away cut")
		sender.discard()
		const messages = 3000 // more than the sockets hold
		text := strings.Repeat("x", 1000)
		for range messages {
			if _, err := sender.conn.Say([]byte(text)); err != nil {
				t.Fatal(err)
			}
		}
		closed := make(chan struct{})
		go func() {
			r.Close("so long")
			close(closed)
		}()
		for range messages {
			c.expect("SAID sender " + text)
		}
		c.expectEnd("NOTICE so long", "BYE the server is closing")
		<-closed
		server, _ := n.connect(t)
		_, err := r.Join(server, "late", 0)
		refused(t, err, wire.Hello, wire.CodeFull)
		for _, token := range []string{c.token, away.token} {
			_, err = r.Resume(server, token, 0)
			refused(t, err, wire.Resume, wire.CodeFull)
		}
		if _, err := c.conn.Say([]byte("late")); !errors.Is(err, deliver.ErrEnded) {
			t.Errorf("SAY after the end: %v", err)
		}
		r.Close("again") // does nothing
	})
}

// Close ends in time whatever the clients do. The timer of a session that is cut off ends with it.
func TestCloseWithClientsThatDoNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := network{"pipe", pipe}
		r := newRoom(t, deliver.Config{})
		hello(t, r, n, "idle", 0)
		slow := hello(t, r, n, "slow", 0)
		sending := join(t, r, n, "busy")
		if err := sending.conn.Send(&fakeTransfer{pieces: 1 << 30}, 0); err != nil {
			t.Fatal(err)
		}
		join(t, r, n, "away").conn.Lost("cut")
		var reading sync.WaitGroup
		reading.Go(func() {
			for {
				time.Sleep(time.Second) // in the bubble's time
				if _, err := slow.nc.Read(make([]byte, 1)); err != nil {
					return
				}
			}
		})
		began := time.Now()
		r.Close("so long")
		if took := time.Since(began); took != closeTime {
			t.Errorf("Close took %v, want %v", took, closeTime)
		}
		reading.Wait()
	})
	synctest.Test(t, func(t *testing.T) { // nothing to wait for
		r := newRoom(t, deliver.Config{})
		join(t, r, network{"pipe", pipe}, "away").conn.Lost("cut")
		began := time.Now()
		r.Close("so long")
		if took := time.Since(began); took != 0 {
			t.Errorf("Close took %v with nobody there", took)
		}
	})
}

// Those who are told of joins and leaves are told in the order of the events, and why.
func TestCallbacks(t *testing.T) {
	var mu sync.Mutex
	var got []string
	note := func(s string) {
		mu.Lock()
		defer mu.Unlock()
		got = append(got, s)
	}
	r := newRoom(t, deliver.Config{Audit: changes(note)})
	n := networks[0]
	alice, bob, cleo := join(t, r, n, "alice"), join(t, r, n, "bob"), join(t, r, n, "cleo")
	alice.conn.Quit()
	bob.conn.Lost("timed out")
	bob.resume(r, n)
	r.Kick("cleo")
	cleo.conn.Lost("too late")
	mu.Lock()
	defer mu.Unlock()
	want := []string{"alice from tcp", "bob from tcp", "cleo from tcp",
		"alice left: ", "bob left: timed out", "bob from tcp", "cleo left: kicked"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// The end of what is written shows at the other end of a socket, before the reading side closes it.
func TestEndOfWriting(t *testing.T) {
	r := newRoom(t, deliver.Config{})
	server, nc := tcp(t)
	conn, err := r.Join(server, "alice", 0)
	if err != nil {
		t.Fatal(err)
	}
	conn.Quit()
	nc.SetReadDeadline(time.Now().Add(patience))
	text, err := io.ReadAll(nc)
	if err != nil || !strings.HasSuffix(string(text), "\nBYE goodbye\n") {
		t.Errorf("%q, %v", text, err)
	}
	if d := <-conn.linger; d != deliver.Linger {
		t.Errorf("the client has %v to close the connection, want %v", d, deliver.Linger)
	}
}

// What was said before QUIT or a kick arrives, and nothing of what comes after.
func TestLastLines(t *testing.T) {
	each(t, func(t *testing.T, n network) {
		r := newRoom(t, deliver.Config{})
		watcher, c := join(t, r, n, "watcher"), join(t, r, n, "alice")
		watcher.conn.Say([]byte("before"))
		c.conn.Say([]byte("mine"))
		c.conn.Reply(wire.Message{Verb: wire.Pong})
		c.conn.Quit()
		watcher.conn.Say([]byte("after"))
		c.expectEnd("SAID watcher before", "OK", "PONG", "BYE goodbye")
		watcher.expect("JOINED alice", "OK", "SAID alice mine", "LEFT alice", "OK")
	})
}

// Many say something at once: all get all of it, in the one order that the seqs tell.
func TestManySpeakers(t *testing.T) {
	each(t, func(t *testing.T, n network) {
		const speakers, messages = 8, 200
		r := newRoom(t, deliver.Config{})
		var clients []*client
		for i := range speakers {
			clients = append(clients, join(t, r, n, fmt.Sprintf("speaker%d", i)))
		}
		for i, c := range clients {
			for range speakers - i - 1 {
				c.next() // JOINED of the others
			}
		}
		var speaking, reading sync.WaitGroup
		for i, c := range clients {
			speaking.Go(func() {
				for j := range messages {
					c.conn.Say(fmt.Appendf(nil, "%d", j))
					c.conn.Tell([]byte(clients[(i+1)%speakers].conn.Name()), fmt.Appendf(nil, "%d", j))
				}
			})
		}
		orders := make([][]string, speakers)
		for i, c := range clients {
			reading.Go(func() {
				// SAID or OK, then TOLD and the OK for TELL
				orders[i] = c.order(t, speakers*messages+2*messages)
			})
		}
		speaking.Wait()
		reading.Wait()
		for i := range orders {
			if diff := cmp.Diff(orders[0], orders[i]); diff != "" {
				t.Fatalf("order of broadcasts, to speaker 0 and %d (-first +other):\n%s", i, diff)
			}
		}
	})
}

// order reads lines, checks that their seqs ascend and that each speaker's numbers are complete, and returns
// the broadcasts in their order, with one's own as far as OK tells.
func (c *client) order(t *testing.T, lines int) []string {
	var broadcasts []string
	count := map[string]int{}
	for last := c.seq; lines > 0; lines-- {
		m, err := c.read()
		if err != nil {
			t.Errorf("reading after seq %d: %v", c.seq, err)
			return nil
		}
		if m.Seq <= last {
			t.Errorf("%s: seq %d comes after %d", c.conn.Name(), m.Seq, last)
		}
		last = m.Seq
		switch m.Verb {
		case wire.Said, wire.Told:
			key := string(m.Verb) + " " + string(m.Name)
			if want := fmt.Sprint(count[key]); want != string(m.Text) {
				t.Errorf("%s: %s says %s, want %s", c.conn.Name(), key, m.Text, want)
			}
			count[key]++
		case wire.OK: // of SAY and TELL in turn
			count["OK"]++
			if count["OK"]%2 == 1 {
				m = wire.Message{Verb: wire.Said, Seq: m.Seq}
			}
		}
		if m.Verb == wire.Said {
			broadcasts = append(broadcasts, fmt.Sprint(m.Seq))
		}
	}
	return broadcasts
}

// A fakeTransfer has pieces of one NOTICE each.
type fakeTransfer struct {
	pieces  int
	fail    error // of the last piece, if it is not sent
	begun   chan struct{}
	mu      sync.Mutex
	stopped bool
	closed  int
}

func (f *fakeTransfer) Piece(nc net.Conn, _ func()) error {
	f.mu.Lock()
	stopped := f.stopped
	f.mu.Unlock()
	if f.begun != nil {
		close(f.begun)
		f.begun = nil
	}
	f.pieces--
	switch {
	case stopped:
		io.WriteString(nc, "NOTICE stopped\n")
		return io.EOF
	case f.pieces < 0:
		if f.fail != nil {
			return f.fail
		}
		io.WriteString(nc, "NOTICE whole\n")
		return io.EOF
	}
	_, err := fmt.Fprintf(nc, "NOTICE piece %d\n", f.pieces)
	return err
}

func (f *fakeTransfer) Cost() int { return 100 }

func (f *fakeTransfer) Stop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stopped = true
}

func (f *fakeTransfer) Close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed++
}

func (f *fakeTransfer) checkClosed(t *testing.T) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed != 1 {
		t.Errorf("a transfer was closed %d times", f.closed)
	}
}
