//go:build unix

package terminal

import (
	"os"
	"os/signal"
	"time"

	tea "charm.land/bubbletea/v2"
	"golang.org/x/sys/unix"
)

// stoppable reports whether a shell waits that can continue the client when it is stopped. One with job
// control has put the client in a process group of its own; without, nobody would wake it again.
func stoppable() bool {
	session, err := unix.Getsid(0)
	return err == nil && session != unix.Getpgrp()
}

// notifyResumed has c told when the program was stopped and goes on.
func notifyResumed(c chan<- os.Signal) { signal.Notify(c, unix.SIGCONT) }

// patched returns filter: nothing is lacking.
func patched(_, _ *os.File, filter func(tea.Model, tea.Msg) tea.Msg) func(tea.Model, tea.Msg) tea.Msg {
	return filter
}

// comes reports whether something to read comes from a terminal within a time.
func comes(f *os.File, wait time.Duration) bool {
	for end := time.Now().Add(wait); ; {
		var set unix.FdSet // poll knows no terminals on macOS
		set.Set(int(f.Fd()))
		left := unix.NsecToTimeval(max(0, time.Until(end).Nanoseconds()))
		if n, err := unix.Select(int(f.Fd())+1, &set, nil, nil, &left); err != unix.EINTR {
			return n > 0
		}
	}
}
