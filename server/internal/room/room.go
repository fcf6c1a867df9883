// Package room is the conversation: one log that everyone reads, the sessions that read it, and the delivery
// to their connections.
//
// Broadcasts, joins and leaves are encoded once and appended to the log. A session is a cursor into it,
// overlaid with an inbox of what only this session sees. So a broadcast costs one append whatever the number
// of sessions, and what a connection is sent in one system call is a few slices that all share.
package room

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"parley/server/wire"
)

// Limits of a room, beside those in Config.
const (
	// bytes of the log that a session may lie behind what is said before it is cut: minutes of a busy room
	maxLag = 8 << 20
	// bytes of memory that what only one session sees may take until it is sent, before it is cut
	maxWaiting = 1 << 20
	// bytes of memory for what was sent and not acknowledged; older items cannot be resumed
	maxKept = 256 << 10
	// bytes of memory for what waits and is kept in all; when it is reached, the limit of each is ownWaiting
	maxInboxes = 512 << 20

	// for each session: how long who came and went may wait, ten times what it costs to tell
	presencePause = 100 * time.Microsecond
	// bytes of memory for answers, from which on a session's own lines wait: who does not read is not read
	ownWaiting = 64 << 10
)

// Config says how a room works. Joined and Left are called in the order of the events, with the room locked:
// they must not block and must not call the room.
type Config struct {
	MaxSessions int           // sessions at a time
	Grace       time.Duration // how long a session outlives its connection
	// a write that makes no progress for so long means that the connection is lost
	Idle   time.Duration
	Joined func(name string, from net.Addr) // a session came, or came back
	// a session ended, or its connection did; reason is empty after QUIT
	Left  func(name, reason string)
	Guard func() // deferred in every goroutine of the room; recovers panics
}

// A Room is one conversation. Its methods may be called from any goroutine.
type Room struct {
	cfg      Config // set at construction
	flushers sync.WaitGroup
	open     sync.WaitGroup // connections that something is still to be written to

	// guards the following fields and those of Session and Conn that say so; held for memory work only
	mu      sync.Mutex
	log     log
	seq     uint64              // of the newest event
	names   map[string]*Session // by wire.NameKey; sessions that are connected or may be resumed
	tokens  map[string]*Session // the same
	here    int                 // sessions that are connected
	urgent  uint64              // position in the log up to which nobody is to wait
	soon    bool                // a timer is about to set urgent to the end of the log
	queue   queue               // connections, by whether they have something to send
	inboxes int                 // bytes of memory that the sessions' inboxes take
	slow    map[*Conn]bool      // connections that did not take all at once
	stats   Stats
	closed  bool          // nobody may join any more
	stopped bool          // the flushers end
	rested  chan struct{} // closed when no flusher is at work any more; nil when nobody waits for that
}

// Stats counts what happened in a room since it was made, and who is here.
type Stats struct {
	Sessions   int    // connected at present
	Messages   uint64 // broadcasts and unicasts
	Deliveries uint64 // receivers of all messages
	Bytes      uint64 // handed to the network, files not counted
	SlowCuts   uint64 // connections cut because they lagged
}

// Stats returns the counts.
func (r *Room) Stats() Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stats.Sessions = r.here
	return r.stats
}

// A Session is one person's part in the conversation, across connections.
type Session struct {
	// set at construction
	name, key, token string
	wireName         []byte // name, as lines carry it

	// guarded by Room.mu
	conn    *Conn // nil when cut off
	inbox   inbox
	acked   uint64      // what came up to this seq has arrived
	handled uint64      // SAY and TELL lines that got an OK or REFUSED
	expiry  *time.Timer // ends the session when it is cut off for too long
}

// New returns an empty room whose goroutines run until Close.
func New(cfg Config) *Room {
	r := &Room{cfg: cfg, log: newLog(), names: map[string]*Session{}, tokens: map[string]*Session{}, slow: map[*Conn]bool{}}
	r.queue.wake.L, r.queue.epoch = &r.mu, 1
	r.startFlushers()
	return r
}

// eventLocked appends what concerns everyone to the log and makes all due who have not seen it. hide, unless
// it is nil, is the one session that does not see the line but, unless that is empty, instead.
func (r *Room) eventLocked(m *wire.Message, hide *Session, instead wire.Verb) uint64 {
	r.seq++
	m.Seq = r.seq
	s, rolled := r.log.append(m)
	if hide != nil {
		i := item{pos: s.pos(), seq: m.Seq, skip: int32(s.to - s.from)}
		if instead != "" {
			i.line = hide.inbox.encode(&wire.Message{Verb: instead, Seq: m.Seq})
		}
		hide.addLocked(i)
	}
	if m.Verb == wire.Said {
		r.tellAllLocked()
	} else {
		r.tellAllSoonLocked()
	}
	if rolled {
		for c := range r.slow {
			if c.speaksLocked() && r.log.end-c.at.pos() > maxLag {
				r.cutLocked(c.session)
			}
		}
	}
	return m.Seq
}

// tellAllLocked makes all due who have not seen everything.
func (r *Room) tellAllLocked() {
	r.urgent = r.log.end
	r.queue.readyAll()
}

// tellAllSoonLocked does the same a moment later. The moment grows with the number of sessions, so that when
// thousands come or go at once, each of them is told of many with one write.
func (r *Room) tellAllSoonLocked() {
	if r.soon {
		return
	}
	r.soon = true
	time.AfterFunc(time.Duration(r.here)*presencePause, func() {
		defer r.cfg.Guard()
		r.mu.Lock()
		defer r.mu.Unlock()
		r.soon = false
		r.tellAllLocked()
	})
}

// addLocked adds to what only this session sees, and has its reader wait when that is much.
func (s *Session) addLocked(i item) {
	s.inbox.add(i)
	if s.conn != nil {
		s.conn.throttleLocked()
	}
}

// putLocked sends m to one session that is connected. A message without a seq is a reply, and not resumed.
func (r *Room) putLocked(s *Session, m *wire.Message) {
	reply := m.Seq == 0 || m.Verb == wire.Welcome
	s.addLocked(item{pos: r.log.end, seq: r.seq, line: s.inbox.encode(m), reply: reply})
	if s.conn != nil {
		r.queue.ready(s.conn)
		if waiting := s.inbox.waiting; !reply && (waiting > maxWaiting || waiting > ownWaiting && s.inbox.scarce()) {
			r.cutLocked(s)
		}
	}
}

// Join makes a session for a valid name and connects it to nc, which from then on belongs to the returned
// Conn for writing. history is how many of the newest broadcasts it is sent first. The error is a
// *wire.ProtocolError.
func (r *Room) Join(nc net.Conn, name string, history int) (*Conn, error) {
	s := &Session{name: name, key: wire.NameKey(name), token: newToken(), wireName: []byte(name), inbox: inbox{all: &r.inboxes}}
	c := newConn(r, s, nc)
	r.mu.Lock()
	defer r.mu.Unlock()
	old := r.names[s.key]
	switch {
	case r.closed:
		return nil, wire.Errorf(wire.Hello, wire.CodeFull, "the server is shutting down")
	case old != nil && old.conn != nil:
		return nil, wire.Errorf(wire.Hello, wire.CodeNameTaken, "the name %s is taken: choose another", old.name)
	case r.here >= r.cfg.MaxSessions:
		return nil, wire.Errorf(wire.Hello, wire.CodeFull, "the server is full: %d people are here, try again later", r.here)
	case old != nil:
		r.dropLocked(old)
	}
	r.names[s.key], r.tokens[s.token] = s, s
	r.connectLocked(s, c, cursor{r.log.last, len(r.log.last.buf)})
	r.putLocked(s, &wire.Message{Verb: wire.Welcome, Token: []byte(s.token), Seq: r.seq,
		Text: fmt.Appendf(nil, "welcome to parley, %s: %s", name, people(r.here))})
	for _, span := range r.log.newest(history) {
		s.addLocked(item{pos: r.log.end, seq: r.seq, line: span.lines(), reply: true, log: true})
	}
	r.announceLocked(s)
	return c, nil
}

// Resume connects nc to the session that has token, to go on after seq. A connection that the session still
// has is ended. The error is a *wire.ProtocolError.
func (r *Room) Resume(nc net.Conn, token string, seq uint64) (*Conn, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	gone := wire.Errorf(wire.Resume, wire.CodeGone, "this session cannot be resumed: join afresh")
	s := r.tokens[token]
	// A seq before one that was acknowledged is that of a RESUME which lay in the network while the client
	// came back over another connection: that one goes on.
	switch {
	case s == nil || r.closed || seq < s.acked:
		return nil, gone
	case s.conn == nil && r.here >= r.cfg.MaxSessions:
		return nil, wire.Errorf(wire.Resume, wire.CodeFull, "the server is full: %d people are here, try again", r.here)
	}
	left := s.conn == nil
	if left {
		s.expiry.Stop()
	} else {
		s.conn.detachLocked(wire.CodeMoved, "this session goes on over another connection")
	}
	at, reaches := r.log.after(seq)
	if seq > r.seq || !reaches || !s.inbox.rewind(seq) {
		if !left {
			r.leaveLocked(s, "connection lost", true)
		}
		r.dropLocked(s)
		return nil, gone
	}
	c := newConn(r, s, nc)
	r.connectLocked(s, c, at)
	// RESUMED comes first, before what waits in the inbox.
	resumed := &wire.Message{Verb: wire.Resumed, Count: s.handled, Text: fmt.Appendf(nil, "welcome back, %s: %s", s.name, people(r.here))}
	s.inbox.items = slices.Insert(s.inbox.items, 0, item{line: s.inbox.encode(resumed), reply: true})
	s.inbox.waiting += s.inbox.items[0].cost()
	r.inboxes += s.inbox.items[0].cost()
	c.throttleLocked()
	if left {
		r.announceLocked(s)
	}
	return c, nil
}

func (r *Room) connectLocked(s *Session, c *Conn, at cursor) {
	s.conn, c.at = c, at
	r.here++
	r.open.Add(1)
	r.queue.push(&r.queue.own, c)
}

func (r *Room) announceLocked(s *Session) {
	r.eventLocked(&wire.Message{Verb: wire.Joined, Time: uint64(time.Now().UnixMilli()), Name: s.wireName}, nil, "")
	r.cfg.Joined(s.name, s.conn.nc.RemoteAddr())
}

// leaveLocked announces that s left. Unless forever, it can be resumed during the grace period.
func (r *Room) leaveLocked(s *Session, reason string, forever bool) {
	hide := s
	if forever {
		hide = nil // its stream has ended
	}
	r.eventLocked(&wire.Message{Verb: wire.Left, Time: uint64(time.Now().UnixMilli()), Name: s.wireName, Text: []byte(reason)}, hide, "")
	r.cfg.Left(s.name, reason)
	switch {
	case forever:
		r.forgetLocked(s) // but its connection may still be sending what is in the inbox
		return
	case len(r.names)-r.here > r.cfg.MaxSessions || s.inbox.scarce():
		r.dropLocked(s)
		return
	}
	var expiry *time.Timer
	expiry = time.AfterFunc(r.cfg.Grace, func() {
		defer r.cfg.Guard()
		r.mu.Lock()
		defer r.mu.Unlock()
		if s.conn == nil && s.expiry == expiry { // or it came back, and was perhaps cut off again, just now
			r.dropLocked(s)
		}
	})
	s.expiry = expiry
}

// dropLocked forgets a session that no connection sends from, with what it kept.
func (r *Room) dropLocked(s *Session) {
	if s.expiry != nil {
		s.expiry.Stop()
	}
	r.forgetLocked(s)
	s.inbox.drop()
}

func (r *Room) forgetLocked(s *Session) {
	delete(r.tokens, s.token)
	if r.names[s.key] == s {
		delete(r.names, s.key)
	}
}

// Users returns the names of those who are connected, in order.
func (r *Room) Users() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	names := make([]string, 0, r.here)
	for _, s := range r.names {
		if s.conn != nil {
			names = append(names, s.name)
		}
	}
	slices.Sort(names)
	return names
}

// Notice sends everyone who is connected a text from the server.
func (r *Room) Notice(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.names {
		if s.conn != nil {
			r.putLocked(s, &wire.Message{Verb: wire.Notice, Text: wire.Line(text)})
		}
	}
}

// Kick ends the session that has the name, for good, and reports whether there was one.
func (r *Room) Kick(name string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.names[wire.NameKey(name)]
	if s == nil || s.conn == nil {
		return false
	}
	r.leaveLocked(s.conn.endLocked("you were kicked by the server's operator"), "kicked", true)
	return true
}

// people counts the sessions for a person.
func people(n int) string {
	if n == 1 {
		return "you are the only one here"
	}
	return fmt.Sprintf("%d people are here", n)
}

func newToken() string {
	var b [16]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// Close sends everyone a last text, waits until all connections have taken what they were sent, for at most
// endTime, and ends the room's goroutines. Nobody can join from then on.
func (r *Room) Close(text string) {
	r.mu.Lock()
	if !r.closed {
		r.closed = true
		for _, s := range r.names {
			if s.expiry != nil {
				s.expiry.Stop()
			}
			if s.conn != nil {
				r.putLocked(s, &wire.Message{Verb: wire.Notice, Text: wire.Line(text)})
				s.conn.endLocked("the server is closing")
			}
		}
	}
	r.mu.Unlock()
	r.open.Wait()
	r.mu.Lock()
	r.stopped = true
	r.queue.wake.Broadcast()
	r.mu.Unlock()
	r.flushers.Wait()
}
