//go:build linux || darwin

package transport

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// A tryWriter writes to one socket at a time what the socket takes without blocking.
type tryWriter struct {
	try  func(fd uintptr) // made once, because a closure for each write would be memory for each write
	bufs [][]byte
	n    int
	err  error
}

func newTryWriter() *tryWriter {
	w := &tryWriter{}
	w.try = func(fd uintptr) {
		for {
			if len(w.bufs) == 1 {
				w.n, w.err = unix.Write(int(fd), w.bufs[0])
			} else {
				w.n, w.err = unix.Writev(int(fd), w.bufs)
			}
			if w.err != unix.EINTR {
				return
			}
		}
	}
	return w
}

// write returns the part of bufs that would block.
func (w *tryWriter) write(raw syscall.RawConn, bufs [][]byte) (unsent [][]byte, err error) {
	if len(bufs) == 0 || raw == nil {
		return bufs, nil
	}
	w.bufs, w.n, w.err = bufs, 0, nil
	// Write would prepare for waiting, which costs a twentieth of all; Control only keeps the socket from
	// being closed.
	if err := raw.Control(w.try); err != nil {
		return bufs, err
	}
	if w.err == unix.EAGAIN {
		return bufs, nil
	}
	if w.err != nil {
		return bufs, w.err
	}
	n := w.n
	for len(bufs) > 0 && n >= len(bufs[0]) {
		n -= len(bufs[0])
		bufs = bufs[1:]
	}
	if n > 0 {
		bufs[0] = bufs[0][n:]
	}
	return bufs, nil
}
