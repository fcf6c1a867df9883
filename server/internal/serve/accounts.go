package serve

import (
	"container/list"
	"time"

	"golang.org/x/time/rate"
)

// maxForgotten is how many accounts are kept that no connection uses: of a flood from more addresses than
// that, the oldest ones begin afresh.
const maxForgotten = 4096

// An account is what an address, or a session, has taken of its share.
type account struct {
	key      string
	arrivals *rate.Limiter // of an address's connections; nil where any number may come
	lines    *rate.Limiter // nil where any number may come

	// guarded by the mutex of the limits
	in     [gone]int     // of an address: its connections in each stage
	users  int           // connections that use the account
	unused *list.Element // its place among the unused ones, while there are no users
}

// open returns how many connections of an address are open, but for those that are only about to close.
func (a *account) open() int { return a.in[waiting] + a.in[entering] + a.in[joined] }

// full reports whether the account has its whole share again, so that a new one would be the same.
func (a *account) full(now time.Time) bool {
	for _, l := range []*rate.Limiter{a.arrivals, a.lines} {
		if l != nil && l.TokensAt(now) < float64(l.Burst()) {
			return false
		}
	}
	return true
}

// accounts holds the accounts that are used, and those that are not full yet.
type accounts struct {
	byKey  map[string]*account
	unused list.List // accounts without users, first the one that has been so for longest
}

// use returns the account of a key. If there is none, it is made by open.
func (t *accounts) use(key string, open func() *account) *account {
	a := t.byKey[key]
	switch {
	case a == nil:
		a = open()
		a.key = key
		t.byKey[key] = a
	case a.unused != nil:
		t.unused.Remove(a.unused)
		a.unused = nil
	}
	a.users++
	return a
}

// release is called when a connection no longer uses the account.
func (t *accounts) release(a *account, now time.Time) {
	a.users--
	if a.users == 0 {
		a.unused = t.unused.PushBack(a)
	}
	for oldest := t.unused.Front(); oldest != nil; oldest = t.unused.Front() {
		a := oldest.Value.(*account)
		if t.unused.Len() <= maxForgotten && !a.full(now) {
			return
		}
		t.unused.Remove(oldest)
		delete(t.byKey, a.key)
	}
}
