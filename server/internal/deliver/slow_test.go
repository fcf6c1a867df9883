package deliver_test

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"parley/server/internal/deliver"
	"parley/server/internal/room"
	"parley/server/wire"
)

// Limits that the tests hold the room to, in their own words.
const (
	lagLimit     = 8 << 20   // bytes of the log
	unicastLimit = 4 << 20   // bytes of memory
	senderLimit  = 256 << 10 // bytes of memory that one sender's unicasts may take
	sendersLimit = 2 << 20   // bytes of memory that all unicasts may take
	inFlight     = 256 << 10 // bytes that may be on their way and no longer count
	kernel       = 8 << 20   // bytes that the two sockets of a connection may hold
)

// discard reads all that comes to c, so that c is never behind, and returns a channel that is closed at the
// end.
func (c *client) discard() <-chan struct{} {
	done := make(chan struct{})
	c.nc.SetReadDeadline(time.Time{})
	go func() {
		defer close(done)
		io.Copy(io.Discard, c.lines)
	}()
	return done
}

// collect reads until the end of the connection. It returns the seqs of broadcasts, and the other lines.
func (c *client) collect() (said []uint64, others []string) {
	c.t.Helper()
	for {
		m, err := c.read()
		switch {
		case err == io.EOF:
			return said, others
		case err != nil:
			c.t.Fatalf("reading after seq %d: %v", c.seq, err)
		case m.Verb == wire.Said:
			said = append(said, m.Seq)
		default:
			others = append(others, form(m))
		}
	}
}

// A session that takes nothing is cut at the limit, is told why, and misses nothing when it comes back. The
// others hear that it left, and get all that is said, while it is in the way and after.
func TestSlowConsumerIsCutAndResumes(t *testing.T) {
	for _, n := range []network{networks[0], networks[2]} {
		var left atomic.Value
		r := newRoom(t, deliver.Config{Audit: changes(func(change string) {
			if strings.Contains(change, " left: ") {
				left.Store(change)
			}
		})})
		sender, fast, slow := join(t, r, n, "sender"), join(t, r, n, "fast"), join(t, r, n, "slow")
		sender.discard()
		text := []byte(strings.Repeat("x", 4000))
		var want []uint64
		size := 0
		fast.expect("JOINED slow")
		for left.Load() == nil && size < lagLimit+kernel {
			seq, err := sender.conn.Say(text)
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, seq)
			m := fast.next()
			if m.Seq != seq && m.Verb != wire.Left {
				t.Fatalf("%s %d to the fast one, want seq %d", m.Verb, m.Seq, seq)
			}
			size += len(m.AppendServer(nil))
		}
		if got := left.Load(); got != "slow left: too slow" {
			t.Fatalf("%v left after %d bytes, want that the slow one is cut", got, size)
		}
		if size < lagLimit || n.name == "pipe" && size > lagLimit+2*inFlight {
			t.Errorf("cut after %d bytes, the limit is %d", size, lagLimit)
		}
		said, others := slow.collect()
		ending := []string{"ERROR - too-slow you lag too far behind the conversation",
			"BYE the session can be resumed"}
		if diff := cmp.Diff(ending, others); diff != "" {
			t.Errorf("to the slow one (-want +got):\n%s", diff)
		}
		again := slow.resume(r, n)
		again.expect("RESUMED welcome back, slow: 3 people are here 0")
		sender.conn.Quit()
		for m := again.next(); m.Verb != wire.Left; m = again.next() {
			if m.Verb == wire.Said {
				said = append(said, m.Seq)
			} else if f := form(m); f != "JOINED slow" {
				t.Errorf("%s among the broadcasts", f)
			}
		}
		if !slices.Equal(want, said) {
			t.Errorf("%d broadcasts were received, want %d, in order and once", len(said), len(want))
		}
	}
}

// What only one session sees is limited too, and kept for its resuming.
func TestUnicastsToSlowConsumer(t *testing.T) {
	each(t, func(t *testing.T, n network) {
		r := newRoom(t, deliver.Config{})
		sender, slow := join(t, r, n, "sender"), join(t, r, n, "slow")
		sender.discard()
		text := []byte(strings.Repeat("x", 1000))
		var want []uint64
		for len(want)*len(text) < unicastLimit+kernel && r.Stats().SlowCuts == 0 {
			seq, _, err := sender.conn.TellAnyway([]byte("slow"), text)
			if err != nil {
				refused(t, err, wire.Tell, wire.CodeAway)
				break
			}
			want = append(want, seq)
		}
		if size := len(want) * len(text); size < unicastLimit*3/4 ||
			n.name == "pipe" && size > unicastLimit+2*inFlight || size >= unicastLimit+kernel {
			t.Errorf("cut after %d bytes, the limit is %d", size, unicastLimit)
		}
		var got []uint64
		last := slow.readTold(&got)
		if last != "ERROR - too-slow you lag too far behind the conversation" {
			t.Errorf("%q after the unicasts", last)
		}
		again := slow.resume(r, n)
		again.expect("RESUMED welcome back, slow: 2 people are here 0")
		sender.conn.Quit()
		for last = ""; last != "LEFT sender"; { // there is a JOINED if it was known as gone
			last = again.readTold(&got)
		}
		if !slices.Equal(want, got) {
			t.Errorf("%d unicasts were received, want %d, in order and once", len(got), len(want))
		}
	})
}

// What one sender has queued for one receiver is bounded: what is more is refused, and the receiver is not
// cut off and gets all the rest. Its connection, and the sender's, may break meanwhile.
func TestSenderIsHeldBack(t *testing.T) {
	each(t, func(t *testing.T, n network) {
		r := newRoom(t, deliver.Config{})
		sender, slow := join(t, r, n, "sender"), join(t, r, n, "slow")
		sender.discard()
		text := []byte(strings.Repeat("x", 1000))
		var want []uint64
		// fill sends until it is refused, and returns how many bytes were taken.
		fill := func() (size int) {
			t.Helper()
			for ; size < sendersLimit+kernel; size += len(text) {
				seq, _, err := sender.conn.Tell([]byte("slow"), text)
				if err != nil {
					refused(t, err, wire.Tell, wire.CodeSlow)
					return size
				}
				want = append(want, seq)
			}
			t.Fatal("nothing is refused")
			return 0
		}
		if size := fill(); size < senderLimit*3/4 || n.name == "pipe" && size > senderLimit+inFlight {
			t.Errorf("refused after %d bytes, the limit is %d", size, senderLimit)
		}
		r.View(func(v *room.Room) { sender.seq = v.Seq() })
		sender.conn.Lost("cut")
		sender = sender.resume(r, n)
		sender.discard()
		if size := fill(); n.name == "pipe" && size > inFlight {
			t.Errorf("%d bytes more were taken after the sender came back", size)
		}
		var got []uint64
		for range 10 {
			got = append(got, slow.next().Seq)
		}
		if n.name == "pipe" { // on which what was sent was read
			slow = slow.resume(r, n)
			slow.expect("RESUMED welcome back, slow: 2 people are here 0")
			if size := fill(); size > inFlight {
				t.Errorf("%d bytes more were taken after the receiver came back", size)
			}
		}
		for len(got) < len(want) {
			if m := slow.next(); m.Verb == wire.Told {
				got = append(got, m.Seq)
			}
		}
		if !slices.Equal(want, got) {
			t.Errorf("%d unicasts were received, want %d, in order and once", len(got), len(want))
		}
		if fill() < senderLimit*3/4 {
			t.Error("refused though everything has arrived")
		}
		if cuts := r.Stats().SlowCuts; cuts > 0 {
			t.Errorf("%d were cut off", cuts)
		}
	})
}

// Thirty senders together do not have a receiver cut off either, and one more finds room. They do not keep
// the receiver's own lines back.
func TestManySenders(t *testing.T) {
	n := networks[2]
	r := newRoom(t, deliver.Config{})
	slow := join(t, r, n, "slow")
	text := []byte(strings.Repeat("x", 1000))
	for i := range 30 {
		sender := join(t, r, n, fmt.Sprint("sender", i))
		sender.discard()
		if _, _, err := sender.conn.Tell([]byte("slow"), text); err != nil {
			t.Fatalf("the first unicast of sender %d: %v", i, err)
		}
		var err error
		for sent := 0; err == nil; sent++ {
			if sent > 2*sendersLimit/len(text) {
				t.Fatal("nothing is refused")
			}
			_, _, err = sender.conn.Tell([]byte("slow"), text)
		}
		refused(t, err, wire.Tell, wire.CodeSlow)
	}
	if cost := r.Cost(); cost > sendersLimit+2*inFlight+30*senderLimit/8 {
		t.Errorf("%d bytes are queued, the limit is %d", cost, sendersLimit)
	}
	slow.conn.Wait()
	if _, err := slow.conn.Say([]byte("I am still here")); err != nil {
		t.Error(err)
	}
	if cuts := r.Stats().SlowCuts; cuts > 0 {
		t.Errorf("%d were cut off", cuts)
	}
}

// readTold reads unicasts, adds their seqs to seqs, and returns the first other line.
func (c *client) readTold(seqs *[]uint64) string {
	c.t.Helper()
	for {
		m := c.next()
		if m.Verb != wire.Told {
			return form(m)
		}
		*seqs = append(*seqs, m.Seq)
	}
}

// A newcomer who asks for much history has not been slow yet when someone tells it something.
func TestHistoryIsNotLag(t *testing.T) {
	r := newRoom(t, deliver.Config{})
	n := networks[2] // a pipe, which takes nothing until it is read
	sender := join(t, r, n, "sender")
	sender.discard()
	const messages = 1000
	for range messages {
		if _, err := sender.conn.Say([]byte(strings.Repeat("x", 4000))); err != nil {
			t.Fatal(err)
		}
	}
	slow := hello(t, r, n, "slow", messages)
	if _, _, err := sender.conn.Tell([]byte("slow"), []byte("welcome")); err != nil {
		t.Fatal(err)
	}
	slow.expect("WELCOME welcome to parley, slow: 2 people are here")
	for range messages {
		if m := slow.next(); m.Verb != wire.Said {
			t.Fatalf("%s, want the history", form(m))
		}
	}
	slow.expect("JOINED slow", "TOLD sender welcome")
}

// Who does not take the answers is not read: Wait holds back until they are taken, or the connection ends.
func TestWait(t *testing.T) {
	each(t, func(t *testing.T, n network) {
		r := newRoom(t, deliver.Config{})
		c := join(t, r, n, "alice")
		user := wire.Message{Verb: wire.User, Name: []byte(strings.Repeat("x", 100))}
		many := slices.Repeat([]wire.Message{user}, 150_000)
		c.conn.Wait() // with nothing to wait for
		c.conn.Reply(many...)
		waited := make(chan struct{})
		go func() {
			c.conn.Wait()
			close(waited)
		}()
		for range len(many) / 8 {
			c.next()
		}
		select {
		case <-waited:
			t.Error("Wait returned before the answers were taken")
		default:
		}
		for range len(many) - len(many)/8 {
			c.next()
		}
		<-waited
	})
}

// A client that asked for much and went must not keep its reader waiting.
func TestWaitEndsWithTheConnection(t *testing.T) {
	each(t, func(t *testing.T, n network) {
		r := newRoom(t, deliver.Config{})
		c := join(t, r, n, "alice")
		user := wire.Message{Verb: wire.User, Name: []byte(strings.Repeat("x", 100))}
		c.conn.Reply(slices.Repeat([]wire.Message{user}, 200_000)...)
		waited := make(chan struct{})
		go func() {
			c.conn.Wait()
			close(waited)
		}()
		c.nc.Close()
		select {
		case <-waited:
		case <-time.After(patience / 4):
			t.Error("Wait did not return")
			c.conn.Lost("so that Wait returns")
		}
	})
}

// A connection that takes nothing for the time Idle is given up; one that takes little by little is not.
func TestWriteWithoutProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const idle = 45 * time.Second
		r := newRoom(t, deliver.Config{Idle: idle})
		c := join(t, r, network{"pipe", pipe}, "alice")
		c.conn.Reply(wire.Message{Verb: wire.Pong})
		began := time.Now()
		<-c.conn.Done()
		if took := time.Since(began); took != idle {
			t.Errorf("given up after %v, want %v", took, idle)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		const idle = 45 * time.Second
		r := newRoom(t, deliver.Config{Idle: idle})
		c := join(t, r, network{"pipe", pipe}, "alice")
		user := wire.Message{Verb: wire.User, Name: []byte(strings.Repeat("x", 1000))}
		c.conn.Reply(slices.Repeat([]wire.Message{user}, 200)...)
		c.nc.SetReadDeadline(time.Time{})
		for range 200 {
			time.Sleep(time.Second) // in the bubble's time
			if _, err := io.ReadFull(c.nc, make([]byte, 1006)); err != nil {
				t.Fatalf("a slow connection was given up: %v", err)
			}
		}
	})
}
