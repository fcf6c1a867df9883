package room

import (
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"

	"parley/server/wire"
)

const (
	endTime = 5 * time.Second // how long a connection that ends has to take what is still to be sent to it
	Linger  = 2 * time.Second // how long its client then has to close it, before it is closed: a close with unread input would destroy what was sent
)

// ErrEnded tells that a line came over a connection that no longer speaks for a session. Nothing was done.
var ErrEnded = errors.New("the connection has ended")

// A Transfer is something large that goes to one connection between the lines of its stream.
type Transfer interface {
	// Piece writes the next part, with its lines, and returns io.EOF after the last. Any other error breaks the
	// connection. It should take a fraction of a second, because the stream waits for it.
	Piece(w net.Conn) error
	// Close is called once, after the last Piece or when the connection ends before it.
	Close()
}

// A Conn is the writing side of a session's connection. The reading side calls its methods, for the lines that it reads.
type Conn struct {
	// set at construction
	name string
	room *Room
	nc   net.Conn
	raw  syscall.RawConn // nil when nc cannot be written to without blocking
	done chan struct{}   // closed when nothing more is written

	// guarded by room.mu
	session   *Session // whose stream is sent; nil when it has another connection, or none
	at        cursor   // of the stream
	limit     uint64   // position in the log where the stream ends
	link      link     // place in the queue
	taken     bool     // not in the queue: a flusher or drain writes to it
	transfers []Transfer
	ending    bool      // the stream goes up to limit, then come the final lines
	endBy     time.Time // when it is ended anyway
	final     []byte
	last      bool          // the final lines are being written
	broken    bool          // nothing more can be written
	drained   chan struct{} // has an element when what waited has been sent
}

func newConn(r *Room, s *Session, nc net.Conn) *Conn {
	c := &Conn{name: s.name, room: r, session: s, nc: nc, raw: rawConn(nc), limit: 1<<64 - 1, done: make(chan struct{}), drained: make(chan struct{}, 1)}
	c.link.conn = c
	return c
}

// Name returns the session's name.
func (c *Conn) Name() string { return c.name }

// Done is closed when nothing more is written to the connection.
func (c *Conn) Done() <-chan struct{} { return c.done }

// own returns the session that the connection speaks for.
func (c *Conn) ownLocked() (*Session, error) {
	if c.session == nil || c.session.conn != c {
		return nil, ErrEnded
	}
	return c.session, nil
}

// Reply sends the connection lines that are not part of the stream. What everyone said before comes before them.
func (c *Conn) Reply(messages ...wire.Message) {
	c.room.mu.Lock()
	defer c.room.mu.Unlock()
	for i := range messages {
		c.replyLocked(&messages[i])
	}
}

func (c *Conn) replyLocked(m *wire.Message) {
	if s, err := c.ownLocked(); err == nil {
		c.room.putLocked(s, item{pos: c.room.log.end, seq: c.room.seq, line: s.inbox.encode(m), reply: true})
	}
}

// Ack takes note that everything up to seq has arrived.
func (c *Conn) Ack(seq uint64) {
	c.room.mu.Lock()
	defer c.room.mu.Unlock()
	if s, err := c.ownLocked(); err == nil {
		s.inbox.trim(seq, c.room.log.first.base, maxKept)
	}
}

// Wait returns when little enough waits to be sent to the session that another of its lines may be read.
func (c *Conn) Wait() {
	for {
		c.room.mu.Lock()
		s, err := c.ownLocked()
		wait := err == nil && s.inbox.waiting > ownWaiting
		c.room.mu.Unlock()
		if !wait {
			return
		}
		select {
		case <-c.drained:
		case <-c.done:
		}
	}
}

// Send queues a transfer. The error is ErrEnded, or a *wire.ProtocolError when most already wait.
func (c *Conn) Send(t Transfer, most int) error {
	c.room.mu.Lock()
	defer c.room.mu.Unlock()
	if _, err := c.ownLocked(); err != nil {
		return err
	}
	if len(c.transfers) > most {
		return &wire.ProtocolError{Verb: wire.Get, Code: wire.CodeBusy, Text: fmt.Sprintf("%d downloads wait already", most)}
	}
	c.transfers = append(c.transfers, t)
	c.room.queue.readyOne(c)
	return nil
}

// Quit ends the session in an orderly way.
func (c *Conn) Quit() {
	c.room.mu.Lock()
	defer c.room.mu.Unlock()
	if s, err := c.ownLocked(); err == nil {
		c.endLocked("goodbye")
		c.room.leaveLocked(s, "", true)
	}
}

// Lost tells that the connection broke, and closes it. Its session can be resumed.
func (c *Conn) Lost(reason string) {
	c.nc.Close()
	c.room.mu.Lock()
	defer c.room.mu.Unlock()
	c.broken = true
	if s, err := c.ownLocked(); err == nil {
		c.detachLocked(nil)
		c.room.leaveLocked(s, reason, false)
	}
	c.room.queue.readyOne(c)
}

// endLocked lets the connection send what the session has seen so far, then a BYE. The session must be left for good.
func (c *Conn) endLocked(text string) {
	c.session.conn = nil
	c.limit = c.room.log.end
	c.finishLocked(bye(text))
}

// detachLocked takes the session from the connection, whose stream stops where it is, with the final lines.
func (c *Conn) detachLocked(final []byte) {
	c.session.conn = nil
	c.session = nil
	c.finishLocked(final)
}

func (c *Conn) finishLocked(final []byte) {
	c.ending, c.final, c.endBy = true, final, time.Now().Add(endTime)
	c.nc.SetWriteDeadline(c.endBy) // for a write that already waits
	c.room.queue.readyOne(c)
}

// cutLocked cuts a session off that does not take what is sent to it. It may resume.
func (r *Room) cutLocked(c *Conn) {
	s := c.session
	e := wire.ProtocolError{Verb: "-", Code: wire.CodeTooSlow, Text: "you lag too far behind the conversation: reconnect and resume"}
	m := e.Message()
	c.detachLocked(append(m.AppendServer(nil), bye("too slow")...))
	r.leaveLocked(s, "too slow", false)
}

// cutLaggingLocked looks at the connections that did not take all at once.
func (r *Room) cutLaggingLocked() {
	for c := range r.slow {
		if _, err := c.ownLocked(); err == nil && r.log.end-c.at.pos() > maxLag {
			r.cutLocked(c)
		}
	}
}
