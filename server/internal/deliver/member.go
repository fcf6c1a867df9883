package deliver

import (
	"time"

	"parley/server/internal/room"
	"parley/server/wire"
)

// A member is what the hub knows of a session beside the room. The hub's mutex guards it.
type member struct {
	session *room.Session
	conn    *Conn // nil if it has none
	cut     bool  // it was disconnected, and the Detach is being committed
	mailbox mailbox
	newest  uint64      // seq of the newest line that it caused or saw alone
	acked   uint64      // everything up to this seq has arrived
	expiry  *time.Timer // proposes that the wait for the client ends
	away    awayPlace   // while it is away and waited for
	// the acked that the other servers of the cluster know
	reported uint64
}

func (h *Hub) memberLocked(s *room.Session) *member {
	m := h.members[s]
	if m == nil {
		m = &member{session: s, mailbox: mailbox{total: &h.cost, crowded: &h.crowded}}
		h.members[s] = m
	}
	return m
}

// maxElsewhere is the cost of the entries for a session that has its connection elsewhere: more than that
// leaves unacknowledged.
const maxElsewhere = 2 * maxTold

// addLocked adds an entry to a mailbox and pauses the session's reader if too much is unsent. What an earlier
// server or another one sent is not known, so its entries count as sent.
func (h *Hub) addLocked(m *member, e entry) {
	limit := maxUnacked
	switch {
	case m.conn != nil:
	case m.cut || m.session.Away():
		limit = 2 * maxPending // more than a connection leaves, and little comes any more
	default: // the client is expected back, or on another server
		limit = maxElsewhere
		if m.mailbox.pending+m.mailbox.unacked > limit {
			m.mailbox.keepAll()
		}
	}
	elsewhere := m.session.Server != 0 && m.session.Server != h.cluster.server
	m.mailbox.add(e, h.live && !elsewhere, limit)
	if m.conn != nil {
		m.conn.throttleLocked()
	}
}

// cutLaggardsLocked cuts off sessions that are too far behind the stream. The connection of one that has
// ended gets no more than the end.
func (h *Hub) cutLaggardsLocked() {
	for c := range h.draining {
		switch {
		case c.member == nil || h.stream.end-c.at.pos() <= maxLag:
		case c.isCurrentLocked():
			h.cutLocked(c.member)
		default:
			c.abandonLocked()
		}
	}
}

// cutLocked disconnects a slow consumer. The session can be resumed.
func (h *Hub) cutLocked(m *member) {
	h.stats.SlowCuts++
	m.cut = true
	m.conn.releaseLocked(wire.CodeTooSlow, "you lag too far behind the conversation")
	h.proposeLaterLocked(m.entry(room.Detach, "too slow"))
}

// entry returns an entry about the session's newest connection.
func (m *member) entry(kind room.Kind, reason string) room.Entry {
	return room.Entry{Kind: kind, Session: m.session.ID, Number: m.session.Conn, Text: []byte(reason)}
}

// proposeLaterLocked proposes an entry of the hub's own.
func (h *Hub) proposeLaterLocked(e room.Entry) {
	if h.closed {
		return
	}
	h.proposed.Go(func() {
		defer h.cfg.Guard()
		e.Time = now()
		h.propose(e.Append(nil)) // an error means that the server ends
	})
}

// expireLocked proposes after a while that the wait for a session's client ends.
func (h *Hub) expireLocked(m *member, wait time.Duration) {
	e := m.entry(room.Expire, "")
	if m.expiry != nil {
		m.expiry.Stop()
	}
	m.expiry = time.AfterFunc(wait, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.proposeLaterLocked(e)
	})
}

// detachLocked is told that everyone knows that a session has no connection.
func (h *Hub) detachLocked(m *member) {
	m.cut = false
	if m.conn != nil {
		m.conn.fencedLocked()
	}
	if !h.live {
		return
	}
	h.awaitLocked(m)
}

// endLocked ends a session. Its connection sends everything up to here and then BYE with a text, unless there
// is none because another one tried in vain to take the session over.
func (h *Hub) endLocked(m *member, text string) {
	c := m.conn
	switch {
	case c == nil:
	case text != "":
		c.endLocked(bye(text))
	default:
		c.releaseLocked(wire.CodeMoved, "this session goes on over another connection")
	}
	if c != nil && c.member != nil {
		delete(h.members, m.session) // the connection still drains the mailbox
		return
	}
	h.removeLocked(m)
}

// removeLocked drops a member that no connection sends from.
func (h *Hub) removeLocked(m *member) {
	h.returnedLocked(m)
	m.mailbox.drop()
	delete(h.members, m.session)
}
