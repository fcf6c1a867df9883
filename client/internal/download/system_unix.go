//go:build linux || darwin

package download

import (
	"os"

	"golang.org/x/sys/unix"
)

const closeFirst = false // an open file can be renamed and removed

// notSynced are the errors of file systems that cannot flush a file.
var notSynced = []error{unix.EINVAL, unix.ENOTTY}

// lock locks a file for as long as it is open, and reports whether no other client has locked it. A file
// system without locks does without.
func lock(f *os.File) bool {
	return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) != unix.EWOULDBLOCK
}

// links returns how many names a file has.
func links(f *os.File) uint64 {
	var s unix.Stat_t
	if unix.Fstat(int(f.Fd()), &s) != nil {
		return 1
	}
	return uint64(s.Nlink)
}

// Free returns how many bytes can still be written in a folder, if that is known.
func Free(folder string) (bytes uint64, known bool) {
	var s unix.Statfs_t
	err := unix.Statfs(folder, &s)
	return uint64(s.Bavail) * uint64(s.Bsize), err == nil && s.Blocks > 0
}
