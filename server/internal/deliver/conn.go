package deliver

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"parley/server/internal/room"
	"parley/server/internal/transport"
	"parley/server/wire"
)

const (
	endTime = 5 * time.Second // how long a connection that ends may take to accept its unsent lines

	// Linger is how long its client then has to close it: a close with unread input would destroy the
	// last lines.
	Linger = 2 * time.Second
)

// ErrEnded reports that a connection no longer belongs to a session. Nothing was done.
var ErrEnded = errors.New("the connection has ended")

var errGone = wire.Errorf(wire.Resume, wire.CodeGone, "this session cannot be resumed: join afresh")

// A Conn is the writing side of a session's connection. The reading side calls its methods, for the lines
// that it reads.
type Conn struct {
	// set at construction
	hub     *Hub
	nc      *transport.Conn
	ref     uint64
	token   string // of a newcomer, who is to be told
	seq     uint64 // of one who comes back: everything up to it has arrived
	history int    // how many of the newest broadcasts a newcomer is sent
	done    chan struct{}
	onDone  func(linger time.Duration)
	onEnd   func()

	// set before the proposal of its Join or Resume returns, and not changed
	refused *wire.ProtocolError
	name    string // of the session
	session uint64 // its ID
	number  uint64 // of the connection within its session
	handled uint64 // messages of the session that were handled before
	backlog int    // see Backlog

	// changed with the hub locked: non-nil while reading is paused; closed to resume it
	paused atomic.Pointer[chan struct{}]

	// guarded by the hub's mutex
	member    *member // whose lines are sent; nil when its session goes on without the connection
	at        cursor  // of the stream
	limit     uint64  // stream position where it ends
	replies   []reply
	unsent    int       // cost of the replies, and bytes of the answers among them
	taken     []*Answer // that were collected and are not written yet
	idleSlot  idleSlot
	transfers []Transfer
	piece     bool // the first transfer may have something to write
	state     connState
	lines     lineState
	final     []byte    // lines that come after limit
	endBy     time.Time // when they are to be written
}

// A connState says what is still written to a connection. It only grows.
type connState uint8

const (
	open    connState = iota // everything
	ending                   // the stream up to limit, then the final lines
	closing                  // the final lines, which a goroutine has
	broken                   // nothing
)

// A lineState says what becomes of the lines that a connection's goroutine has collected.
type lineState uint8

const (
	noLines     lineState = iota // there are none
	allLines                     // all of them are being written
	onlyOneLine                  // the one that was begun is, and the others are dropped
)

// Newcomer returns a connection for e, a Join or Takeover: nc belongs to it for writing as soon as the entry
// is applied. It is sent the token and the newest broadcasts. The error is a *wire.ProtocolError.
func (h *Hub) Newcomer(nc *transport.Conn, e room.Entry, token string, history int) (*Conn, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if refused := h.room.Refuses(e); refused != nil {
		return nil, refused
	}
	c := &Conn{nc: nc, token: token, history: history}
	old := h.room.Named(e.Name)
	if old != nil && !old.Away() && !h.closed { // its place becomes free
		return newConn(h, c), nil
	}
	return h.openLocked(e.Verb(), c)
}

// Returner returns a connection for e, a Resume, after the line with that seq. The error is a
// *wire.ProtocolError; with CodeGone, lost is an entry to propose unless it is zero.
func (h *Hub) Returner(nc *transport.Conn, e room.Entry, seq uint64) (c *Conn, lost room.Entry, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if refused := h.room.Refuses(e); refused != nil {
		return nil, room.Entry{}, refused
	}
	m := h.members[h.room.Token(e.Token)]
	// A seq before one that was acknowledged is that of a RESUME which lay in the network while the
	// client came back over another connection: that one goes on.
	if m == nil || seq < m.acked {
		return nil, room.Entry{}, errGone
	}
	if h.closed {
		return nil, room.Entry{}, wire.Errorf(wire.Resume, wire.CodeFull, "the server is shutting down")
	}
	if !h.stream.reaches(seq) || seq > h.room.Seq() || seq < m.mailbox.droppedThrough {
		return nil, m.entry(room.Leave, "connection lost"), errGone
	}
	if !m.session.Away() { // its place is kept
		return newConn(h, &Conn{nc: nc, seq: seq}), room.Entry{}, nil
	}
	c, err = h.openLocked(e.Verb(), &Conn{nc: nc, seq: seq})
	return c, room.Entry{}, err
}

// openLocked returns a connection whose entry is about to be proposed, unless there are too many.
func (h *Hub) openLocked(verb wire.Verb, c *Conn) (*Conn, error) {
	switch n := h.room.Here() + len(h.pending); {
	case h.closed:
		return nil, wire.Errorf(verb, wire.CodeFull, "the server is shutting down")
	case n >= h.cfg.MaxSessions:
		return nil, wire.Errorf(verb, wire.CodeFull,
			"the server is full: %d people are here, try again later", n)
	}
	return newConn(h, c), nil
}

func newConn(h *Hub, c *Conn) *Conn {
	h.refs++
	c.hub, c.ref, c.limit, c.done, c.onDone = h, h.refs, 1<<64-1, make(chan struct{}), func(time.Duration) {}
	c.onEnd = func() {}
	h.pending[c.ref] = c
	return c
}

// Opened is called when the entry has been proposed. The error is the proposal's, or a *wire.ProtocolError
// that says why the entry was not carried out.
func (c *Conn) Opened(err error) error {
	if err != nil {
		c.hub.mu.Lock()
		defer c.hub.mu.Unlock()
		delete(c.hub.pending, c.ref)
		return err
	}
	if c.refused != nil {
		return c.refused
	}
	return nil
}

// Ref returns what the connection's entry is to carry as its Ref.
func (c *Conn) Ref() uint64 { return c.ref }

// Name returns the session's name.
func (c *Conn) Name() string { return c.name }

// Session returns the session's ID.
func (c *Conn) Session() uint64 { return c.session }

// Entry returns an entry about the connection: that it broke, or that its session ends.
func (c *Conn) Entry(kind room.Kind, reason string) room.Entry {
	return room.Entry{Kind: kind, Session: c.session, Number: c.number, Text: []byte(reason)}
}

// Handled returns how many messages of the session were handled before the connection.
func (c *Conn) Handled() uint64 { return c.handled }

// Done is closed when nothing more is written to the connection.
func (c *Conn) Done() <-chan struct{} { return c.done }

// OnDone has f called when Done is closed, with the time that the client then has to close the connection. f
// must not block and must not call the hub, which is locked. It is for the time before the entry is proposed.
func (c *Conn) OnDone(f func(linger time.Duration)) { c.onDone = f }

// OnEnd has f called, in the same way, when the connection is its session's no more: its last lines are still
// to be written.
func (c *Conn) OnEnd(f func()) { c.onEnd = f }

// Backlog returns how many bytes the connection is sent because of what was said before it.
func (c *Conn) Backlog() int { return c.backlog }

// attachLocked connects a session. c is nil unless the connection is one of this process.
func (h *Hub) attachLocked(m *member, c *Conn, e *room.Entry, o *room.Outcome) {
	h.returnedLocked(m)
	if m.conn != nil {
		m.conn.releaseLocked(wire.CodeMoved, "this session goes on over another connection")
	}
	m.cut = false
	if c == nil { // of another server
		m.mailbox.keepAll()
		return
	}
	c.name, c.session, c.number, c.handled = m.session.Name, m.session.ID, m.session.Conn, m.session.Handled
	c.at = cursor{h.stream.last, len(h.stream.last.buf)}
	if e.Kind == room.Resume {
		failed, ok := room.Detach, c.seq >= m.acked // or its client has seen more over another connection
		if ok {
			failed = room.Leave // it was possible a moment ago
			c.at, ok = h.stream.after(c.seq)
			ok = m.mailbox.rewind(c.seq) && ok
		}
		if !ok {
			c.refused = errGone
			h.proposeLaterLocked(m.entry(failed, "connection lost"))
			return
		}
		m.acked = c.seq // so a RESUME from before that is refused
		c.backlog = int(h.stream.end-c.at.pos()) + m.mailbox.pending
	}
	m.conn, c.member = c, m
	h.connected++
	h.open.Add(1)
	h.queue.push(&h.queue.direct, c)
	here := people(h.room.Here())
	if e.Kind == room.Resume {
		resumed := wire.Message{Verb: wire.Resumed, Count: c.handled,
			Text: fmt.Appendf(nil, "welcome back, %s: %s", c.Name(), here)}
		c.addReply(reply{pos: c.at.pos(), after: m.mailbox.taken, lines: resumed.AppendServer(nil)})
		return
	}
	welcome := wire.Message{Verb: wire.Welcome, Token: []byte(c.token), Seq: o.Line.Seq - 1,
		Text: fmt.Appendf(nil, "welcome to parley, %s: %s", c.Name(), here)}
	c.replyLocked(welcome.AppendServer(nil))
	for _, span := range h.stream.newest(c.history) {
		c.addReply(reply{pos: h.stream.end, lines: span.lines(), cost: lineCost}) // memory of the stream
		c.backlog += span.to - span.from
	}
}

// isCurrentLocked reports whether the connection is its session's.
func (c *Conn) isCurrentLocked() bool { return c.member != nil && c.member.conn == c }

// do calls f, with the hub locked, if the connection is still its session's.
func (c *Conn) do(f func(m *member)) error {
	c.hub.mu.Lock()
	defer c.hub.mu.Unlock()
	if !c.isCurrentLocked() {
		return ErrEnded
	}
	f(c.member)
	return nil
}

// Ack takes note that everything up to seq has arrived.
func (c *Conn) Ack(seq uint64) {
	c.do(func(m *member) {
		m.acked = max(m.acked, min(seq, c.hub.room.Seq()))
		m.mailbox.trim(m.acked, c.hub.stream.first.base, maxUnacked)
	})
}

// Wait blocks while the session has too many unsent lines of its own.
func (c *Conn) Wait() {
	for paused := c.paused.Load(); paused != nil; paused = c.paused.Load() {
		select {
		case <-*paused:
		case <-c.done: // broken, which the reader is about to notice
			return
		}
	}
}

// throttleLocked pauses the session's reader while too much is unsent.
func (c *Conn) throttleLocked() {
	much := c.isCurrentLocked() && c.member.mailbox.ownCost()+c.unsent > pauseReadAbove
	paused := c.paused.Load()
	if much && paused == nil {
		paused := make(chan struct{})
		c.paused.Store(&paused)
	}
	if !much && paused != nil {
		c.paused.Store(nil)
		close(*paused)
	}
}

// Lost closes a connection that broke. It reports whether it was its session's, which a Detach entry is to
// tell then.
func (c *Conn) Lost() bool {
	c.nc.Close()
	c.hub.mu.Lock()
	defer c.hub.mu.Unlock()
	c.state = broken
	current := c.isCurrentLocked()
	if current {
		c.member.cut = true
		c.releaseLocked(wire.CodeMoved, "connection lost")
	}
	c.hub.queue.ready(c)
	return current
}

// endLocked lets the connection send everything up to here, then the final lines.
func (c *Conn) endLocked(final []byte) {
	c.limit = c.hub.stream.end
	c.finishLocked(final)
}

// releaseLocked takes the session, which can go on, from the connection. Its stream stops where it is, and
// code and text say why.
func (c *Conn) releaseLocked(code, text string) {
	m := wire.Errorf("-", code, "%s", text).Message()
	c.finishLocked(append(m.AppendServer(nil), bye("the session can be resumed")...))
	c.member.mailbox.keepAll()
	c.dropLinesLocked()
}

// abandonLocked gives up what is unsent of a session that has ended, but for the final lines.
func (c *Conn) abandonLocked() {
	c.member.mailbox.drop()
	c.dropLinesLocked()
}

// dropLinesLocked releases at once what the connection keeps alive: replies, every chunk of the stream from
// the cursor on, and what is being written, which a client that reads nothing would keep until endBy.
func (c *Conn) dropLinesLocked() {
	c.dropReplies()
	c.member, c.at = nil, cursor{}
	if c.lines == allLines {
		c.lines = onlyOneLine
		c.nc.SetWriteDeadline(time.Now())
	}
}

func (c *Conn) finishLocked(final []byte) {
	c.member.conn = nil
	c.hub.connected--
	c.onEnd()
	c.state, c.final, c.endBy = max(c.state, ending), final, time.Now().Add(endTime)
	c.nc.SetWriteDeadline(c.endBy) // for a write that already waits
	c.hub.queue.ready(c)
}
