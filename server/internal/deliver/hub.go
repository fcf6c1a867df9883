// Package deliver carries what follows from the entries of a conversation to the connections.
//
// Broadcasts, joins and leaves are encoded once and appended to the stream. A session is a cursor into it,
// overlaid with a mailbox of the lines that only this session sees. So a broadcast costs one append whatever
// the number of sessions, and one system call sends a connection a few slices of memory that all share.
package deliver

import (
	"container/list"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"parley/server/internal/room"
	"parley/server/wire"
)

// Limits of a hub, beside those in Config.
const (
	// maximum lag behind the stream, in bytes; a session further behind is disconnected. One sender's
	// flood of broadcasts gets a slow receiver there, and nothing here keeps it from that, because
	// everyone else sees them, too: the rate at which a session may send does.
	maxLag = 8 << 20
	// maximum cost of a mailbox's unsent entries; a session with more is disconnected. Unicasts are
	// refused long before, see maxTold, but for those that hundreds of senders have on their way at the
	// same time.
	maxPending = 4 << 20
	// maximum cost of entries that were sent and not acknowledged; older ones cannot be resumed
	maxUnacked = 256 << 10
	// above this cost of unsent lines of its own, the server stops reading from a session (back-pressure)
	pauseReadAbove = 64 << 10
)

// Config says how a hub works.
type Config struct {
	MaxSessions int           // connections at a time, and sessions without one
	Grace       time.Duration // how long a session outlives its connection
	// a write without progress for so long means that the connection is lost
	Idle time.Duration
	// Audit is called for each entry with what followed from it, in order. It must not block and must not
	// call the hub, which may be locked, or keep e and o. from is nil unless the entry opened a
	// connection here.
	Audit func(e *room.Entry, o *room.Outcome, from net.Addr)
	Guard func() // deferred in every goroutine of the hub; recovers panics
}

// A Hub applies committed entries to its room and delivers what follows. It is the state of an event log. Its
// methods may be called from any goroutine.
type Hub struct {
	cfg      Config // set at construction
	flushers sync.WaitGroup
	open     sync.WaitGroup // connections that something is still to be written to
	propose  func([]byte) error
	proposed sync.WaitGroup // the hub's own proposals
	// owned by Apply, of which the event log makes one call at a time
	records []record // for Audit
	batch   batch    // whose entries are applied

	// mu guards the following fields and those of member and Conn that say so; held for memory work only
	mu            sync.Mutex
	room          *room.Room
	stream        stream
	members       map[*room.Session]*member
	pending       map[uint64]*Conn // by Entry.Ref: connections whose Join or Resume is being committed
	refs          uint64           // the newest Ref
	connected     int              // attached connections
	announced     uint64           // stream position that has been announced; connections behind it are due
	presenceTimer bool             // a timer is about to announce the end of the stream
	queue         queue            // connections, by whether they have something to send
	cost          int              // of all mailboxes, replies and answers
	budget        int              // maximum cost; changed by tests alone
	crowded       atomic.Int32     // mailboxes that count their unicasts by sender; read without mu
	silent        awayList         // sessions whose clients never spoke and are waited for
	spoke         awayList         // other sessions whose clients are waited for
	away          int              // how many they are
	answers       list.List        // that are being sent, the oldest first
	answersSize   int              // bytes of all of them
	presence      uint64           // see Presence
	cluster       cluster
	draining      map[*Conn]bool // connections with a goroutine of their own
	stats         Stats
	live          bool          // Start was called: entries are new, not those of an earlier server
	closed        bool          // nobody may join any more
	stopped       bool          // the flushers end
	flushersIdle  chan struct{} // closed when no flusher is at work; nil if nobody waits for that
}

// maxRecords is the number of messages that are applied with the hub locked: some tens of microseconds.
const maxRecords = 64

// A record is an entry and what Audit is told of it.
type record struct {
	entry   room.Entry
	outcome room.Outcome
	from    net.Addr
}

// Stats counts what happened since the server started, and who is here.
type Stats struct {
	Sessions   int    // connected at present
	Messages   uint64 // broadcasts and unicasts
	Deliveries uint64 // receivers of all messages
	Bytes      uint64 // handed to the network, files not counted
	SlowCuts   uint64 // connections cut because they lagged
}

// New returns a hub with an empty room. Its goroutines run until Close.
func New(cfg Config) *Hub {
	h := &Hub{cfg: cfg, room: room.New(), stream: newStream(0), members: map[*room.Session]*member{},
		pending: map[uint64]*Conn{}, draining: map[*Conn]bool{}, silent: awayList{}, spoke: awayList{},
		records: make([]record, 0, maxRecords), budget: mailboxBudget}
	h.queue.wake.L, h.queue.generation = &h.mu, 1
	h.startFlushers()
	return h
}

// Start begins to deliver. propose is the event log's, whose entries the hub has applied so far.
func (h *Hub) Start(propose func([]byte) error) {
	h.mu.Lock()
	h.live, h.propose, h.announced = true, propose, h.stream.end
	up := h.upLocked()
	h.mu.Unlock()
	up.Time = now()
	h.propose(up.Append(nil)) // a log that has failed already fails the next proposal, too
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, m := range h.members {
		switch {
		case m.expiry != nil: // its client left meanwhile
		case m.session.Away():
			h.awaitLocked(m)
		case h.cluster.server == 0: // its client may not have noticed yet that the connection is lost
			h.expireLocked(m, h.cfg.Idle)
		}
	}
}

// Apply applies a group of entries. The error says that the bytes are no entries.
func (h *Hub) Apply(group []byte) (err error) {
	for len(group) > 0 && err == nil {
		group, err = h.applySome(group)
		h.audit()
	}
	return err
}

// applySome applies a few messages or another entry, so that others need not wait long for the lock, and
// returns the rest.
func (h *Hub) applySome(group []byte) (rest []byte, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	defer h.reclaimLocked()
	for len(group) > 0 && len(h.records) < cap(h.records) {
		e, rest, err := room.ParseEntry(group)
		if err != nil {
			return nil, err
		}
		group = rest
		e.Server, e.Batch = h.batch.server, h.batch.number
		if e.Kind != room.Say && e.Kind != room.Tell {
			h.audit()
			h.changeLocked(&record{entry: e, outcome: h.room.Apply(e)})
			break
		}
		h.records = h.records[:len(h.records)+1]
		r := &h.records[len(h.records)-1] // large, so it is made where it stays
		r.entry, r.outcome = e, h.room.Apply(e)
		h.deliverLocked(r)
	}
	return group, nil
}

// changeLocked carries out an entry that is no message. Its log lines are written before anyone is told.
func (h *Hub) changeLocked(r *record) {
	for _, end := range r.outcome.Before {
		h.changeLocked(&record{entry: room.Entry{Kind: room.Leave, Time: r.entry.Time}, outcome: end})
	}
	h.deliverLocked(r)
	h.tell(r)
}

// deliverLocked carries out what follows from an entry: first what becomes of the session's connection, then
// the lines.
func (h *Hub) deliverLocked(r *record) {
	e, o := &r.entry, &r.outcome
	var c *Conn
	if e.Ref != 0 && e.Server == h.cluster.server {
		c = h.takePendingLocked(e.Ref, o.Refused)
	}
	if c != nil {
		r.from = c.nc.RemoteAddr()
	}
	if o.Over {
		h.stream.forgetHistory()
	}
	if e.Kind == room.Heartbeat {
		h.beatLocked(e)
	}
	m, peer := h.concernedLocked(o.Session, o), h.concernedLocked(o.Peer, o)
	if h.closed { // the next server delivers it
		if o.To == room.Everyone {
			h.stream.append(&o.Line, o.History)
		}
		return
	}
	if o.Reset {
		for _, m := range h.members {
			h.removeLocked(m)
		}
	}
	if o.Change != room.Unchanged || o.Reset {
		h.presence++
	}
	switch o.Change {
	case room.Attached:
		h.attachLocked(m, c, e, o)
	case room.Detached:
		h.detachLocked(m)
	case room.Ended:
		h.endLocked(m, o.Bye)
	}
	switch o.To {
	case room.Everyone:
		h.broadcastLocked(m, o)
	case room.Nobody, room.Peer:
		if o.Receipt.Verb != "" {
			h.postLocked(m, 0, &o.Receipt)
		}
		if o.To == room.Peer {
			h.countLocked(1)
			h.postLocked(peer, m.session.ID, &o.Line)
		}
	case room.Present:
		h.noticeLocked(&o.Line)
	}
}

// audit has the records told.
func (h *Hub) audit() {
	for i := range h.records {
		h.tell(&h.records[i])
	}
	clear(h.records) // release the sessions
	h.records = h.records[:0]
}

// tell calls Audit, unless the record is an earlier server's.
func (h *Hub) tell(r *record) {
	if h.live {
		h.cfg.Audit(&r.entry, &r.outcome, r.from)
	}
}

// takePendingLocked returns the connection of this process that waits for an entry, if there is one.
func (h *Hub) takePendingLocked(ref uint64, refused *wire.ProtocolError) *Conn {
	c := h.pending[ref]
	if c != nil {
		delete(h.pending, ref)
		c.refused = refused
		if h.closed {
			c.refused = wire.Errorf("-", wire.CodeFull, "the server is shutting down")
		}
	}
	return c
}

// broadcastLocked appends a line to the stream. If it is hidden from the session whose it is, that one gets
// its receipt in the place.
func (h *Hub) broadcastLocked(m *member, o *room.Outcome) {
	s, rolled := h.stream.append(&o.Line, o.History)
	if o.Hidden {
		e := entry{pos: s.pos(), seq: o.Line.Seq, skip: int32(s.to - s.from)}
		if o.Receipt.Verb != "" {
			e.line = m.mailbox.encode(&o.Receipt)
		}
		h.addLocked(m, e)
	}
	if o.History {
		h.countLocked(h.connected - 1)
	}
	if o.Lazy {
		h.announceLaterLocked()
	} else {
		h.announceLocked()
	}
	if rolled {
		h.cutLaggardsLocked()
	}
}

// countLocked counts a message. Those of an earlier server are not counted.
func (h *Hub) countLocked(receivers int) {
	if h.live {
		h.stats.Messages++
		h.stats.Deliveries += uint64(max(receivers, 0))
	}
}

// postLocked adds a line to one session's mailbox, and cuts the session off if it does not read them. from is
// the session that sent it as a unicast, or 0.
func (h *Hub) postLocked(m *member, from uint64, line *wire.Message) {
	h.addLocked(m, entry{pos: h.stream.end, seq: line.Seq, from: from, line: m.mailbox.encode(line)})
	if m.conn == nil {
		return
	}
	h.queue.ready(m.conn)
	if m.mailbox.pending > maxPending {
		h.cutLocked(m)
	}
}

// noticeLocked sends a line to every connection.
func (h *Hub) noticeLocked(line *wire.Message) {
	for _, m := range h.members {
		if m.conn != nil {
			m.conn.replyLocked(line.AppendServer(nil))
		}
	}
}

// Send sends a line on every connection here, outside of the streams. It is not an entry: it is for times at
// which none can be committed.
func (h *Hub) Send(line wire.Message) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.noticeLocked(&line)
}

// View calls f with the room, which f must not change or keep.
func (h *Hub) View(f func(r *room.Room)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f(h.room)
}

// Stats returns the counts.
func (h *Hub) Stats() Stats {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.stats.Sessions = h.connected
	return h.stats
}

// Close sends everyone a last text, and BYE if the conversation is over; otherwise clients come back when the
// server does. It waits until all connections have taken what they were sent, for at most endTime.
func (h *Hub) Close(text string, over bool) {
	h.mu.Lock()
	if !h.closed {
		h.closed = true
		var final []byte
		if over {
			final = bye("the server is closing")
		}
		for _, m := range h.members {
			if m.expiry != nil {
				m.expiry.Stop()
			}
			if m.conn != nil {
				notice := wire.Message{Verb: wire.Notice, Text: wire.Line(text)}
				m.conn.replyLocked(notice.AppendServer(nil))
				m.conn.endLocked(final)
			}
		}
	}
	h.mu.Unlock()
	h.open.Wait()
	h.mu.Lock()
	h.stopped = true
	h.queue.wake.Broadcast()
	h.mu.Unlock()
	h.flushers.Wait()
}

// Wait waits for the hub's own proposals, after Close and after the event log was closed.
func (h *Hub) Wait() { h.proposed.Wait() }

func bye(text string) []byte {
	return (&wire.Message{Verb: wire.Bye, Text: []byte(text)}).AppendServer(nil)
}

// now returns the Unix time in milliseconds.
func now() uint64 { return uint64(time.Now().UnixMilli()) }
