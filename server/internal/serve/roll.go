package serve

import (
	"time"

	"parley/server/internal/deliver"
	"parley/server/wire"
)

// restShare is how many times as long as a list took to make nobody makes it again: lists of people take a
// tenth of a CPU at most, however many ask while however many come and go.
const restShare = 9

// A roll is the answer to WHO, made once for all who ask while the same people are here.
type roll struct {
	turn  chan struct{} // holds an element while the fields below are used
	made  *deliver.Answer
	of    uint64    // Hub.Presence, then
	begun time.Time // when it was made
	next  time.Time // when the next may be made
}

// answer returns the answer to a WHO that comes now, or nil if stop is closed before there is one.
func (r *roll) answer(h *deliver.Hub, stop <-chan struct{}) *deliver.Answer {
	asked := time.Now()
	select {
	case r.turn <- struct{}{}:
		defer func() { <-r.turn }()
	case <-stop:
		return nil
	}
	if r.made != nil && (r.of == h.Presence() || r.begun.After(asked)) {
		return r.made
	}
	select {
	case <-time.After(time.Until(r.next)):
	case <-stop:
		return nil
	}
	r.begun, r.of = time.Now(), h.Presence() // before the names, which may be newer
	names := h.Users()
	r.made = deliver.NewAnswer(wire.Message{Verb: wire.Users, Count: uint64(len(names))})
	for _, n := range names {
		r.made.Append(&wire.Message{Verb: wire.User, Name: []byte(n)})
	}
	r.next = time.Now().Add(restShare * time.Since(r.begun))
	return r.made
}
