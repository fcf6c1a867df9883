package serve_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"parley/server/wire"
)

// A client reads all that the server sends as it comes.
type client struct {
	t      testing.TB
	nc     net.Conn
	lines  chan wire.Message // closed at the end of the connection
	token  string            // from the last WELCOME that was read
	seq    uint64
	closed time.Time // when lines was closed
	stays  bool      // does not close the connection after BYE; set before anything is sent
}

func (s *server) dial() *client { return s.read(s.connect()) }

// read returns a client with the connection nc.
func (s *server) read(nc net.Conn) *client {
	c := &client{t: s.t, nc: nc, lines: make(chan wire.Message, 1<<12)}
	go func() {
		defer close(c.lines)
		src := noEmptyReads{c.nc}
		r := wire.NewReader(src, wire.MaxServerLine, 1<<16)
		for {
			line, err := r.ReadLine()
			if err != nil {
				c.closed = time.Now()
				return
			}
			m, err := wire.ParseServer(bytes.Clone(line))
			if err != nil {
				m = wire.Message{Verb: "BROKEN", Text: bytes.Clone(line)}
			}
			if m.Verb == wire.Data {
				data, err := io.ReadAll(io.LimitReader(r, int64(m.Count)))
				m.Text = data
				if err != nil {
					return
				}
			}
			c.lines <- m
			if m.Verb == wire.Bye && !c.stays {
				c.nc.Close()
			}
		}
	}()
	return c
}

// noEmptyReads hides the reads of nothing that a pipe gives for a write of nothing.
type noEmptyReads struct{ net.Conn }

func (n noEmptyReads) Read(p []byte) (int, error) {
	for {
		if n, err := n.Conn.Read(p); n > 0 || err != nil {
			return n, err
		}
	}
}

// join connects and says HELLO.
func (s *server) join(name string) *client {
	s.t.Helper()
	return s.dial().hello(name)
}

// hello says HELLO, and waits until c has joined.
func (c *client) hello(name string) *client {
	c.t.Helper()
	c.send("HELLO parley/1 " + name + " 0")
	for c.next().Verb != wire.Joined {
	}
	return c
}

func (c *client) send(lines ...string) {
	c.t.Helper()
	for _, line := range lines {
		c.nc.SetWriteDeadline(time.Now().Add(patience))
		if _, err := io.WriteString(c.nc, line+"\n"); err != nil {
			c.t.Fatalf("sending %.50q: %v", line, err)
		}
	}
	c.nc.SetWriteDeadline(time.Time{})
}

// read returns the next line; more is false at the end of the connection.
func (c *client) read() (m wire.Message, more bool) {
	c.t.Helper()
	select {
	case m, more = <-c.lines:
	case <-time.After(patience):
		c.t.Fatal("no line came")
	}
	if m.Verb == wire.Welcome {
		c.token = string(m.Token)
	}
	if m.Seq > 0 {
		c.seq = m.Seq
	}
	return m, more
}

func (c *client) next() wire.Message {
	c.t.Helper()
	m, more := c.read()
	if !more {
		c.t.Fatal("the connection ended")
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
	switch m.Verb {
	case wire.Users, wire.Files, wire.Resumed, wire.Data:
		s += fmt.Sprintf(" %d", m.Count)
	}
	return s
}

// expect reads lines, which must be those wanted.
func (c *client) expect(want ...string) {
	c.t.Helper()
	var got []string
	for range want {
		m, more := c.read()
		if !more {
			break
		}
		got = append(got, form(m))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		c.t.Fatalf("lines (-want +got):\n%s", diff)
	}
}

// expectEnd reads lines, which must be those wanted, and then the end of the connection.
func (c *client) expectEnd(want ...string) {
	c.t.Helper()
	if len(want) > 0 {
		c.expect(want...)
	}
	if m, more := c.read(); more {
		c.t.Fatalf("%s where the connection should end", form(m))
	}
}

// roundTrip returns when all that was sent before was carried out; nothing else may have come.
func (c *client) roundTrip() {
	c.t.Helper()
	c.send("PING 0")
	c.expect("PONG")
}
