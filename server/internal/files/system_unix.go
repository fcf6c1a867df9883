//go:build unix

package files

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

const nonblock = unix.O_NONBLOCK // opening a named pipe does not wait for its other end

// change returns the inode of a file and when it changed last, which the system notes and no program can set.
func change(file *os.File) (ctime time.Time, inode uint64) {
	var s unix.Stat_t
	if unix.Fstat(int(file.Fd()), &s) == nil {
		ctime, inode = time.Unix(s.Ctim.Unix()), uint64(s.Ino)
	}
	return ctime, inode
}
