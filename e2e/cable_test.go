package e2e

import (
	"crypto/tls"
	"io"
	"net"
	"sync"
	"time"

	"parley/server/wire"
)

// A cable lies between one client and the server, and can be cut and unplugged.
type cable struct {
	listener net.Listener
	running  sync.WaitGroup

	// mu guards the following fields.
	mu      sync.Mutex
	server  string            // address of its other end
	conns   map[net.Conn]bool // both sides of each connection
	plugged chan struct{}     // closed while the cable is plugged in
	due     int64             // bytes to the client until then is called; negative: never
	then    func()            // called with mu held
	done    chan struct{}     // closed after then was called
	tapped  *tls.Config       // of someone between the ends of new connections; nil while nobody is
	closed  bool
}

// buffer is how many bytes a cable holds in each direction.
const buffer = 64 << 10

// newCable returns a cable to the server at the address.
func newCable(server string) (*cable, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	c := &cable{listener: l, server: server, conns: make(map[net.Conn]bool), plugged: make(chan struct{}),
		due: -1}
	close(c.plugged)
	c.running.Go(c.accept)
	return c, nil
}

// addr is the address of the client's end.
func (c *cable) addr() string { return c.listener.Addr().String() }

func (c *cable) accept() {
	for {
		near, err := c.listener.Accept()
		if err != nil {
			return
		}
		<-c.gate()
		c.mu.Lock()
		server, tapped := c.server, c.tapped
		c.mu.Unlock()
		far, err := net.Dial("tcp", server)
		if err != nil {
			near.Close()
			continue
		}
		_ = far.(*net.TCPConn).SetReadBuffer(buffer) // else an unplugged cable holds megabytes
		if !c.hold(near, far) {
			return
		}
		if tapped != nil {
			near, far = tls.Server(near, tapped), tls.Client(far, tapped)
		}
		c.running.Go(func() { c.carry(far, near, false) })
		c.running.Go(func() { c.carry(near, far, true) })
	}
}

// hold registers the two sides of a connection, so that they can be broken. If the cable is closed already,
// it closes them and returns false.
func (c *cable) hold(near, far net.Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conns[near], c.conns[far] = true, true
	if c.closed {
		c.breakLocked()
	}
	return !c.closed
}

// carry copies from src to dst while the cable is plugged in.
func (c *cable) carry(dst, src net.Conn, toClient bool) {
	buf := make([]byte, buffer)
	for {
		n, err := src.Read(buf)
		if toClient {
			c.count(n)
		}
		<-c.gate()
		if _, werr := dst.Write(buf[:n]); werr != nil {
			reset(src)
			return
		}
		if err == io.EOF { // the other direction may go on
			_ = dst.(interface{ CloseWrite() error }).CloseWrite() // fails when it is closed already
			return
		}
		if err != nil {
			reset(dst)
			return
		}
	}
}

// gate returns a channel that is closed while the cable is plugged in.
func (c *cable) gate() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.plugged
}

// count counts n bytes to the client.
func (c *cable) count(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.due < 0 {
		return
	}
	c.due -= int64(n)
	if c.due < 0 {
		c.then()
		close(c.done)
	}
}

// breakLocked breaks every connection so that both sides are told at once.
func (c *cable) breakLocked() {
	for conn := range c.conns {
		reset(conn)
	}
	clear(c.conns)
}

// reset closes conn so that the other side is told at once that it is broken.
func reset(conn net.Conn) {
	if secured, ok := conn.(*tls.Conn); ok {
		conn = secured.NetConn()
	}
	_ = conn.(*net.TCPConn).SetLinger(0) // fails when it is closed already
	conn.Close()
}

// after arranges for then to be called, with mu held, when n more bytes have come for the client; if n is 0,
// at once. The channel that it returns is closed after that.
func (c *cable) after(n int64, then func()) (done <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.due, c.then, c.done = n, then, make(chan struct{})
	if n == 0 {
		c.due = -1
		then()
		close(c.done)
	}
	return c.done
}

// lead sets the address that new connections go to.
func (c *cable) lead(server string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.server = server
}

// unplugLocked makes the cable carry nothing.
func (c *cable) unplugLocked() {
	select {
	case <-c.plugged:
		c.plugged = make(chan struct{})
	default:
	}
}

// plug makes it carry again.
func (c *cable) plug() {
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case <-c.plugged:
	default:
		close(c.plugged)
	}
}

// close ends the cable and all its connections.
func (c *cable) close() {
	c.plug()
	c.listener.Close()
	c.mu.Lock()
	c.closed = true
	c.breakLocked()
	c.mu.Unlock()
	c.running.Wait()
}

// cableOf returns the cable of the client that the first argument names.
func (c *call) cableOf() *cable {
	w := c.cables[c.args[0]]
	if w == nil {
		c.fail("%s has no -cable", c.args[0])
	}
	return w
}

// onCable carries out a command that takes the flag -after, and returns when it is done.
func (c *call) onCable(does func(*cable) func()) {
	var after int64
	if c.flag("-after") {
		n, err := bytesOf(c.args[0])
		c.check(err)
		after, c.args = n, c.args[1:]
	}
	if len(c.args) != 1 {
		c.fail("whose cable?")
	}
	w := c.cableOf()
	select {
	case <-w.after(after, does(w)):
	case <-time.After(patience()):
		c.fail("fewer bytes came\n%s", c.actor().describe())
	}
}

func cut(c *call) { c.onCable(func(w *cable) func() { return w.breakLocked }) }

func unplug(c *call) { c.onCable(func(w *cable) func() { return w.unplugLocked }) }

func plug(c *call) { c.cableOf().plug() }

// tap puts someone with a key of their own between the ends of new connections.
func tap(c *call) {
	w := c.cableOf()
	key, err := wire.NewKey()
	c.check(err)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tapped = &tls.Config{Certificates: []tls.Certificate{key}, InsecureSkipVerify: true,
		NextProtos: []string{wire.Version}}
}
