package serve

import (
	"time"

	"golang.org/x/time/rate"

	"parley/server/wire"
)

const (
	// seconds of the rate that a session may save up, so that a person who pastes does not wait; and as
	// many that it may owe for answers, so that it is never silent for longer than clients wait for a
	// PONG
	burstPeriod = 5
	// clients of one address together have the rate of so many: those of an office that paste at the same
	// time
	addressRate = 4
	// bytes of answers that cost what a line costs: as many as the longest line has that a client may
	// send
	answerPrice = wire.MaxLine
)

// newLines returns a limit for lines, or nil for a rate of 0, which is any number.
func newLines(perSecond float64) *rate.Limiter {
	if perSecond == 0 {
		return nil
	}
	return rate.NewLimiter(rate.Limit(perSecond), int(max(1, perSecond*burstPeriod)))
}

// A meter has what a session takes counted, as lines: on its own account and on that of its address.
type meter struct {
	session, address *account // nil if nothing is counted
}

// limiters returns those that count.
func (m meter) limiters() (all []*rate.Limiter) {
	for _, a := range [...]*account{m.session, m.address} {
		if a != nil && a.lines != nil {
			all = append(all, a.lines)
		}
	}
	return all
}

// line counts a line, and returns how long it has to wait. What is free only waits for what was counted
// before.
func (m meter) line(free bool) (wait time.Duration) {
	now := time.Now()
	for _, l := range m.limiters() {
		r := l.ReserveN(now, 1)
		wait = max(wait, r.DelayFrom(now))
		if free {
			r.CancelAt(now)
		}
	}
	return wait
}

// answer counts bytes that the session is sent in answer to a line. Those who owe much already are not
// charged for more than they may owe.
func (m meter) answer(bytes int) {
	now := time.Now()
	for _, l := range m.limiters() {
		burst := l.Burst()
		n := min((bytes+answerPrice-1)/answerPrice, burst+int(l.TokensAt(now)))
		for ; n > 0; n -= burst {
			l.ReserveN(now, min(n, burst))
		}
	}
}

// sessionKey is what the account of a session with this token is found by. Where addresses are limited, all
// sessions of a client's key share one.
func (g *guest) sessionKey(token string) string {
	if key := g.nc.Key(); len(key) > 0 && !g.local {
		return string(key)
	}
	return string(hash(token))
}

// meter returns the meter of a session that has joined.
func (g *guest) meter(token string) meter {
	l := g.limits
	m := meter{address: g.address}
	if l.lineRate > 0 {
		l.mu.Lock()
		defer l.mu.Unlock()
		m.session = l.accounts.use(g.sessionKey(token), func() *account {
			return &account{lines: newLines(l.lineRate)}
		})
	}
	return m
}

// repay waits until neither the session with this token nor the address owes anything for lines and answers.
// It reports whether that was possible: it is not when the server ends.
func (g *guest) repay(token string) bool {
	l := g.limits
	l.mu.Lock()
	m := meter{l.accounts.byKey[g.sessionKey(token)], g.address}
	l.mu.Unlock()
	wait := m.line(false)
	if wait == 0 {
		return true
	}
	select {
	case <-time.After(wait):
		return true
	case <-l.closing:
		return false
	}
}
