//go:build linux || darwin

package files

import (
	"net"
	"os"
	"syscall"
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

// limitUnsent has the system hold no more of what is written to nc than so many bytes beyond what is on its
// way, or as many as it likes if most is 0.
func limitUnsent(nc net.Conn, most int) {
	if socket, ok := nc.(syscall.Conn); ok {
		if raw, err := socket.SyscallConn(); err == nil {
			raw.Control(func(fd uintptr) { unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, most) })
		}
	}
}
