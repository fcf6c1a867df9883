//go:build unix

package download

import (
	"errors"
	"os"
	"syscall"
)

// lock takes f for this process until f is closed, and reports whether nobody else has it. Where a file system cannot
// lock, everybody has it.
func lock(f *os.File) bool {
	return !errors.Is(syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB), syscall.EWOULDBLOCK)
}
