// Package link connects a client to its server: it dials, reads and writes lines, and keeps a session across
// connections.
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
	heartbeat  = 15 * time.Second
	ackEvery   = 256             // lines of the stream: the server may forget what was acknowledged
	readBuffer = 64 << 10        // bytes of the line reader
	lineQueue  = 256             // lines that the chat has not taken before reading pauses
	pieceSize  = 1 << 20         // bytes of a file delivered at once: each delivery costs a few wake-ups
	stallTime  = 2 * time.Second // how long chat waits for a disk that does not take a download
)

// Stalled is the verb of a line that a Conn makes itself: it has stopped the downloads, because nobody took
// their data for a while. They can be asked for again.
const Stalled wire.Verb = "stalled"

// A Piece is a line about a download; that of DATA has the bytes. These are valid until the next Piece is
// received.
type Piece struct {
	wire.Message
	Bytes []byte
}

// A Conn is a connection on which the server has granted HELLO or RESUME. The owner must run Receive and
// Transmit, each once and in a goroutine of its own.
type Conn struct {
	// set at construction, never changed
	Close context.CancelFunc // ends the connection, and Receive and Transmit with it
	ctx   context.Context    // ends then
	net   net.Conn
	// of the server, as in Config
	address string
	r       *wire.Reader
	idle    time.Duration
	lines   chan wire.Message
	wake    chan struct{} // there is something to write

	// owned by the caller of MarkHandled, but for reading handledSeq
	handledSeq atomic.Uint64 // seq up to which the stream was handled
	handled    int           // lines of the stream

	buffers [2][]byte // owned by Receive: one is filled while the receiver uses the other

	mu     sync.Mutex // guards the following fields
	out    []byte     // lines to write
	ack    bool       // tell the server how far the stream was handled
	pieces chan Piece // what Pieces returns
	gets   []get      // not answered to their end
}

// A get is a GET that was sent.
type get struct {
	pieces chan Piece // receives the answer; nil if nobody does any more
	begun  bool       // SENDING has come
}

// newConn returns a Conn over nc that lasts until ctx ends.
func newConn(ctx context.Context, nc net.Conn, idle time.Duration) *Conn {
	c := &Conn{net: nc, idle: idle, wake: make(chan struct{}, 1),
		lines: make(chan wire.Message, lineQueue), pieces: make(chan Piece)}
	c.r = wire.NewReader(c, wire.MaxServerLine, readBuffer)
	c.ctx, c.Close = context.WithCancel(ctx)
	context.AfterFunc(c.ctx, func() { nc.Close() })
	return c
}

// Address returns that of the server.
func (c *Conn) Address() string { return c.address }

// Closed reports whether the connection has ended.
func (c *Conn) Closed() bool { return c.ctx.Err() != nil }

// Lines returns the server's lines, in order, except those about downloads.
func (c *Conn) Lines() <-chan wire.Message { return c.lines }

// Pieces returns the pieces of the downloads that are asked for with it, one download after the other. They
// must be received up to the last SENT or ERROR. The channel is closed when nothing more comes over it,
// because the connection ends or the downloads have stalled.
func (c *Conn) Pieces() <-chan Piece {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pieces
}

// Get sends a GET whose answer comes over pieces, unless these are closed. It may be called by any goroutine.
func (c *Conn) Get(m wire.Message, pieces <-chan Piece) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if pieces == (<-chan Piece)(c.pieces) {
		c.gets = append(c.gets, get{pieces: c.pieces})
		c.sendLocked(m)
	}
}

// Send sends m, unless the connection breaks before. It never waits, and may be called by any goroutine.
func (c *Conn) Send(m wire.Message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sendLocked(m)
}

func (c *Conn) sendLocked(m wire.Message) {
	c.out = m.AppendClient(c.out)
	c.wakeUp()
}

// wakeUp has Transmit write what there is.
func (c *Conn) wakeUp() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// MarkHandled says that the stream was handled up to seq. The server is told now and then; one that takes
// nothing is told once, in the end, so that this takes no memory.
func (c *Conn) MarkHandled(seq uint64) {
	if c.handledSeq.Swap(seq) == seq {
		return
	}
	c.handled++
	if c.handled%ackEvery == 0 {
		c.mu.Lock()
		c.ack = true
		c.mu.Unlock()
		c.wakeUp()
	}
}

// Read fails when nothing comes for the idle time. Time in which nobody reads does not count.
func (c *Conn) Read(p []byte) (int, error) {
	c.net.SetReadDeadline(time.Now().Add(c.idle)) // which fails only if Read will, too
	return c.net.Read(p)
}

// next returns the next line and its message, which has only the verb if the error is a *wire.ProtocolError.
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

// exchange sends the line that must be first and returns the line that grants it. A refusal is a
// *wire.ProtocolError.
func (c *Conn) exchange(ctx context.Context, m wire.Message) (wire.Message, error) {
	defer context.AfterFunc(ctx, c.Close)()
	if _, err := c.net.Write(m.AppendClient(nil)); err != nil {
		return m, err
	}
	granted := wire.Welcome
	if m.Verb == wire.Resume {
		granted = wire.Resumed
	}
	for {
		line, answer, err := c.next()
		_, malformed := errors.AsType[*wire.ProtocolError](err)
		switch {
		case ctx.Err() != nil:
			return answer, context.Cause(ctx)
		case malformed:
		case err != nil, answer.Verb == granted:
			return answer, err
		case answer.Verb == wire.Notice:
			continue
		case answer.Verb == wire.Error, answer.Verb == wire.Bye:
			refusal := wire.Errorf(m.Verb, string(answer.Code), "%s", answer.Text)
			return answer, refusal
		}
		return answer, fmt.Errorf("it answers %.40q", line)
	}
}

// Transmit writes lines until the connection is closed; after an error it leaves the reading of the server's
// last lines to Receive. It sends heartbeats, so that the server knows that this side is alive, and has
// something to answer.
func (c *Conn) Transmit() {
	ping := time.NewTicker(min(c.idle/3, heartbeat))
	defer ping.Stop()
	for {
		select {
		case <-c.wake:
		case <-ping.C:
			c.Send(wire.Message{Verb: wire.Ping, Seq: c.handledSeq.Load()})
			continue
		case <-c.ctx.Done():
			return
		}
		c.mu.Lock()
		b := c.out
		if c.ack {
			ping := wire.Message{Verb: wire.Ping, Seq: c.handledSeq.Load()}
			b = ping.AppendClient(b)
		}
		c.out, c.ack = nil, false
		c.mu.Unlock()
		if _, err := c.net.Write(b); err != nil {
			return
		}
	}
}

// Receive reads and delivers lines until the connection breaks, and returns why it did: a *wire.ProtocolError
// if the server does not follow the protocol.
func (c *Conn) Receive() error {
	defer func() {
		c.Close()
		c.mu.Lock()
		defer c.mu.Unlock()
		close(c.pieces)
	}()
	for {
		_, m, err := c.next()
		bad, _ := errors.AsType[*wire.ProtocolError](err)
		switch {
		case bad != nil && bad.Code == wire.CodeUnknownVerb: // a newer server's
			err = nil
		case bad != nil && (m.Verb == wire.User || m.Verb == wire.File): // costs this row, which has no name
			err = c.pass(m)
		case err != nil: // also any other bad line, which leaves the two out of step
		case m.Verb == wire.Data, m.Verb == wire.Sending, m.Verb == wire.Sent,
			m.Verb == wire.Error && wire.Verb(m.Name) == wire.Get:
			err = c.receiveFile(m)
		default:
			err = c.pass(m)
		}
		if err != nil {
			return err
		}
	}
}

// pass queues a line for the chat.
func (c *Conn) pass(m wire.Message) error {
	select {
	case c.lines <- m:
		return nil
	case <-c.ctx.Done():
		return net.ErrClosed
	}
}

// receiveFile delivers a line about a download, if it has its place there: bytes that nobody asked for, or
// that no size was announced for, are not taken.
func (c *Conn) receiveFile(m wire.Message) error {
	c.mu.Lock()
	asked := len(c.gets) > 0
	begun := asked && c.gets[0].begun
	if asked && m.Verb == wire.Sending {
		c.gets[0].begun = true
	}
	c.mu.Unlock()
	switch {
	case !asked && m.Verb == wire.Error:
		return c.pass(m)
	case !asked:
		return wire.Errorf(m.Verb, wire.CodeArguments, "%s for no GET", m.Verb)
	case m.Verb == wire.Sending && begun:
		return wire.Errorf(m.Verb, wire.CodeArguments, "SENDING twice for a GET")
	case !begun && (m.Verb == wire.Data || m.Verb == wire.Sent):
		return wire.Errorf(m.Verb, wire.CodeArguments, "%s before SENDING", m.Verb)
	case m.Verb == wire.Data:
		return c.receiveData(m)
	}
	return c.deliver(Piece{Message: m})
}

// receiveData delivers the bytes that follow a DATA line.
func (c *Conn) receiveData(m wire.Message) error {
	for left := m.Count; left > 0; {
		if c.buffers[0] == nil {
			c.buffers[0] = make([]byte, pieceSize)
		}
		n, err := io.ReadFull(c.r, c.buffers[0][:min(left, pieceSize)])
		if n > 0 {
			err = errors.Join(c.deliver(Piece{m, c.buffers[0][:n]}), err)
		}
		if err != nil {
			return err
		}
		c.buffers[0], c.buffers[1] = c.buffers[1], c.buffers[0]
		left -= uint64(n)
	}
	return nil
}

// deliver hands a piece to the receiver of its download, or drops it if there is none. A receiver whose disk
// hangs must not hold up the chat, so after a while the downloads are stopped.
func (c *Conn) deliver(p Piece) error {
	c.mu.Lock()
	var receiver chan Piece
	if len(c.gets) > 0 {
		receiver = c.gets[0].pieces
		if p.Verb == wire.Sent || p.Verb == wire.Error {
			c.gets = c.gets[1:]
		}
	}
	c.mu.Unlock()
	if receiver == nil {
		return nil
	}
	select {
	case receiver <- p:
		return nil
	case <-c.ctx.Done():
		return net.ErrClosed
	case <-time.After(stallTime):
		c.stopDownloads()
		return c.pass(wire.Message{Verb: Stalled})
	}
}

// stopDownloads ends the downloads that were asked for so far. Those asked for from now on are not concerned.
func (c *Conn) stopDownloads() {
	c.buffers = [2][]byte{} // the receiver may still use them
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.pieces)
	c.pieces = make(chan Piece)
	for i := range c.gets {
		c.gets[i].pieces = nil
	}
	c.sendLocked(wire.Message{Verb: wire.Stop})
}
