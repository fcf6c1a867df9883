//go:build linux

package measure

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// joinTime is for everyone to join: a server that takes longer is not measured with so many.
const joinTime = time.Minute

// settled is a time in which nothing comes when all is known to all: parley gathers joins for a second when
// ten thousand are here.
const settled = 2 * time.Second

// A swarm is many connections to one server, served by one goroutine, so that what is measured is the server
// and not what measures it. Its goroutine owns it.
type swarm struct {
	epoll   int
	events  []unix.EpollEvent
	members []member
	blocked []int  // members with something in out
	buf     []byte // what read returned last
}

// A member is one connection.
type member struct {
	fd     int
	tunnel *tunnel // nil for plain text
	out    []byte  // what the server did not take yet
	bytes  int64   // received
	tail   []byte  // the beginning of what the next read goes on with
}

func newSwarm() (*swarm, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	return &swarm{epoll: epoll, events: make([]unix.EpollEvent, 512), buf: make([]byte, 1<<20)}, nil
}

// close closes all connections at once and without a word, so that they leave no ports occupied.
func (s *swarm) close() {
	for i := range s.members {
		unix.Close(s.members[i].fd)
	}
	unix.Close(s.epoll)
}

// connect adds a connection to addr, over TLS with a config.
func (s *swarm) connect(addr netip.AddrPort, config *tls.Config) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("a socket: %w: is the limit of open files high enough?", err)
	}
	s.members = append(s.members, member{fd: fd})
	err = unix.Connect(fd, &unix.SockaddrInet4{Port: int(addr.Port()), Addr: addr.Addr().As4()})
	if err == nil && config != nil {
		s.members[len(s.members)-1].tunnel, err = secure(fd, config)
	}
	err = errors.Join(err,
		unix.SetNonblock(fd, true),
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1),
		unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}),
		unix.EpollCtl(s.epoll, unix.EPOLL_CTL_ADD, fd,
			&unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(len(s.members) - 1)}),
	)
	if err != nil {
		return fmt.Errorf("connecting: %w", err)
	}
	return nil
}

// send sends b from member i, now or as soon as the server takes it.
func (s *swarm) send(i int, b []byte) error {
	m := &s.members[i]
	if m.tunnel != nil {
		b = m.tunnel.seal(b)
	}
	if len(m.out) > 0 {
		m.out = append(m.out, b...)
		return nil
	}
	n, err := unix.Write(m.fd, b)
	n = max(n, 0)
	if n < len(b) && (err == nil || err == unix.EAGAIN) {
		m.out = append(m.out, b[n:]...)
		s.blocked = append(s.blocked, i)
		return nil
	}
	return gone(i, err)
}

// unblock goes on with what the server did not take.
func (s *swarm) unblock() error {
	still := s.blocked[:0]
	for _, i := range s.blocked {
		m := &s.members[i]
		n, err := unix.Write(m.fd, m.out)
		if err != nil && err != unix.EAGAIN {
			return gone(i, err)
		}
		m.out = m.out[max(n, 0):]
		if len(m.out) > 0 {
			still = append(still, i)
		}
	}
	s.blocked = still
	return nil
}

// poll calls ready for each member for which something came within wait.
func (s *swarm) poll(wait time.Duration, ready func(i int) error) error {
	if err := s.unblock(); err != nil {
		return err
	}
	n, err := unix.EpollWait(s.epoll, s.events, int(wait.Milliseconds()))
	if err != nil && err != unix.EINTR {
		return fmt.Errorf("epoll: %w", err)
	}
	for _, e := range s.events[:max(n, 0)] {
		if err := ready(int(e.Fd)); err != nil {
			return err
		}
	}
	return nil
}

// until polls until done, or fails after a time that no server should need.
func (s *swarm) until(what string, limit time.Duration, done func() bool, ready func(i int) error) error {
	for begun := time.Now(); !done(); {
		if time.Since(begun) > limit {
			return fmt.Errorf("%s: not done in time", what)
		}
		if err := s.poll(5*time.Millisecond, ready); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
	return nil
}

// read returns what came for member i, valid until the next call.
func (s *swarm) read(i int) ([]byte, error) {
	if t := s.members[i].tunnel; t != nil {
		n, err := t.read(s.buf)
		return s.buf[:n], s.receivedText(i, err)
	}
	n, err := unix.Read(s.members[i].fd, s.buf)
	return s.buf[:max(n, 0)], s.received(i, n, err)
}

// discard drops what came for member i without copying it, and only counts the bytes.
func (s *swarm) discard(i int) error {
	if s.members[i].tunnel != nil {
		_, err := s.read(i)
		return err
	}
	n, _, err := unix.Recvfrom(s.members[i].fd, s.buf, unix.MSG_TRUNC)
	return s.received(i, n, err)
}

// skim is discard without decrypting; member i can then not be read from any more.
func (s *swarm) skim(i int) error {
	if t := s.members[i].tunnel; t != nil {
		return s.receivedText(i, t.discard(s.buf))
	}
	return s.discard(i)
}

func (s *swarm) received(i, n int, err error) error {
	switch {
	case n > 0:
		s.members[i].bytes += int64(n)
		return nil
	case err == unix.EAGAIN, err == unix.EINTR:
		return nil
	case n == 0 && err == nil:
		return gone(i, errors.New("closed by the server"))
	}
	return gone(i, err)
}

// receivedText is received for what comes over TLS.
func (s *swarm) receivedText(i int, err error) error {
	m := &s.members[i]
	m.bytes = m.tunnel.text
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil
	}
	return gone(i, err)
}

func gone(i int, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("connection %d: %w", i, err)
}

// join connects n more members to p, which listens on addr, and waits until all have joined. It fails after
// joinTime.
func (s *swarm) join(addr netip.AddrPort, n int, p *peer) error {
	begun, pending, end := time.Now(), 0, len(s.members)+n
	left := func() time.Duration { return joinTime - time.Since(begun) }
	welcome := make([]bool, end)
	ready := func(i int) error {
		if welcome[i] {
			return s.discard(i)
		}
		b, err := s.read(i)
		m := &s.members[i]
		m.tail = append(m.tail, b...)
		if bytes.Contains(m.tail, []byte(p.in)) {
			welcome[i], m.tail = true, nil
			pending--
		}
		return err
	}
	for len(s.members) < end {
		i := len(s.members)
		if err := s.connect(addr, p.tls); err != nil {
			return err
		}
		if err := s.send(i, p.first(i)); err != nil {
			return err
		}
		pending++
		if err := s.until("joining", left(), func() bool { return pending < p.backlog }, ready); err != nil {
			return fmt.Errorf("%w: %d of %d joined", err, len(s.members)-pending, n)
		}
		if err := s.poll(0, ready); err != nil {
			return err
		}
	}
	return s.until("joining", left(), func() bool { return pending == 0 }, ready)
}

// settle discards what comes until nothing has come for a while, and returns when the last of it came.
func (s *swarm) settle() (last time.Time, err error) {
	last = time.Now()
	err = s.until("settling", time.Minute, func() bool { return time.Since(last) > settled },
		func(i int) error {
			last = time.Now()
			return s.discard(i)
		})
	return last, err
}
