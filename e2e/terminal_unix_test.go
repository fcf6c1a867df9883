//go:build unix

package e2e

import (
	"os"

	"golang.org/x/sys/unix"
)

// interruptible returns a terminal whose Close ends a Read that waits. Package pty has made it one whose Close
// waits for the Read, so that nobody would hang up before the program prints something.
func interruptible(pty *os.File) (*os.File, error) {
	defer pty.Close()
	fd, err := unix.FcntlInt(pty.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err == nil {
		err = unix.SetNonblock(fd, true)
	}
	return os.NewFile(uintptr(fd), pty.Name()), err
}

// setSize changes the size of a terminal, as pty.Setsize does, but leaves it interruptible.
func setSize(pty *os.File, cols, rows int) error {
	raw, err := pty.SyscallConn()
	if err != nil {
		return err
	}
	size := &unix.Winsize{Col: uint16(cols), Row: uint16(rows)}
	e := raw.Control(func(fd uintptr) { err = unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, size) })
	if e != nil {
		return e
	}
	return err
}
