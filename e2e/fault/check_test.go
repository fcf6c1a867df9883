package fault

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// A play is a made-up run that went well, as a room without faults would record it.
type play struct {
	rand    *rand.Rand
	records []*Record // the witness first
	here    []*Record
}

// newPlay makes up a run in which some sessions stay, some leave, and some are killed.
func newPlay(seed uint64) *play {
	p := &play{rand: rand.New(rand.NewPCG(seed, 0))}
	for range 4 + p.rand.IntN(4) {
		p.join().Whole = true
	}
	for range 300 + p.rand.IntN(300) {
		switch n := p.rand.IntN(100); {
		case n == 0:
			p.join()
		case n == 1:
			if last := p.here[len(p.here)-1]; !last.Whole {
				p.leave(last)
			}
		default:
			p.say(p.here[1+p.rand.IntN(len(p.here)-1)])
		}
	}
	for _, r := range p.here {
		r.Sure = true
	}
	for _, r := range p.here[1:] { // so that everyone has seen a message of everyone
		p.broadcast(r)
	}
	p.broadcast(p.here[1]) // the last message is for all
	p.broadcast(p.here[2])
	return p
}

func (p *play) join() *Record {
	r := &Record{ID: int32(len(p.records)), Refused: make(map[int32]int)}
	p.records, p.here = append(p.records, r), append(p.here, r)
	for _, o := range p.here {
		o.Got = append(o.Got, Event{Kind: Joined, From: r.ID})
	}
	return r
}

// leave ends a session; in half of the cases its last messages have not arrived.
func (p *play) leave(r *Record) {
	p.here = slices.DeleteFunc(p.here, func(o *Record) bool { return o == r })
	r.Sure = p.rand.IntN(2) == 0
	if !r.Sure {
		r.Sent = append(r.Sent, everyone, p.here[1].ID)
	}
	for _, o := range p.here {
		o.Got = append(o.Got, Event{Kind: Left, From: r.ID})
	}
}

func (p *play) say(r *Record) {
	if p.rand.IntN(3) > 0 {
		p.broadcast(r)
		return
	}
	to := p.records[1+p.rand.IntN(len(p.records)-1)]
	if to == r {
		return
	}
	n := int32(len(r.Sent))
	r.Sent = append(r.Sent, to.ID)
	if !slices.Contains(p.here, to) || p.rand.IntN(4) == 0 {
		r.Refused[to.ID]++
		return
	}
	to.Got = append(to.Got, Event{Told, r.ID, to.ID, n})
}

func (p *play) broadcast(r *Record) {
	n := int32(len(r.Sent))
	r.Sent = append(r.Sent, everyone)
	for _, o := range p.here {
		if o != r {
			o.Got = append(o.Got, Event{Said, r.ID, everyone, n})
		}
	}
}

// pick draws an event that ok accepts, and whose it is.
func (p *play) pick(ok func(r *Record, i int) bool) (*Record, int) {
	for {
		r := p.records[p.rand.IntN(len(p.records))]
		if len(r.Got) == 0 {
			continue
		}
		if i := p.rand.IntN(len(r.Got)); ok(r, i) {
			return r, i
		}
	}
}

func isMessage(r *Record, i int) bool { return r.Got[i].Kind == Said || r.Got[i].Kind == Told }

// lossy loses a message: any message to a session that stays, or to one that left a broadcast that was not
// its last.
func lossy(p *play) {
	r, i := p.pick(func(r *Record, i int) bool {
		later := slices.ContainsFunc(r.Got[i+1:], func(e Event) bool { return e.Kind == Said })
		sure := r.Got[i].Kind == Said && (r.Whole || later)
		return sure || r.Got[i].Kind == Told && r.Whole && p.records[r.Got[i].From].Sure
	})
	r.Got = slices.Delete(r.Got, i, i+1)
}

// doubling delivers a message twice, at once or later.
func doubling(p *play) {
	r, i := p.pick(isMessage)
	r.Got = slices.Insert(r.Got, i+1+p.rand.IntN(len(r.Got)-i), r.Got[i])
}

// reordering moves a message behind a later one: of the same sender, or both of them broadcasts.
func reordering(p *play) {
	var other int
	r, i := p.pick(func(r *Record, i int) bool {
		if !isMessage(r, i) || i+1 == len(r.Got) {
			return false
		}
		other = i + 1 + p.rand.IntN(len(r.Got)-i-1)
		a, b := r.Got[i], r.Got[other]
		return isMessage(r, other) && (a.From == b.From || a.Kind == Said && b.Kind == Said)
	})
	r.Got[i], r.Got[other] = r.Got[other], r.Got[i]
}

// misdirecting shows a session a message that is not for it: its own broadcast, or a unicast to another.
func misdirecting(p *play) {
	r := p.records[p.rand.IntN(len(p.records))]
	var from *Record
	var n int
	for {
		from = p.records[1+p.rand.IntN(len(p.records)-1)]
		if len(from.Sent) == 0 {
			continue
		}
		n = p.rand.IntN(len(from.Sent))
		if to := from.Sent[n]; to != r.ID && (to != everyone || from == r) {
			break
		}
	}
	e := Event{Said, from.ID, from.Sent[n], int32(n)}
	if p.rand.IntN(2) == 0 {
		e.Kind = Told
	}
	r.Got = slices.Insert(r.Got, p.rand.IntN(len(r.Got)+1), e)
}

// inventing shows a session a message that nobody sent.
func inventing(p *play) {
	r, i := p.pick(isMessage)
	e := r.Got[i]
	e.N = int32(len(p.records[e.From].Sent))
	r.Got = slices.Insert(r.Got, i+1, e)
}

// garbling shows a session a message whose text nobody sent.
func garbling(p *play) {
	r, i := p.pick(isMessage)
	r.Got[i] = Event{Kind: Garbled, From: r.Got[i].From}
}

// leaking delivers a unicast that its sender was told is refused.
func leaking(p *play) {
	r, i := p.pick(func(r *Record, i int) bool {
		return r.Got[i].Kind == Told && p.records[r.Got[i].From].Sure
	})
	p.records[r.Got[i].From].Refused[r.ID]++
}

// silent loses a broadcast for everyone.
func silent(p *play) {
	r, i := p.pick(func(r *Record, i int) bool {
		return r.Got[i].Kind == Said && p.records[r.Got[i].From].Sure
	})
	lost := r.Got[i]
	for _, r := range p.records {
		r.Got = slices.DeleteFunc(r.Got, func(e Event) bool { return e == lost })
	}
}

// repeating has one session see another come or leave twice in a row.
func repeating(p *play) {
	r, i := p.pick(func(r *Record, i int) bool { return r.Got[i].Kind == Left || r.Got[i].Kind == Joined })
	r.Got = slices.Insert(r.Got, i, r.Got[i])
}

// TestCheckFindsNothing: a run that went well passes.
func TestCheckFindsNothing(t *testing.T) {
	for seed := range uint64(300) {
		if v := Check(newPlay(seed).records); !v.OK() {
			t.Fatalf("seed %d: %+v", seed, v)
		}
	}
}

// TestCheckBrokenOff: what has not arrived when a run is broken off is not lost.
func TestCheckBrokenOff(t *testing.T) {
	for seed := range uint64(300) {
		p := newPlay(seed)
		for _, r := range p.records {
			r.Got = r.Got[:p.rand.IntN(len(r.Got)+1)]
			r.Whole, r.Sure = false, false
		}
		if v := Check(p.records); !v.OK() {
			t.Fatalf("seed %d: %+v", seed, v)
		}
	}
}

// TestCheckFinds: a single fault among hundreds of messages is found every time, and named correctly.
func TestCheckFinds(t *testing.T) {
	for _, c := range []struct {
		name   string
		tamper func(*play)
		found  func(*Verdict) int
	}{
		{"lossy", lossy, func(v *Verdict) int { return v.Lost }},
		{"silent", silent, func(v *Verdict) int { return v.Lost }},
		{"repeating", repeating, func(v *Verdict) int { return v.Lost }},
		{"doubling", doubling, func(v *Verdict) int { return v.Doubled }},
		{"reordering", reordering, func(v *Verdict) int { return v.Misordered }},
		{"misdirecting", misdirecting, func(v *Verdict) int { return v.Misdirected }},
		{"inventing", inventing, func(v *Verdict) int { return v.Misdirected }},
		{"garbling", garbling, func(v *Verdict) int { return v.Misdirected }},
		{"leaking", leaking, func(v *Verdict) int { return v.Misdirected }},
	} {
		t.Run(c.name, func(t *testing.T) {
			for seed := range uint64(300) {
				p := newPlay(seed)
				c.tamper(p)
				if v := Check(p.records); c.found(v) == 0 || len(v.Examples) == 0 {
					t.Fatalf("seed %d: found only %+v", seed, v)
				}
			}
		})
	}
}
