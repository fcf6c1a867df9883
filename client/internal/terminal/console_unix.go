//go:build unix

package terminal

import (
	"os"
	"time"

	tea "charm.land/bubbletea/v2"
	"golang.org/x/sys/unix"
)

// stoppable reports whether there is a shell that can continue the client after it was stopped. A shell with
// job control has put the client in its own process group; without job control, nobody would wake it again.
func stoppable() bool {
	session, err := unix.Getsid(0)
	return err == nil && session != unix.Getpgrp()
}

// patched returns filter: nothing needs a work-around here.
func patched(_, _ *os.File, filter func(tea.Model, tea.Msg) tea.Msg) func(tea.Model, tea.Msg) tea.Msg {
	return filter
}

// arrives reports whether input arrives from a terminal in time.
func arrives(f *os.File, wait time.Duration) bool {
	for end := time.Now().Add(wait); ; {
		var set unix.FdSet // poll does not work with terminals on macOS
		set.Set(int(f.Fd()))
		left := unix.NsecToTimeval(max(0, time.Until(end).Nanoseconds()))
		if n, err := unix.Select(int(f.Fd())+1, &set, nil, nil, &left); err != unix.EINTR {
			return n > 0
		}
	}
}
