package fault

import (
	"fmt"
	"slices"
)

// A Record is what one session did and saw.
type Record struct {
	ID    int32
	Whole bool // it stayed to the end, so it must have everything after its joining
	// all its messages were answered; if not, it ended before, and its last ones may not have arrived
	Sure    bool
	Sent    []int32       // recipients of its messages; the index is the number of the message
	Refused map[int32]int // unicasts that the server did not take, by recipient
	Got     []Event       // the conversation as it was printed, in order
}

// A Verdict is what is wrong with a run.
type Verdict struct {
	Lost        int // messages that a session should have seen and has not
	Doubled     int // messages that a session saw again
	Misordered  int // messages that a session saw after one that comes later
	Misdirected int // messages that a session should not have seen, or not in that form
	Examples    []string
}

// OK reports whether nothing is wrong.
func (v *Verdict) OK() bool { return v.Lost+v.Doubled+v.Misordered+v.Misdirected == 0 }

// maxExamples is how many findings are described.
const maxExamples = 10

func (v *Verdict) add(count *int, n int, format string, args ...any) {
	*count += n
	if len(v.Examples) < maxExamples {
		v.Examples = append(v.Examples, fmt.Sprintf(format, args...))
	}
}

// A checker compares records. The first one is the witness: it joined before all others, saw all and said
// nothing, so the order of what it saw is the one that all others must have seen, too.
type checker struct {
	Verdict
	sessions map[int32]*Record
	order    []Event          // of the witness: its broadcasts
	place    map[int32][]int  // of each broadcast in order, by sender and number; -1 for none
	joined   map[int32]int    // place of a session's first joining in order
	newest   map[int32]int32  // number of the newest broadcast of a sender that anyone saw
	unicasts map[[2]int32]int // numbers of those that arrived, by sender and recipient
}

// Check returns what is wrong with the records of a run. The first one is the witness's. In a run that was
// broken off, nobody stayed to the end.
//
// A session that stayed must have seen, after its own joining, each broadcast of the others once and in the
// witness's order, and all of the unicasts to it that were taken. One that left may lack what came after the
// last that it saw. Of what a session sent that ended before it had its answers, the others must have seen
// the first part, without a gap.
func Check(records []*Record) *Verdict {
	c := &checker{sessions: make(map[int32]*Record), place: make(map[int32][]int),
		joined: make(map[int32]int),
		newest: make(map[int32]int32), unicasts: make(map[[2]int32]int)}
	for _, r := range records {
		c.sessions[r.ID] = r
		c.place[r.ID] = slices.Repeat([]int{-1}, len(r.Sent))
	}
	c.witness(records[0])
	for _, r := range records {
		c.follow(r)
	}
	for _, r := range records {
		c.answers(r)
		if records[0].Whole {
			c.taken(records[0], r)
		}
	}
	return &c.Verdict
}

// witness learns the order from the record.
func (c *checker) witness(w *Record) {
	for _, e := range w.Got {
		switch e.Kind {
		case Joined:
			if _, again := c.joined[e.From]; !again {
				c.joined[e.From] = len(c.order)
			}
		case Said:
			if p := c.place[e.From]; int(e.N) < len(p) && p[e.N] < 0 {
				p[e.N] = len(c.order)
				c.order = append(c.order, e)
			}
		}
	}
}

// A reading is the state of following a session's record.
type reading struct {
	*checker
	r     *Record
	seen  map[int32][]bool // messages, by sender and number
	last  map[int32]int32  // the newest number of each sender
	here  map[int32]Kind   // Joined or Left: which of them came last
	place int              // of the newest broadcast
}

// follow checks what a session saw.
func (c *checker) follow(r *Record) {
	f := &reading{c, r, make(map[int32][]bool), make(map[int32]int32), make(map[int32]Kind), -1}
	for _, e := range r.Got {
		switch e.Kind {
		case Joined, Left:
			if f.here[e.From] == e.Kind {
				c.add(&c.Lost, 1, "%s saw %s come or go twice in a row", name(r.ID), name(e.From))
			}
			f.here[e.From] = e.Kind
		case Said, Told:
			f.message(e)
		case Garbled:
			c.add(&c.Misdirected, 1, "%s saw a message of %s that nobody sent", name(r.ID), name(e.From))
		}
	}
	f.gaps()
}

// message checks one message: that it was for the session, is new, and comes after what was before it.
func (f *reading) message(e Event) {
	me, from := f.r.ID, f.sessions[e.From]
	if from == nil || int(e.N) >= len(from.Sent) || from.Sent[e.N] != e.To ||
		e.From == me || e.Kind == Said && e.To != everyone || e.Kind == Told && e.To != me {
		f.add(&f.Misdirected, 1, "%s saw %s, which is not for it", name(me), describe(e))
		return
	}
	if f.seen[e.From] == nil {
		f.seen[e.From], f.last[e.From] = make([]bool, len(from.Sent)), -1
	}
	if f.seen[e.From][e.N] {
		f.add(&f.Doubled, 1, "%s saw %s again", name(me), describe(e))
		return
	}
	f.seen[e.From][e.N] = true
	if e.Kind == Told {
		f.unicasts[[2]int32{e.From, me}]++
	}
	place := -1
	if e.Kind == Said {
		place = f.checker.place[e.From][e.N]
		f.newest[e.From] = max(f.newest[e.From], e.N)
	}
	switch {
	case e.N < f.last[e.From]:
		f.add(&f.Misordered, 1, "%s saw %s after number %d", name(me), describe(e), f.last[e.From])
	case place >= 0 && place < f.place:
		f.add(&f.Misordered, 1, "%s saw %s after %s, the witness before it", name(me), describe(e),
			describe(f.order[f.place]))
	}
	f.last[e.From] = max(f.last[e.From], e.N)
	f.place = max(f.place, place)
}

// gaps counts the broadcasts that the session should have seen: those after its joining, up to the end or the
// last one that it saw.
func (f *reading) gaps() {
	end := f.place + 1
	if f.r.Whole {
		end = len(f.order)
	}
	for _, e := range f.order[min(f.joined[f.r.ID], end):end] {
		if seen := f.seen[e.From]; e.From != f.r.ID && (seen == nil || !seen[e.N]) {
			f.add(&f.Lost, 1, "%s has not seen %s", name(f.r.ID), describe(e))
		}
	}
}

// answers compares the arrived unicasts of a session with those that the server took.
func (c *checker) answers(r *Record) {
	sent := make(map[int32]int)
	for _, to := range r.Sent {
		if to != everyone {
			sent[to]++
		}
	}
	for to, n := range sent {
		taken, arrived := n-r.Refused[to], c.unicasts[[2]int32{r.ID, to}]
		peer := c.sessions[to]
		switch {
		case arrived > taken:
			c.add(&c.Misdirected, arrived-taken, "%s saw %d messages of %s, which had but %d taken", name(to),
				arrived, name(r.ID), taken)
		case arrived < taken && r.Sure && peer != nil && peer.Whole:
			c.add(&c.Lost, taken-arrived, "%s saw %d messages of %s, which had %d taken", name(to), arrived,
				name(r.ID), taken)
		}
	}
}

// taken compares the broadcasts of a session with those that the witness saw.
func (c *checker) taken(w, r *Record) {
	end := len(r.Sent)
	if newest, some := c.newest[r.ID]; !r.Sure && some {
		end = int(newest) + 1
	} else if !r.Sure {
		end = 0
	}
	for n, to := range r.Sent[:end] {
		if to == everyone && c.place[r.ID][n] < 0 {
			c.add(&c.Lost, 1, "%s, the witness, has not seen %s", name(w.ID),
				describe(Event{Said, r.ID, to, int32(n)}))
		}
	}
}

// describe names a message.
func describe(e Event) string {
	switch {
	case e.Kind == Told && e.To != everyone:
		return fmt.Sprintf("number %d of %s, to %s", e.N, name(e.From), name(e.To))
	case e.Kind == Told:
		return fmt.Sprintf("broadcast %d of %s, as a unicast", e.N, name(e.From))
	case e.To != everyone:
		return fmt.Sprintf("number %d of %s, to %s, as a broadcast", e.N, name(e.From), name(e.To))
	}
	return fmt.Sprintf("broadcast %d of %s", e.N, name(e.From))
}
