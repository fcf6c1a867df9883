// Package transport is what the server needs of a client's connection: the same for plain text and for TLS,
// which the connection's first byte tells apart. See sections 5 and 11 of RFC 8446.
package transport

import (
	"crypto/tls"
	"io"
	"net"
	"sync"
	"syscall"
)

// A Conn is one client's connection. One goroutine may read while another one writes.
type Conn struct {
	net.Conn                 // the socket
	raw      syscall.RawConn // the socket's; nil where it has none

	// set by Open, before there is a writer
	tls *tls.Conn // nil for plain text
	key []byte

	head []byte // bytes that were read to tell TLS from plain text; owned by the reader

	mu      sync.Mutex // guards the following fields
	opened  bool       // the handshake is over: records are collected, not written
	sealing bool       // a sealer takes the collected records
	sealed  []byte     // collected records
}

// New returns a connection that speaks plain text.
func New(socket net.Conn) *Conn {
	c := &Conn{Conn: socket}
	if s, ok := socket.(syscall.Conn); ok {
		if raw, err := s.SyscallConn(); err == nil {
			c.raw = raw
		}
	}
	return c
}

// SyscallConn returns access to the socket.
func (c *Conn) SyscallConn() (syscall.RawConn, error) {
	if c.raw == nil {
		return nil, syscall.EINVAL
	}
	return c.raw, nil
}

// Key returns the SHA-256 of the client's public key, or nil if the client has shown none.
func (c *Conn) Key() []byte { return c.key }

// Local reports whether the client is on this machine.
func (c *Conn) Local() bool {
	addr, ok := c.RemoteAddr().(*net.TCPAddr)
	return !ok || addr.IP.IsLoopback()
}

// Read reads what the client sent.
func (c *Conn) Read(p []byte) (int, error) {
	if c.tls != nil {
		return c.tls.Read(p)
	}
	return c.readSocket(p)
}

func (c *Conn) readSocket(p []byte) (int, error) {
	if len(c.head) > 0 {
		n := copy(p, c.head)
		c.head = c.head[n:]
		return n, nil
	}
	return c.Conn.Read(p)
}

// Write writes p, and waits until the system has taken it. After an error, the connection is of no use.
func (c *Conn) Write(p []byte) (int, error) {
	sealed, err := c.Seal([][]byte{p})
	if err != nil {
		return 0, err
	}
	if n, err := c.Conn.Write(sealed[0]); err != nil {
		return min(n, len(p)), err
	}
	return len(p), nil
}

// ReadFrom writes what comes from r, by the kernel where it can.
func (c *Conn) ReadFrom(r io.Reader) (int64, error) {
	if c.tls == nil {
		return io.Copy(c.Conn, r)
	}
	return io.CopyBuffer(struct{ io.Writer }{c}, r, make([]byte, 64<<10))
}

// CloseWrite tells the client that nothing more comes. Over TLS, too, it is the socket that ends: a
// connection ends with BYE, and everything else is a broken one.
func (c *Conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}
