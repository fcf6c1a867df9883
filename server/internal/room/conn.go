package room

import (
	"errors"
	"net"
	"sync/atomic"
	"syscall"
	"time"

	"parley/server/wire"
)

const (
	endTime = 5 * time.Second // how long a connection that ends has to take what is still to be sent to it

	// Linger is how long its client then has to close it: a close with unread input would destroy what was
	// sent last.
	Linger = 2 * time.Second
)

// ErrEnded tells that a connection no longer speaks for a session. Nothing was done.
var ErrEnded = errors.New("the connection has ended")

// ErrWait tells that a transfer has nothing to write yet.
var ErrWait = errors.New("nothing to write yet")

// A Transfer is something large that goes to one connection between the lines of its stream.
type Transfer interface {
	// Piece writes the next part, with its lines, and returns io.EOF after the last. It returns ErrWait when
	// there is none yet, and wake is called when there is. Any other error breaks the connection. It should
	// take a fraction of a second, because the stream waits for it.
	Piece(nc net.Conn, wake func()) error
	// Stop lets it end at the next Piece. It is called from any goroutine and does not block.
	Stop()
	// Close is called once, after the last Piece or when the connection ends before it.
	Close()
}

// A Conn is the writing side of a session's connection. The reading side calls its methods, for the lines
// that it reads.
type Conn struct {
	// set at construction
	name string
	room *Room
	nc   net.Conn
	raw  syscall.RawConn // nil when nc cannot be written to without blocking
	done chan struct{}   // closed when nothing more is written

	// changed with room.mu locked: closed when less waits to be sent; nil while it is little enough to read
	// on
	full atomic.Pointer[chan struct{}]

	// guarded by room.mu
	session   *Session // whose stream is sent; nil when it has another connection, or none
	at        cursor   // of the stream
	limit     uint64   // position in the log where the stream ends
	place     place
	transfers []Transfer
	piece     bool // the first transfer may have something to write
	ending    bool // the stream goes up to limit, then come the final lines
	endBy     time.Time
	final     []byte
	last      bool // the final lines are being written
	broken    bool // nothing more can be written
}

func newConn(r *Room, s *Session, nc net.Conn) *Conn {
	return &Conn{name: s.name, room: r, session: s, nc: nc, raw: rawConn(nc), limit: 1<<64 - 1, done: make(chan struct{})}
}

// Name returns the session's name.
func (c *Conn) Name() string { return c.name }

// Done is closed when nothing more is written to the connection.
func (c *Conn) Done() <-chan struct{} { return c.done }

// speaksLocked reports whether the connection is its session's.
func (c *Conn) speaksLocked() bool { return c.session != nil && c.session.conn == c }

// do calls f, with the room locked, if the connection still speaks for a session.
func (c *Conn) do(f func(r *Room, s *Session)) error {
	c.room.mu.Lock()
	defer c.room.mu.Unlock()
	if !c.speaksLocked() {
		return ErrEnded
	}
	f(c.room, c.session)
	return nil
}

// A Post is a broadcast, or a unicast where To names someone.
type Post struct {
	To, Text []byte

	// set by Conn.Post
	Seq     uint64
	Peer    string              // who got a unicast
	Refused *wire.ProtocolError // why a unicast was not taken; the sender is told, too
}

// Post sends posts, in order and with one lock. n says how many were handled; the error is ErrEnded where the
// others were not.
func (c *Conn) Post(posts []Post) (n int, err error) {
	c.room.mu.Lock()
	defer c.room.mu.Unlock()
	now := uint64(time.Now().UnixMilli())
	for ; n < len(posts); n++ {
		if !c.speaksLocked() { // not any more, perhaps: what the posts are answered with may be too much
			return n, ErrEnded
		}
		c.session.handled++
		if p := &posts[n]; p.To == nil {
			c.room.sayLocked(c.session, p, now)
		} else {
			c.room.tellLocked(c.session, p, now)
		}
	}
	return n, nil
}

func (r *Room) sayLocked(s *Session, p *Post, now uint64) {
	r.stats.Messages++
	r.stats.Deliveries += uint64(r.here - 1)
	p.Seq = r.eventLocked(&wire.Message{Verb: wire.Said, Time: now, Name: s.wireName, Text: p.Text}, s, wire.OK)
}

func (r *Room) tellLocked(s *Session, p *Post, now uint64) {
	r.seq++
	p.Seq = r.seq
	peer, refused := r.peerLocked(s, p.To)
	p.Refused = refused
	if refused != nil {
		r.putLocked(s, &wire.Message{Verb: wire.Refused, Seq: p.Seq, Code: []byte(refused.Code), Text: wire.Line(refused.Text)})
		return
	}
	r.stats.Messages++
	r.stats.Deliveries++
	p.Peer = peer.name
	r.putLocked(s, &wire.Message{Verb: wire.OK, Seq: p.Seq})
	r.putLocked(peer, &wire.Message{Verb: wire.Told, Seq: p.Seq, Time: now, Name: s.wireName, Text: p.Text})
}

// peerLocked returns the session that a unicast from s to name goes to.
func (r *Room) peerLocked(s *Session, name []byte) (*Session, *wire.ProtocolError) {
	peer := r.names[string(name)] // most names are their own key, and to make a key takes memory
	if peer == nil || peer.key != peer.name {
		peer = r.names[wire.NameKey(string(name))]
	}
	switch {
	case peer == nil:
		return nil, wire.Errorf(wire.Tell, wire.CodeNoUser, "nobody here is called %s; /who shows who is", name)
	case peer == s:
		return nil, wire.Errorf(wire.Tell, wire.CodeSelf, "that is you: choose someone else")
	case peer.conn == nil:
		return nil, wire.Errorf(wire.Tell, wire.CodeAway, "%s has lost the connection and is not back", peer.name)
	}
	return peer, nil
}

// Reply sends lines that are not part of the stream. What was said before comes before them. The error is
// ErrEnded.
func (c *Conn) Reply(messages ...wire.Message) error {
	return c.do(func(r *Room, s *Session) {
		for i := range messages {
			r.putLocked(s, &messages[i])
		}
	})
}

// Ack takes note that everything up to seq has arrived.
func (c *Conn) Ack(seq uint64) {
	c.do(func(r *Room, s *Session) {
		s.acked = max(s.acked, min(seq, r.seq))
		s.inbox.trim(s.acked, r.log.first.base, maxKept)
	})
}

// Wait returns when little enough waits to be sent to the session that another of its lines may be read.
func (c *Conn) Wait() {
	for full := c.full.Load(); full != nil; full = c.full.Load() {
		select {
		case <-*full:
		case <-c.done: // broken, which the reader is about to notice
			return
		}
	}
}

// Send queues a transfer. The error is ErrEnded, or a *wire.ProtocolError when most already wait.
func (c *Conn) Send(t Transfer, most int) error {
	busy := false
	err := c.do(func(r *Room, _ *Session) {
		busy = len(c.transfers) > most
		if !busy {
			c.transfers = append(c.transfers, t)
			c.pieceLocked()
		}
	})
	if busy {
		return wire.Errorf(wire.Get, wire.CodeBusy, "%d downloads wait already", most)
	}
	return err
}

// Stop stops the transfers, and reports whether there were any.
func (c *Conn) Stop() (any bool) {
	c.do(func(*Room, *Session) {
		for _, t := range c.transfers {
			t.Stop()
			any = true
		}
		c.pieceLocked()
	})
	return any
}

// wake has the first transfer go on.
func (c *Conn) wake() {
	c.room.mu.Lock()
	defer c.room.mu.Unlock()
	c.pieceLocked()
}

func (c *Conn) pieceLocked() {
	c.piece = true
	c.room.queue.ready(c)
}

// sendsLocked reports whether there is something to do for the transfers.
func (c *Conn) sendsLocked() bool {
	return len(c.transfers) > 0 && (c.piece || c.ending || c.broken)
}

// Quit ends the session in an orderly way.
func (c *Conn) Quit() {
	c.do(func(r *Room, s *Session) { r.leaveLocked(c.endLocked("goodbye"), "", true) })
}

// Lost tells that the connection broke, and closes it. Its session can be resumed.
func (c *Conn) Lost(reason string) {
	c.nc.Close()
	c.room.mu.Lock()
	defer c.room.mu.Unlock()
	c.broken = true
	if s := c.session; c.speaksLocked() {
		c.detachLocked(wire.CodeMoved, "connection lost")
		c.room.leaveLocked(s, reason, false)
	}
	c.room.queue.ready(c)
}

// endLocked lets the connection send what was said so far, then BYE. It returns the session, which is to be
// left for good.
func (c *Conn) endLocked(text string) *Session {
	c.limit = c.room.log.end
	c.finishLocked(bye(text))
	return c.session
}

// detachLocked takes the session, which can go on, from the connection. Its stream stops where it is, and
// code and text say why.
func (c *Conn) detachLocked(code, text string) {
	m := wire.Errorf("-", code, "%s", text).Message()
	c.finishLocked(append(m.AppendServer(nil), bye("the session can be resumed")...))
	// which would keep all in memory that is said until the connection has ended
	c.session, c.at = nil, cursor{}
}

func (c *Conn) finishLocked(final []byte) {
	c.session.conn = nil
	c.room.here--
	c.ending, c.final, c.endBy = true, final, time.Now().Add(endTime)
	c.nc.SetWriteDeadline(c.endBy) // for a write that already waits
	c.room.queue.ready(c)
}

// cutLocked cuts a session off that does not take what is sent to it. It may resume.
func (r *Room) cutLocked(s *Session) {
	r.stats.SlowCuts++
	s.conn.detachLocked(wire.CodeTooSlow, "you lag too far behind the conversation")
	r.leaveLocked(s, "too slow", false)
}

func bye(text string) []byte {
	return (&wire.Message{Verb: wire.Bye, Text: []byte(text)}).AppendServer(nil)
}
