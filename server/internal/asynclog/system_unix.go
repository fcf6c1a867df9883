//go:build unix

package asynclog

import (
	"os"
	"syscall"
)

// asFound opens what was looked at: no link that has taken its place since, and a named pipe without waiting.
const asFound = syscall.O_NOFOLLOW | syscall.O_NONBLOCK | syscall.O_NOCTTY

// isForeign reports whether another user made a file, who is not root.
func isForeign(info os.FileInfo) bool {
	s, ok := info.Sys().(*syscall.Stat_t)
	return ok && s.Uid != 0 && int(s.Uid) != os.Geteuid()
}

// isPublic reports whether every user can read a file.
func isPublic(info os.FileInfo) bool { return info.Mode()&0o004 != 0 }
