package chat

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"parley/server/wire"
)

// attend runs a chat for the steps of a test, in the bubble's time, and checks what it shows.
func attend(t *testing.T, steps func(come func(verb wire.Verb, name, text string), c *Chat), want string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		face := new(record)
		c := newChat(t.Context(), Config{Person: true}, face)
		c.cfg.Name = "alice"
		seq := uint64(0)
		steps(func(verb wire.Verb, name, text string) {
			seq++
			m := wire.Message{Verb: verb, Seq: seq, Time: 1, Name: []byte(name), Text: []byte(text)}
			if verb == wire.Left {
				c.presence(m, "has left"+inBrackets(text))
			} else {
				c.onJoined(m)
			}
		}, c)
		c.showCrowd()
		want := strings.ReplaceAll(strings.TrimSpace(want), "\t", "")
		if diff := cmp.Diff(want, strings.Join(face.lines, "\n")); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// pass lets time pass. Meanwhile the chat shows crowds when they are due.
func pass(c *Chat, d time.Duration) {
	const after = time.Microsecond // so that a crowd that is due at the end is shown
	for end := time.Now().Add(d + after); time.Now().Before(end); {
		select {
		case <-c.crowd.due:
			c.showCrowd()
		case <-time.After(time.Until(end)):
		}
	}
}

// A few joins and leaves are shown one by one, those beyond them within a second as one line, and once it is
// quiet again each is shown at once.
func TestCrowd(t *testing.T) {
	attend(t, func(come func(wire.Verb, string, string), c *Chat) {
		for i := range 20 {
			come(wire.Joined, fmt.Sprint("p", i), "")
		}
		c.show("at once")
		pass(c, time.Second)
		c.show("a second later")
		pass(c, 29*time.Second)
		come(wire.Left, "p1", "connection lost")
		c.show("half a minute later")
	}, `
		p0 has joined
		p1 has joined
		p2 has joined
		p3 has joined
		p4 has joined
		p5 has joined
		p6 has joined
		p7 has joined
		at once
		12 people have joined: p8, p9, p10 and 9 more
		a second later
		p1 has left (connection lost)
		half a minute later`)
}

// All is said about one person who joined or left, the user's own join comes at once, joins and leaves are
// apart, that which came last is the last, and the names are escaped.
func TestSmallCrowd(t *testing.T) {
	attend(t, func(come func(wire.Verb, string, string), c *Chat) {
		for i := range aFew {
			come(wire.Joined, fmt.Sprint("p", i), "")
		}
		come(wire.Left, "p1", "connection lost")
		come(wire.Joined, "alice", "")
		pass(c, crowdTime)
		c.show("a second later")
		come(wire.Left, "bob", "")
		come(wire.Joined, "bob", "")
		come(wire.Left, "bob", "kicked")
		come(wire.Joined, "car\u202eol", "")
		come(wire.Joined, "dave", "")
		come(wire.Left, "bob", "timed out")
		pass(c, crowdPause-time.Millisecond)
		c.show("a little less than ten seconds later")
		pass(c, time.Millisecond)
		c.show("ten seconds later")
	}, `
		p0 has joined
		p1 has joined
		p2 has joined
		p3 has joined
		p4 has joined
		p5 has joined
		p6 has joined
		p7 has joined
		alice has joined
		p1 has left (connection lost)
		a second later
		a little less than ten seconds later
		3 people have joined: bob, car\u{202E}ol, dave
		bob has left (timed out)
		ten seconds later`)
}

// However many join and leave, for however long, few lines are shown.
func TestCrowdForLong(t *testing.T) {
	for _, pause := range []time.Duration{time.Second / 100, time.Second, 3 * time.Second, 4 * time.Second,
		10 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			const most, minutes = 28, 10 // lines in a minute
			face := new(record)
			c := newChat(t.Context(), Config{}, face)
			for i := 0; time.Duration(i)*pause < minutes*time.Minute; i++ {
				m := wire.Message{Verb: wire.Joined, Name: fmt.Append(nil, i)}
				c.presence(m, "has joined")
				m.Verb = wire.Left
				c.presence(m, "has left")
				pass(c, pause)
			}
			if n := len(face.lines); n > most*minutes || n < minutes {
				t.Errorf("one in %v: %d lines in %d minutes", pause, n, minutes)
			}
			if c.crowd.due == nil && len(c.crowd.tallies) > 0 {
				t.Error("some are never shown")
			}
		})
	}
}

// Hidden joins and leaves stay hidden, and the end of the chat shows those that are not shown yet.
func TestCrowdQuietAndEnd(t *testing.T) {
	var joins strings.Builder
	for i := range aFew + 3 {
		fmt.Fprintf(&joins, "< JOINED %d 0 p%[1]d\n", 11+i)
	}
	shown := "p11 has joined\np12 has joined\np13 has joined\np14 has joined\n" +
		"p15 has joined\np16 has joined\np17 has joined\np18 has joined\n"
	for _, test := range []struct{ then, want string }{
		{"", shown + "3 people have joined: p19, p20, p21"},
		{"wait", shown + "3 people have joined: p19, p20, p21"},
		{". /quiet\nwait", shown + "joins and leaves are hidden"},
		{"< TOLD 40 0 bob psst", shown + "bob → you: psst\n3 people have joined: p19, p20, p21"},
	} {
		lines, status := play(t, Config{}, joins.String()+test.then)
		lines = lines[1:] // the welcome
		if diff := cmp.Diff(test.want, strings.Join(lines, "\n")); diff != "" || status != 0 {
			t.Errorf("%q: status %d (-want +got):\n%s", test.then, status, diff)
		}
	}
}
