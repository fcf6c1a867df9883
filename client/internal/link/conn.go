// Package link is the way to a server: connections, from the look-up of the host to the end, and the rules by
// which a session outlives them.
package link

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"parley/server/wire"
)

const (
	// the longest silence: a server waits three times as long unless it is told otherwise
	heartbeat = 15 * time.Second
	ackEvery  = 256      // lines of the stream: the server may forget what was acknowledged
	maxBuffer = 64 << 10 // bytes of the line reader
	queued    = 256      // lines that wait for the chat before reading pauses
	pieceSize = 1 << 20  // bytes of a file handed on at once: each time costs a few wakings
)

// A Piece is a line about a download, and of DATA the bytes. These are valid until the next Piece is
// received.
type Piece struct {
	wire.Message
	Bytes []byte
}

// A Conn is a connection on which the server has granted HELLO or RESUME. Whoever has it runs Receive and
// Transmit, each once and in a goroutine of its own.
type Conn struct {
	// set at construction, never changed
	Close context.CancelFunc // ends the connection, and Receive and Transmit with it
	ctx   context.Context    // ends then
	net   net.Conn
	r     *wire.Reader
	idle  time.Duration
	lines chan wire.Message
	file  chan Piece
	wake  chan struct{} // there is something to write

	getting atomic.Int64  // GETs that are not answered to their end
	seen    atomic.Uint64 // seq up to which the stream was handled
	handled int           // lines of the stream

	mu  sync.Mutex // guards the following field
	out []byte     // lines to write
}

// newConn returns a Conn over nc that lasts until ctx ends.
func newConn(ctx context.Context, nc net.Conn, idle time.Duration) *Conn {
	c := &Conn{net: nc, idle: idle, wake: make(chan struct{}, 1)}
	c.lines, c.file = make(chan wire.Message, queued), make(chan Piece)
	c.r = wire.NewReader(c, wire.MaxServerLine, maxBuffer)
	c.ctx, c.Close = context.WithCancel(ctx)
	context.AfterFunc(c.ctx, func() { nc.Close() })
	return c
}

// Closed reports whether the connection has ended.
func (c *Conn) Closed() bool { return c.ctx.Err() != nil }

// Lines returns what the server sends, in order, but for downloads.
func (c *Conn) Lines() <-chan wire.Message { return c.lines }

// Get sends a GET and returns what the server sends for all of them, one after the other, which must be
// received up to the last SENT or ERROR. The channel is closed when the connection is. It may be called by
// another goroutine than all else.
func (c *Conn) Get(m wire.Message) <-chan Piece {
	c.getting.Add(1)
	c.Send(m)
	return c.file
}

// Send sends m, unless the connection breaks before. It never waits, and may be called by any goroutine.
func (c *Conn) Send(m wire.Message) {
	c.mu.Lock()
	c.out = m.AppendClient(c.out)
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// Seen says that the stream was handled up to seq, which the server is told now and then.
func (c *Conn) Seen(seq uint64) {
	if c.seen.Swap(seq) == seq {
		return
	}
	c.handled++
	if c.handled%ackEvery == 0 {
		c.Send(wire.Message{Verb: wire.Ping, Seq: seq})
	}
}

// Read fails when nothing comes for the idle time. Time in which nobody reads does not count.
func (c *Conn) Read(p []byte) (int, error) {
	c.net.SetReadDeadline(time.Now().Add(c.idle)) // which fails only if Read will, too
	return c.net.Read(p)
}

// next returns the next line, and what it says: with a *wire.ProtocolError no more than its verb.
func (c *Conn) next() (line []byte, m wire.Message, err error) {
	line, err = c.r.ReadLine()
	line = bytes.Clone(line)
	if err == nil {
		m, err = wire.ParseServer(line)
	}
	if err != nil {
		verb, _, _ := bytes.Cut(line, []byte{' '})
		m = wire.Message{Verb: wire.Verb(verb)}
	}
	return line, m, err
}

// exchange sends the line that must be first and returns what grants it. A refusal is a *wire.ProtocolError.
func (c *Conn) exchange(ctx context.Context, m wire.Message) (wire.Message, error) {
	defer context.AfterFunc(ctx, c.Close)()
	if _, err := c.net.Write(m.AppendClient(nil)); err != nil {
		return m, err
	}
	for {
		line, answer, err := c.next()
		switch _, bad := errors.AsType[*wire.ProtocolError](err); {
		case ctx.Err() != nil:
			return answer, context.Cause(ctx)
		case bad:
			return answer, fmt.Errorf("it answers %.40q", line)
		case err != nil:
			return answer, err
		case answer.Verb == wire.Welcome && m.Verb == wire.Hello, answer.Verb == wire.Resumed && m.Verb == wire.Resume:
			return answer, nil
		case answer.Verb == wire.Error, answer.Verb == wire.Bye:
			return answer, &wire.ProtocolError{Verb: m.Verb, Code: string(answer.Code), Text: string(answer.Text)}
		case answer.Verb != wire.Notice:
			return answer, fmt.Errorf("it answers %.40q", line)
		}
	}
}

// Transmit sends what there is to send until the connection is closed: reading ends by itself, after what the
// server has said last. It is never quiet for long, so that the server knows that this side is alive, and has
// something to answer.
func (c *Conn) Transmit() {
	ping := time.NewTicker(min(c.idle/3, heartbeat))
	defer ping.Stop()
	for {
		select {
		case <-c.wake:
		case <-ping.C:
			c.Send(wire.Message{Verb: wire.Ping, Seq: c.seen.Load()})
			continue
		case <-c.ctx.Done():
			return
		}
		c.mu.Lock()
		b := c.out
		c.out = nil
		c.mu.Unlock()
		if _, err := c.net.Write(b); err != nil {
			return
		}
	}
}

// Receive hands on what comes until the connection breaks, and returns why it did: a *wire.ProtocolError when
// the server does not follow the protocol.
func (c *Conn) Receive() error {
	defer close(c.file)
	defer c.Close()
	var pieces [2][]byte // one is filled while the other is in use
	for {
		_, m, err := c.next()
		bad, _ := errors.AsType[*wire.ProtocolError](err)
		switch {
		case bad != nil && bad.Code == wire.CodeUnknownVerb: // a newer server's
			err = nil
		case bad != nil && (m.Verb == wire.User || m.Verb == wire.File): // costs this row, which then has no name
			err = c.pass(m)
		case err != nil: // also any other bad line, which leaves the two out of step
		case m.Verb == wire.Data:
			err = c.readData(&pieces, m)
		case m.Verb == wire.Sending, m.Verb == wire.Sent, m.Verb == wire.Error && wire.Verb(m.Name) == wire.Get:
			err = c.handOn(Piece{Message: m})
		default:
			err = c.pass(m)
		}
		if err != nil {
			return err
		}
	}
}

// pass has the chat told what a line says.
func (c *Conn) pass(m wire.Message) error {
	select {
	case c.lines <- m:
		return nil
	case <-c.ctx.Done():
		return net.ErrClosed
	}
}

// readData hands on the bytes that follow a DATA line.
func (c *Conn) readData(pieces *[2][]byte, m wire.Message) error {
	for left := m.Count; left > 0; {
		if pieces[0] == nil {
			pieces[0] = make([]byte, pieceSize)
		}
		n, err := io.ReadFull(c.r, pieces[0][:min(left, pieceSize)])
		if n > 0 {
			err = errors.Join(c.handOn(Piece{m, pieces[0][:n]}), err)
		}
		if err != nil {
			return err
		}
		pieces[0], pieces[1] = pieces[1], pieces[0]
		left -= uint64(n)
	}
	return nil
}

// handOn hands on a piece of the download under way, or drops it when there is none.
func (c *Conn) handOn(p Piece) error {
	if c.getting.Load() == 0 {
		return nil
	}
	if p.Verb == wire.Sent || p.Verb == wire.Error {
		c.getting.Add(-1)
	}
	select {
	case c.file <- p:
		return nil
	case <-c.ctx.Done():
		return net.ErrClosed
	}
}
