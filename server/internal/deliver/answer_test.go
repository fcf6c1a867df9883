package deliver_test

import (
	"fmt"
	"strings"
	"testing"

	"parley/server/internal/deliver"
	"parley/server/wire"
)

// answer returns an answer of so many lines of 1 KiB.
func answer(lines int) *deliver.Answer {
	line := wire.Message{Verb: wire.User, Name: []byte(strings.Repeat("x", 1<<10-len("USER \n")))}
	a := deliver.NewAnswer(wire.Message{Verb: wire.Users, Count: uint64(lines)})
	for range lines {
		a.Append(&line)
	}
	return a
}

// An answer comes whole, at its place among all else, to each who is sent it; its memory counts once, until
// the last one has it.
func TestAnswers(t *testing.T) {
	each(t, func(t *testing.T, n network) {
		const lines, readers = 1000, 10
		r := newRoom(t, deliver.Config{})
		var all []*client
		for i := range readers {
			c := join(t, r, n, fmt.Sprint("user", i))
			for _, other := range all {
				other.expect(fmt.Sprint("JOINED user", i))
			}
			all = append(all, c)
		}
		a := answer(lines)
		for _, c := range all {
			c.conn.Reply(wire.Message{Verb: wire.Pong})
			if err := c.conn.Share(a); err != nil {
				t.Fatal(err)
			}
			c.conn.Reply(wire.Message{Verb: wire.Pong})
		}
		if most := a.Size() + readers*1000; r.Cost() > most {
			t.Errorf("%d bytes for an answer of %d to %d", r.Cost(), a.Size(), readers)
		}
		for _, c := range all {
			c.expect("PONG", fmt.Sprintf("USERS %d", lines))
			size := 0
			for range lines {
				m := c.next()
				size += len(m.AppendServer(nil))
			}
			if size != lines<<10 {
				t.Errorf("%d bytes of lines, want %d", size, lines<<10)
			}
			c.expect("PONG")
			c.conn.Wait()
		}
		all[0].conn.Say([]byte("x"))
		all[0].expect("OK") // by now all was written
		all[1].expect("SAID user0 x")
		for _, c := range all {
			c.conn.Quit()
			c.collect()
			<-c.conn.Done()
		}
		if n := r.Cost(); n != 0 {
			t.Errorf("%d bytes are left of nothing", n)
		}
	})
}

// Many different answers that nobody reads take no more memory than the limit: whoever is sent the oldest is
// cut off, and those who read are not.
func TestAnswersThatNobodyReads(t *testing.T) {
	const size, most, readers = 4 << 10, 64 << 20, 30 // of 4 MiB each
	r := newRoom(t, deliver.Config{})
	fast := join(t, r, networks[0], "fast")
	var slow []*client
	for i := range readers {
		slow = append(slow, join(t, r, networks[2], fmt.Sprint("slow", i))) // a pipe holds nothing
	}
	fast.discard()
	for i, c := range slow {
		if err := c.conn.Share(answer(size)); err != nil {
			t.Errorf("an answer to a session that has none: %v", err)
		}
		if i == 0 {
			c.conn.Quit() // and it is not closed before the answer is read
		}
		if n := r.Cost(); n > most+1<<20 {
			t.Fatalf("after %d answers, they take %d bytes, want at most %d", i+1, n, most)
		}
	}
	var cut int
	for _, c := range slow[1:] {
		if c.conn.Reply() != nil {
			cut++
		}
	}
	if cut < readers/2-2 || cut > readers/2+1 ||
		slow[readers-1].conn.Reply() != nil || slow[1].conn.Reply() == nil {
		t.Errorf("%d of %d were cut off", cut, readers)
	}
	<-slow[0].conn.Done()
	for _, c := range slow {
		c.nc.Close()
		c.conn.Lost("cut")
	}
	if _, err := fast.conn.Say([]byte("x")); err != nil {
		t.Error(err)
	}
}
