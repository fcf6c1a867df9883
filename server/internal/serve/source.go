package serve

import (
	"errors"
	"os"
	"sync"
	"time"

	"parley/server/internal/transport"
)

// A phase is a part of a connection's life, which says what its read deadline means.
type phase uint8

const (
	joining   phase = iota // HELLO must have succeeded by the deadline
	open                   // the session's lines; the deadline moves with each of them
	lingering              // the writing side is done, and the client must close the connection by then
)

// errIdle reports that no input arrived for so long that the client may be parked.
var errIdle = errors.New("no input")

// A source reads from a connection, by the deadline of its phase.
type source struct {
	nc *transport.Conn

	// owned by the reader
	idle      time.Duration // silence after which an open connection is given up
	spoke     bool          // a line has come since the deadline was set
	parkAfter time.Duration // silence after which Read returns errIdle; 0 for never
	parkNow   bool          // nothing is expected soon: the next Read need not wait so long

	mu       sync.Mutex // guards the following fields, and the deadline of nc
	phase    phase
	deadline time.Time
}

// open begins the phase of the session's lines.
func (s *source) open(idle time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.idle = idle
	if s.phase == joining {
		s.phase, s.spoke, s.parkNow = open, true, true
	}
}

// linger begins the last phase. It may be called by any goroutine, and ends a Read that began before.
func (s *source) linger(limit time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.phase, s.deadline = lingering, time.Now().Add(limit)
	s.nc.SetReadDeadline(s.deadline)
}

// until returns the deadline of the phase.
func (s *source) until() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.deadline
}

func (s *source) Read(p []byte) (int, error) {
	wait := s.arm(time.Now())
	n, err := s.nc.Read(p)
	s.parkNow = false
	if wait && errors.Is(err, os.ErrDeadlineExceeded) {
		err = errIdle
	}
	return n, err
}

// arm sets the deadline of the next read, and reports whether it is before that of the phase, because the
// client may be parked.
func (s *source) arm(now time.Time) (early bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	by := s.deadline
	if s.phase == open {
		if s.spoke {
			s.spoke, s.deadline = false, now.Add(s.idle)
		}
		by = s.deadline
		wait := s.parkAfter
		if s.parkNow {
			wait = 0
		}
		if idle := now.Add(wait); s.parkAfter > 0 && idle.Before(by) {
			by, early = idle, true
		}
	}
	s.nc.SetReadDeadline(by)
	return early
}
