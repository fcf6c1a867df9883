package deliver

import (
	"bytes"
	"sync/atomic"

	"parley/server/wire"
)

// An entry is a line that only one session sees, at its place in the stream.
type entry struct {
	pos  uint64 // it comes before the byte of the stream at pos
	seq  uint64
	from uint64 // session that sent it as a unicast; 0 if it is the server's or the session's own
	line []byte // empty where a line of the stream is only hidden
	skip int32  // bytes of the stream from pos on that it replaces
}

// cost is the memory that an entry takes, in bytes.
func (e *entry) cost() int { return len(e.line) + lineCost }

// A mailbox holds a session's entries: the unsent ones and, because a connection may break before they
// arrive, those that were sent and not acknowledged. When a connection ends, all count as sent. The hub's
// mutex guards it.
type mailbox struct {
	entries []entry
	sent    int    // entries[:sent] were sent
	pending int    // cost of the unsent entries
	unacked int    // cost of the sent entries
	taken   uint64 // entries that were sent so far
	writing int    // the newest of the sent entries, which are not written yet
	told    int    // cost of the unsent unicasts
	// cost of the unsent unicasts by the session that sent them; nil while there are few, see countAbove
	senders        map[uint64]int
	crowded        *atomic.Int32 // how many mailboxes have senders
	total          *int          // cost of all mailboxes
	droppedThrough uint64        // highest seq of a dropped entry: no resuming from before it
	slab           []byte        // short lines are made in it, many to an allocation
}

// add adds an entry. Sent entries that cost more than limit are dropped, the oldest first.
func (b *mailbox) add(e entry, unsent bool, limit int) {
	b.entries = append(b.entries, e)
	*b.total += e.cost()
	if unsent {
		b.pending += e.cost()
		b.countTold(&e, e.cost())
	} else {
		b.unacked += e.cost()
		b.sent++
	}
	if b.unacked > limit {
		b.trim(0, 0, limit/2)
	}
}

// encode returns the line of m, in memory that stays.
func (b *mailbox) encode(m *wire.Message) []byte {
	const block = 4 << 10 // bytes: dozens of messages to an allocation
	size := atMost(m)
	if size > cap(b.slab)-len(b.slab) {
		b.slab = make([]byte, 0, max(size, min(2*cap(b.slab), block)))
	}
	from := len(b.slab)
	b.slab = m.AppendServer(b.slab)
	return b.slab[from:]
}

// added returns how many entries there have been, those counted that were not sent yet.
func (b *mailbox) added() uint64 { return b.taken + uint64(len(b.entries)-b.sent) }

// peek returns the entry that is to be sent next, or nil.
func (b *mailbox) peek() *entry {
	if b.sent == len(b.entries) {
		return nil
	}
	return &b.entries[b.sent]
}

// take marks the entry that peek returned as sent.
func (b *mailbox) take() {
	e := &b.entries[b.sent]
	cost := e.cost()
	b.pending -= cost
	b.countTold(e, -cost)
	b.unacked += cost
	b.sent++
	b.taken++
	b.writing++
}

// ownCost returns the cost of the unsent entries that are no unicasts. Those are for others to hold back.
func (b *mailbox) ownCost() int { return b.pending - b.told }

// keepAll marks all entries as sent, because the session has no connection any more.
func (b *mailbox) keepAll() {
	b.taken = b.added()
	b.unacked += b.pending
	b.sent, b.writing, b.pending = len(b.entries), 0, 0
	b.clearTold()
}

// trim drops sent entries: those up to the seq acked, which arrived, those before the position oldest, from
// where on nothing can be resumed anyway, and the oldest of those that cost more than keep bytes. Those that
// are being written stay, because a connection that is cut off drops them.
func (b *mailbox) trim(acked, oldest uint64, keep int) {
	n := 0
	for ; n < b.sent; n++ {
		e := &b.entries[n]
		if e.seq > acked && e.pos >= oldest && (b.unacked <= keep || n >= b.sent-b.writing) {
			break
		}
		b.droppedThrough = max(b.droppedThrough, e.seq)
		b.unacked -= e.cost()
		*b.total -= e.cost()
	}
	left := copy(b.entries, b.entries[n:])
	clear(b.entries[left:])
	b.sent -= n
	b.entries = b.entries[:left]
	if left == 0 && n < cap(b.entries)/4 {
		b.entries, b.slab = nil, nil // a burst is over
	}
}

// rewind makes the entries after seq unsent again. It returns false if entries after seq were dropped before.
func (b *mailbox) rewind(seq uint64) bool {
	old := b.entries
	b.drop()
	for _, e := range old {
		if e.seq > seq {
			b.add(e, true, maxUnacked)
		}
	}
	return seq >= b.droppedThrough
}

// drop empties the mailbox.
func (b *mailbox) drop() {
	*b.total -= b.pending + b.unacked
	b.entries, b.slab, b.sent, b.writing, b.pending, b.unacked = nil, nil, 0, 0, 0, 0
	b.clearTold()
}

// pendingLocked reports whether there is something to do for the connection.
func (c *Conn) pendingLocked() bool {
	return c.state == broken || c.state == ending || c.sendsLocked() || c.hasOutputLocked(c.hub.announced)
}

// hasOutputLocked reports whether anything is unsent: lines of the connection's own, or the stream up to a
// position.
func (c *Conn) hasOutputLocked(end uint64) bool {
	return c.member != nil &&
		(c.at.pos() < min(c.limit, end) || c.member.mailbox.peek() != nil || len(c.replies) > 0)
}

// collectLocked appends to bufs the next part of what is to be sent: the stream, overlaid with the mailbox
// and the replies.
func (c *Conn) collectLocked(bufs [][]byte) [][]byte {
	const maxBufs = 256 // a system call takes at most 1024
	c.writtenLocked()
	size, maxSize := 0, c.nc.MaxWrite()
	for size < maxSize && len(bufs) < maxBufs && c.hasOutputLocked(c.hub.stream.end) {
		b, own := c.nextLocked()
		if own {
			bufs, size = join(bufs, b), size+len(b)
			continue
		}
		if len(b) > maxSize-size { // whole lines, because other lines may have to follow
			b = b[:bytes.LastIndexByte(b[:maxSize-size], '\n')+1]
			if len(b) == 0 {
				break
			}
		}
		c.at.off += len(b)
		bufs, size = append(bufs, b), size+len(b)
	}
	if c.state == ending && !c.hasOutputLocked(c.hub.stream.end) {
		c.state = closing
		bufs = append(bufs, c.final)
	}
	c.hub.stats.Bytes += uint64(size)
	c.throttleLocked()
	return bufs
}

// nextLocked returns what is to be sent next: lines of the connection's own, which are taken, or a part of
// the stream, which is not yet.
func (c *Conn) nextLocked() (b []byte, own bool) {
	box, at, end := &c.member.mailbox, c.at.pos(), c.limit
	if len(c.replies) > 0 {
		r := &c.replies[0]
		if r.pos <= at && r.after <= box.taken {
			return c.takeReplyLocked(), true
		}
		end = min(end, max(at, r.pos))
	}
	if e := box.peek(); e != nil {
		if e.pos <= at {
			if e.skip > 0 {
				c.at.next(c.limit) // into the chunk where the line is
				c.at.off += int(e.skip)
			}
			box.take()
			return e.line, true
		}
		end = min(end, e.pos)
	}
	return c.at.next(end), false
}

// join appends b to bufs, or to the last of them if b lies behind it in memory: the kernel takes few long
// pieces faster.
func join(bufs [][]byte, b []byte) [][]byte {
	if n := len(bufs) - 1; n >= 0 && len(b) > 0 && len(b) <= cap(bufs[n])-len(bufs[n]) {
		if longer := bufs[n][:len(bufs[n])+len(b)]; &longer[len(bufs[n])] == &b[0] {
			bufs[n] = longer
			return bufs
		}
	}
	return append(bufs, b)
}
