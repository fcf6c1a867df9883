package deliver_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"parley/server/internal/deliver"
	"parley/server/internal/eventlog"
	"parley/server/wire"
)

// patience is how long a test waits for what must come. In a synctest bubble it is longer than anything that
// the room waits for, and costs nothing.
const patience = time.Minute

// newRoom returns a room that ends with the test and keeps nothing. What cfg leaves out is filled in.
func newRoom(t testing.TB, cfg deliver.Config) *convo {
	return openRoom(t, cfg, func(s eventlog.State) (*eventlog.Log, error) { return eventlog.Memory(s), nil })
}

func openRoom(t testing.TB, cfg deliver.Config, open func(eventlog.State) (*eventlog.Log, error)) *convo {
	t.Helper()
	if cfg.MaxSessions == 0 {
		cfg.MaxSessions = 100
	}
	if cfg.Grace == 0 {
		cfg.Grace = time.Hour
	}
	if cfg.Idle == 0 {
		cfg.Idle = time.Hour
	}
	cfg.Guard = func() {}
	r, err := newConvo(cfg, open)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close("the test ends") })
	return r
}

// A network makes a connection and returns its two ends.
type network struct {
	name    string
	connect func(t testing.TB) (server, client net.Conn)
}

// networks are the ways that a room writes: what a socket takes at once, what it takes in small parts, and to
// what is no socket.
var networks = []network{{"tcp", tcp}, {"small", smallTCP}, {"pipe", pipe}}

// each runs a test over every network.
func each(t *testing.T, f func(t *testing.T, n network)) {
	for _, n := range networks {
		t.Run(n.name, func(t *testing.T) { f(t, n) })
	}
}

var loopback = sync.OnceValues(func() (net.Listener, error) { return net.Listen("tcp", "127.0.0.1:0") })

var dialing sync.Mutex // so that what is accepted is what was dialed

func tcp(t testing.TB) (server, client net.Conn) {
	server, client = dial(t)
	t.Cleanup(func() { server.Close(); client.Close() })
	return server, client
}

func dial(t testing.TB) (server, client net.Conn) {
	listener, err := loopback()
	if err != nil {
		t.Fatal(err)
	}
	dialing.Lock()
	defer dialing.Unlock()
	client, err = net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	server, err = listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return server, client
}

// smallTCP connects by a socket that takes a few kilobytes at a time.
func smallTCP(t testing.TB) (server, client net.Conn) {
	server, client = tcp(t)
	server.(*net.TCPConn).SetWriteBuffer(4096)
	return server, client
}

func pipe(t testing.TB) (server, client net.Conn) {
	server, client = net.Pipe()
	t.Cleanup(func() { server.Close(); client.Close() })
	return server, client
}

// A client is the other end of a session's connection.
type client struct {
	t     testing.TB
	nc    net.Conn
	lines *bufio.Reader
	conn  *convoConn // the room's end
	token string     // set by the WELCOME that was read
	seq   uint64     // the last that was read
}

// attach returns the client at the end nc of the connection whose other end is conn's. It does what the
// reading side of conn does when the session ends: close the connection once all is written.
func attach(t testing.TB, server, nc net.Conn, conn *convoConn) *client {
	go func() {
		<-conn.Done()
		server.Close()
	}()
	return &client{t: t, nc: nc, lines: bufio.NewReaderSize(nc, wire.MaxServerLine), conn: conn}
}

// join makes a session and reads up to its JOINED.
func join(t testing.TB, r *convo, n network, name string) *client {
	t.Helper()
	c := hello(t, r, n, name, 0)
	for c.next().Verb != wire.Joined {
	}
	return c
}

// hello makes a session and reads nothing.
func hello(t testing.TB, r *convo, n network, name string, history int) *client {
	t.Helper()
	server, nc := n.connect(t)
	conn, err := r.Join(server, name, history)
	if err != nil {
		t.Fatalf("joining as %s: %v", name, err)
	}
	return attach(t, server, nc, conn)
}

// resume goes on with c's session after the last seq that c read.
func (c *client) resume(r *convo, n network) *client {
	c.t.Helper()
	server, nc := n.connect(c.t)
	conn, err := r.Resume(server, c.token, c.seq)
	if err != nil {
		c.t.Fatalf("resuming after %d: %v", c.seq, err)
	}
	again := attach(c.t, server, nc, conn)
	again.token, again.seq = c.token, c.seq
	return again
}

// read returns the next line as the room sent it, or the error that ends the connection.
func (c *client) read() (wire.Message, error) {
	c.t.Helper()
	c.nc.SetReadDeadline(time.Now().Add(patience))
	line, err := c.lines.ReadString('\n')
	if err != nil {
		return wire.Message{}, err
	}
	m, err := wire.ParseServer([]byte(strings.TrimSuffix(line, "\n")))
	if err != nil {
		c.t.Fatalf("the room sent %.100q: %v", line, err)
	}
	if m.Verb == wire.Welcome {
		c.token = string(m.Token)
	}
	if m.Seq > 0 {
		c.seq = m.Seq
	}
	return m, nil
}

// next is read where a line must come.
func (c *client) next() wire.Message {
	c.t.Helper()
	m, err := c.read()
	if err != nil {
		c.t.Fatalf("reading after seq %d: %v", c.seq, err)
	}
	return m
}

// form is m as text, without what differs from run to run.
func form(m wire.Message) string {
	s := string(m.Verb)
	for _, f := range [][]byte{m.Name, m.Code, m.Text} {
		if len(f) > 0 {
			s += " " + string(f)
		}
	}
	if m.Verb == wire.Resumed || m.Verb == wire.Users {
		s += fmt.Sprintf(" %d", m.Count)
	}
	return s
}

// expect reads lines, which must be those wanted.
func (c *client) expect(want ...string) {
	c.t.Helper()
	var got []string
	for range want {
		got = append(got, form(c.next()))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		c.t.Fatalf("lines (-want +got):\n%s", diff)
	}
}

// expectEnd reads lines, which must be those wanted, and then the end of the connection.
func (c *client) expectEnd(want ...string) {
	c.t.Helper()
	c.expect(want...)
	if m, err := c.read(); !errors.Is(err, io.EOF) {
		c.t.Fatalf("%q, %v where the connection should end", form(m), err)
	}
}

// refused checks the error of Join or Resume.
func refused(t testing.TB, err error, verb wire.Verb, code string) {
	t.Helper()
	var e *wire.ProtocolError
	if !errors.As(err, &e) || e.Verb != verb || e.Code != code {
		t.Errorf("error %#v, want %s %s", err, verb, code)
	}
}
