//go:build linux

package measure

import (
	"bytes"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"
)

// Bare is the least that any server has to do: with one thread, it reads what comes from a connection and
// writes it to all others, one write(2) each. It greets who sends an empty line with one. It ends with the
// process.
func Bare(port int) error {
	listener, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	if err := unix.Bind(listener, &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return fmt.Errorf("port %d: %w", port, err)
	}
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err == nil {
		err = unix.Listen(listener, 4096)
	}
	if err == nil {
		err = unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, listener,
			&unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(listener)})
	}
	if err != nil {
		return err
	}
	b := &bare{epoll: epoll, listener: listener, waiting: make(map[int][]byte), begun: make(map[int][]byte),
		buf: make([]byte, 256<<10)}
	events := make([]unix.EpollEvent, 512)
	for {
		n, err := unix.EpollWait(epoll, events, -1)
		if err != nil && err != unix.EINTR {
			return err
		}
		for _, e := range events[:max(n, 0)] {
			b.event(e)
		}
	}
}

// bare is the state of Bare.
type bare struct {
	epoll, listener int
	all             []int
	waiting         map[int][]byte // by connection: what it did not take
	begun           map[int][]byte // by connection: the line whose end has not come
	buf             []byte
}

func (b *bare) event(e unix.EpollEvent) {
	fd := int(e.Fd)
	switch {
	case fd == b.listener:
		if nc, _, err := unix.Accept4(fd, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC); err == nil {
			unix.SetsockoptInt(nc, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
			unix.EpollCtl(b.epoll, unix.EPOLL_CTL_ADD, nc,
				&unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(nc)})
			b.all = append(b.all, nc)
		}
	case e.Events&unix.EPOLLOUT != 0:
		rest := b.waiting[fd]
		delete(b.waiting, fd)
		if b.write(fd, rest); b.waiting[fd] == nil {
			unix.EpollCtl(b.epoll, unix.EPOLL_CTL_MOD, fd,
				&unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)})
		}
	default:
		held := copy(b.buf, b.begun[fd])
		n, _ := unix.Read(fd, b.buf[held:])
		if n <= 0 {
			b.all = slices.DeleteFunc(b.all, func(other int) bool { return other == fd })
			unix.Close(fd)
			return
		}
		lines := bytes.LastIndexByte(b.buf[:held+n], '\n') + 1
		b.begun[fd] = append(b.begun[fd][:0], b.buf[lines:held+n]...)
		b.pass(fd, b.buf[:lines])
	}
}

// pass writes lines to all but the one they came from.
func (b *bare) pass(from int, lines []byte) {
	if len(lines) == 1 {
		b.write(from, lines)
		return
	}
	for _, to := range b.all {
		if to != from && len(lines) > 0 {
			b.write(to, lines)
		}
	}
}

// write writes what the connection takes, and keeps the rest.
func (b *bare) write(fd int, p []byte) {
	if rest := b.waiting[fd]; rest != nil {
		b.waiting[fd] = append(rest, p...)
		return
	}
	n, err := unix.Write(fd, p)
	n = max(n, 0)
	if n < len(p) && (err == nil || err == unix.EAGAIN) {
		b.waiting[fd] = append([]byte(nil), p[n:]...)
		unix.EpollCtl(b.epoll, unix.EPOLL_CTL_MOD, fd,
			&unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLOUT, Fd: int32(fd)})
	}
}
