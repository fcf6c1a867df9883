package download

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// lock takes f for this process until f is closed, and reports whether nobody else has it. Where a file system cannot
// lock, everybody has it. It locks one byte far behind any end: Windows keeps others from reading what is locked.
func lock(f *os.File) bool {
	const exclusive = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	err := windows.LockFileEx(windows.Handle(f.Fd()), exclusive, 0, 1, 0, &windows.Overlapped{OffsetHigh: 1 << 30})
	return !errors.Is(err, windows.ERROR_LOCK_VIOLATION)
}
