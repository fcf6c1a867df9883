package serve

import (
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"parley/server/internal/transport"
)

// A Parker waits for input in place of the goroutines of quiet connections, which would be half of the memory
// that a connection takes.
type Parker struct {
	// set at construction
	epoll int
	ready *os.File // epoll, for Go to wait for

	running sync.WaitGroup

	mu     sync.Mutex // guards the following field
	parked map[int]parking
}

// A parking is one parked connection.
type parking struct {
	conn     *transport.Conn
	deadline *time.Timer
	resume   func()
}

// NewParker returns a Parker that runs until Close, or nil where the system has none to give. guard is
// deferred in its goroutine.
func NewParker(guard func()) *Parker {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil || unix.SetNonblock(fd, true) != nil { // which os.NewFile asks for
		return nil
	}
	p := &Parker{epoll: fd, ready: os.NewFile(uintptr(fd), "epoll"), parked: map[int]parking{}}
	p.running.Go(func() {
		defer guard()
		p.run()
	})
	return p
}

// Close ends the Parker. No connection may be parked.
func (p *Parker) Close() {
	if p != nil {
		p.ready.Close()
		p.running.Wait()
	}
}

func (p *Parker) run() {
	raw, err := p.ready.SyscallConn()
	events := make([]unix.EpollEvent, 256)
	for err == nil {
		n := 0
		err = raw.Read(func(fd uintptr) bool {
			n, _ = unix.EpollWait(int(fd), events, 0)
			return n > 0
		})
		p.mu.Lock()
		for _, e := range events[:max(n, 0)] {
			p.unparkLocked(int(e.Fd))
		}
		p.mu.Unlock()
	}
}

// Park calls resume in a goroutine of its own when there is something to read from c, when c has ended, at
// the deadline, or when Unpark is called. It reports whether it will.
func (p *Parker) Park(c *transport.Conn, deadline time.Time, resume func()) bool {
	fd := number(c)
	if p == nil || fd < 0 {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	event := &unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLONESHOT, Fd: int32(fd)}
	err := unix.EpollCtl(p.epoll, unix.EPOLL_CTL_MOD, fd, event)
	if err == unix.ENOENT { // it is parked for the first time
		err = unix.EpollCtl(p.epoll, unix.EPOLL_CTL_ADD, fd, event)
	}
	if err != nil {
		return false
	}
	alarm := time.AfterFunc(time.Until(deadline), func() { p.Unpark(c) })
	p.parked[fd] = parking{c, alarm, resume}
	return true
}

// Unpark resumes c if it is parked.
func (p *Parker) Unpark(c *transport.Conn) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if fd := number(c); p.parked[fd].conn == c { // and not another one with the number
		p.unparkLocked(fd)
	}
}

func (p *Parker) unparkLocked(fd int) {
	if parked, ok := p.parked[fd]; ok {
		delete(p.parked, fd)
		parked.deadline.Stop()
		go parked.resume()
	}
}

// number returns the number of a connection's socket, or -1.
func number(c *transport.Conn) int {
	fd := -1
	if raw, err := c.SyscallConn(); err == nil {
		raw.Control(func(n uintptr) { fd = int(n) })
	}
	return fd
}
