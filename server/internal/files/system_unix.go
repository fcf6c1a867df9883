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

// change returns the ctime of a file, which no program can set, and its inode.
func change(file *os.File) (ctime time.Time, inode uint64) {
	var s unix.Stat_t
	if unix.Fstat(int(file.Fd()), &s) == nil {
		ctime, inode = time.Unix(s.Ctim.Unix()), uint64(s.Ino)
	}
	return ctime, inode
}

// limitUnsent limits the bytes written to nc that the system holds and has not sent; 0 is no limit.
func limitUnsent(nc net.Conn, limit int) {
	if socket, ok := nc.(syscall.Conn); ok {
		if raw, err := socket.SyscallConn(); err == nil {
			raw.Control(func(fd uintptr) {
				unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, limit)
			})
		}
	}
}
