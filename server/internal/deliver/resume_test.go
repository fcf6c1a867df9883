package deliver_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"parley/server/internal/deliver"
	"parley/server/wire"
)

// retention is how many bytes of the log the room promises to keep.
const retention = 16 << 20

// A session can be resumed until its grace period ends, counted from when it was last cut off.
func TestGrace(t *testing.T) {
	const grace = 2 * time.Minute
	synctest.Test(t, func(t *testing.T) {
		n := network{"pipe", pipe}
		r := newRoom(t, deliver.Config{Grace: grace})
		c := join(t, r, n, "alice")
		c.conn.Lost("cut")
		for range 3 {
			time.Sleep(grace - 1) // in the bubble's time
			c = c.resume(r, n)
			c.expect("RESUMED welcome back, alice: you are the only one here 0", "JOINED alice")
			c.conn.Lost("cut") // which begins a new grace period
		}
		c = c.resume(r, n)
		c.expect("RESUMED welcome back, alice: you are the only one here 0", "JOINED alice")
		time.Sleep(2 * grace) // connected, no time passes for it
		c.conn.Lost("cut")
		time.Sleep(grace + 1)
		synctest.Wait()
		_, err := r.Resume(nil, c.token, c.seq)
		refused(t, err, wire.Resume, wire.CodeGone)
		join(t, r, n, "alice").conn.Quit()
	})
}

// Each who resumes gets everything as long as the log reaches back, and is told when it does not.
func TestResumeAfterMuchWasSaid(t *testing.T) {
	text := []byte(strings.Repeat("x", 4000))
	for _, test := range []struct {
		said int // bytes, while it was cut off
		code string
	}{
		{retention - 64<<10, ""},
		{retention + 256<<10, wire.CodeGone},
	} {
		n := networks[0]
		r := newRoom(t, deliver.Config{})
		sender, c := join(t, r, n, "sender"), join(t, r, n, "alice")
		sender.discard()
		c.conn.Lost("cut")
		var want []uint64
		for size := 0; size < test.said; size += len(text) + 40 {
			seq, err := sender.conn.Say(text)
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, seq)
		}
		if test.code != "" {
			_, err := r.Resume(nil, c.token, c.seq)
			refused(t, err, wire.Resume, test.code)
			join(t, r, n, "alice") // it joins afresh, at once
			continue
		}
		c = c.resume(r, n)
		c.expect("RESUMED welcome back, alice: 2 people are here 0")
		for i, seq := range want {
			if m := c.next(); m.Seq != seq {
				t.Fatalf("%s as line %d of %d, want seq %d", form(m)[:20], i, len(want), seq)
			}
		}
		c.expect("JOINED alice")
	}
}

// What was acknowledged, or was too much to keep, cannot be asked for again.
func TestResumeFromWhatIsForgotten(t *testing.T) {
	n := networks[2] // a pipe: what was read was sent, and nothing else
	tests := []struct {
		name    string
		acked   int // of 10 unicasts, the number of those acknowledged
		texts   int // bytes of each
		after   int // resume after so many
		refused bool
	}{
		{"all of it", 0, 10, 0, false},
		{"after the acknowledged", 4, 10, 4, false},
		{"before the acknowledged", 4, 10, 3, true},
		{"much, from its end", 0, 60_000, 10, false},
		{"too much, from its beginning", 0, 60_000, 0, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := newRoom(t, deliver.Config{})
			sender, c := join(t, r, n, "sender"), join(t, r, n, "alice")
			sender.discard()
			seqs := []uint64{c.seq}
			for range 10 {
				text := []byte(strings.Repeat("x", min(test.texts, 4000)))
				if _, _, err := sender.conn.Tell([]byte("alice"), text); err != nil {
					t.Fatal(err)
				}
				for range test.texts / 4000 { // more than a line holds, in lines that nobody resumes from
					sender.conn.Tell([]byte("alice"), []byte(strings.Repeat("y", 4000)))
				}
				for range 1 + test.texts/4000 {
					c.next()
				}
				seqs = append(seqs, c.seq)
			}
			if test.acked > 0 {
				c.conn.Ack(seqs[test.acked])
			}
			c.conn.Lost("cut")
			c.seq = seqs[test.after]
			if test.refused {
				_, err := r.Resume(nil, c.token, c.seq)
				refused(t, err, wire.Resume, wire.CodeGone)
				return
			}
			c = c.resume(r, n)
			c.expect("RESUMED welcome back, alice: 2 people are here 0")
			var got []uint64
			if last := c.readTold(&got); last != "JOINED alice" {
				t.Errorf("%q after the unicasts", last)
			}
			if want := seqs[test.after+1:]; test.texts < 4000 && !slices.Equal(want, got) {
				t.Errorf("unicasts %d, want %d", got, want)
			}
		})
	}
}

// Long answers are not part of the stream, and to forget them costs nobody the resuming.
func TestResumeAfterLongAnswers(t *testing.T) {
	n := networks[2]
	r := newRoom(t, deliver.Config{})
	bob, cleo, alice := join(t, r, n, "bob"), join(t, r, n, "cleo"), join(t, r, n, "alice")
	cleo.discard()
	bob.discard()
	bob.conn.Tell([]byte("cleo"), []byte("a seq that alice never sees"))
	for range 5000 {
		alice.conn.Reply(wire.Message{Verb: wire.User, Name: []byte("somebody")})
		alice.expect("USER somebody")
	}
	bob.conn.Say([]byte("on its way"))
	alice.conn.Lost("cut")
	alice.resume(r, n).expect("RESUMED welcome back, alice: 3 people are here 0",
		"SAID bob on its way", "JOINED alice")
}

func TestResumeRefused(t *testing.T) {
	n := networks[0]
	r := newRoom(t, deliver.Config{})
	watcher, c := join(t, r, n, "watcher"), join(t, r, n, "alice")
	for _, token := range []string{"", "0", strings.Repeat("0", 32), strings.ToUpper(c.token)} {
		_, err := r.Resume(nil, token, c.seq)
		refused(t, err, wire.Resume, wire.CodeGone)
	}
	watcher.expect("JOINED alice")
	// From a seq that was never given: such a client is not from here. Its session ends, so that it can
	// join afresh.
	_, err := r.Resume(nil, c.token, c.seq+1000)
	refused(t, err, wire.Resume, wire.CodeGone)
	watcher.expect("LEFT alice connection lost")
	c.expectEnd("ERROR - moved this session goes on over another connection",
		"BYE the session can be resumed")
	join(t, r, n, "alice")
	watcher.expect("JOINED alice")
}

// RESUME takes the session from a connection that seems alive; what the old one still does is without effect.
func TestTakeOver(t *testing.T) {
	each(t, func(t *testing.T, n network) {
		r := newRoom(t, deliver.Config{})
		watcher, old := join(t, r, n, "watcher"), join(t, r, n, "alice")
		watcher.expect("JOINED alice")
		if _, err := old.conn.Say([]byte("one")); err != nil {
			t.Fatal(err)
		}
		again := old.resume(r, n)
		again.expect("RESUMED welcome back, alice: 2 people are here 1", "OK")
		_, err := old.conn.Say([]byte("not said"))
		_, _, err2 := old.conn.Tell([]byte("watcher"), []byte("not told"))
		err3 := old.conn.Send(nil, 0)
		if !errors.Is(err, deliver.ErrEnded) || !errors.Is(err2, deliver.ErrEnded) ||
			!errors.Is(err3, deliver.ErrEnded) {
			t.Errorf("errors %v, %v, %v, want %v", err, err2, err3, deliver.ErrEnded)
		}
		old.conn.Reply(wire.Message{Verb: wire.Pong})
		old.conn.Ack(1 << 40)
		old.conn.Stop()
		old.conn.Wait()
		old.conn.Quit()
		old.conn.Lost("the old connection")
		if _, err := again.conn.Say([]byte("two")); err != nil {
			t.Fatal(err)
		}
		again.expect("OK")
		watcher.expect("SAID alice one", "SAID alice two") // and no LEFT or JOINED
		if diff := cmp.Diff([]string{"alice", "watcher"}, r.Users()); diff != "" {
			t.Errorf("users (-want +got):\n%s", diff)
		}
	})
}

// The name of a session that is cut off is free for anyone who comes afresh; the old session is gone then.
func TestNameOfOneCutOff(t *testing.T) {
	n := networks[0]
	r := newRoom(t, deliver.Config{})
	watcher, old := join(t, r, n, "watcher"), join(t, r, n, "Alice")
	server, _ := n.connect(t)
	_, err := r.Join(server, "ALICE", 0)
	refused(t, err, wire.Hello, wire.CodeNameTaken)
	old.conn.Lost("cut")
	_, _, err = watcher.conn.Tell([]byte("alice"), []byte("x"))
	refused(t, err, wire.Tell, wire.CodeAway)
	join(t, r, n, "alice")
	_, err = r.Resume(nil, old.token, old.seq)
	refused(t, err, wire.Resume, wire.CodeGone)
	watcher.expect("JOINED Alice", "LEFT Alice cut",
		"REFUSED away Alice has lost the connection and is not back", "JOINED alice")
}

// As many are let in as the limit says; those who are cut off do not count, and no more of them are kept.
func TestMaxSessions(t *testing.T) {
	const most = 3
	n := networks[0]
	r := newRoom(t, deliver.Config{MaxSessions: most})
	var old []*client
	for round := range 2 {
		var here []*client
		for i := range most {
			here = append(here, join(t, r, n, fmt.Sprintf("user%d%d", round, i)))
		}
		server, _ := n.connect(t)
		_, err := r.Join(server, "another", 0)
		refused(t, err, wire.Hello, wire.CodeFull)
		if len(old) > 0 {
			_, err = r.Resume(server, old[0].token, old[0].seq)
			refused(t, err, wire.Resume, wire.CodeFull)
		}
		for _, c := range here {
			c.conn.Lost("cut")
		}
		old = append(old, here...)
	}
	r.await(t, most)
	kept := 0
	for _, c := range old {
		server, _ := n.connect(t)
		if conn, err := r.Resume(server, c.token, c.seq); err == nil {
			kept++
			conn.Quit()
		}
	}
	if kept != most {
		t.Errorf("%d sessions were kept for their resuming, want %d", kept, most)
	}
}

func TestHistory(t *testing.T) {
	n := networks[0]
	r := newRoom(t, deliver.Config{})
	sender := join(t, r, n, "sender")
	sender.discard()
	var all []string
	say := func(count int) {
		for range count {
			text := fmt.Sprintf("%d %s", len(all), strings.Repeat("x", len(all)%200))
			if _, err := sender.conn.Say([]byte(text)); err != nil {
				t.Fatal(err)
			}
			all = append(all, "SAID sender "+text)
		}
	}
	// check joins and wants the newest broadcasts, before its own JOINED.
	check := func(asked, want int) {
		t.Helper()
		c := hello(t, r, n, "newcomer", asked)
		c.expect("WELCOME welcome to parley, newcomer: 2 people are here")
		welcomed := c.seq
		var got []string
		m := c.next()
		for ; m.Verb == wire.Said; m = c.next() {
			got = append(got, form(m))
			if m.Seq > welcomed {
				t.Errorf("history has seq %d, above the %d of WELCOME", m.Seq, welcomed)
			}
		}
		if form(m) != "JOINED newcomer" || m.Seq <= welcomed {
			t.Errorf("%s with seq %d after the history up to %d", form(m), m.Seq, welcomed)
		}
		diff := cmp.Diff(slices.Clone(all[len(all)-want:]), got)
		if diff != "" && want > 0 || len(got) != want {
			t.Errorf("history of %d (-want +got):\n%s", asked, diff)
		}
		c.conn.Quit()
		<-c.conn.Done()
	}
	check(10, 0)
	say(10)
	check(0, 0)
	check(1, 1)
	check(10, 10)
	check(11, 10)
	say(wire.MaxHistory - 10 - 1)
	check(wire.MaxHistory, wire.MaxHistory-1)
	say(1)
	check(wire.MaxHistory, wire.MaxHistory)
	say(1500)
	check(wire.MaxHistory, wire.MaxHistory)
	check(wire.MaxHistory-1, wire.MaxHistory-1)
	check(2*wire.MaxHistory, wire.MaxHistory)
}
