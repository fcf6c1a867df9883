package room

import (
	"bytes"

	"parley/server/wire"
)

// An item is something that only one session sees, at its place in the log.
type item struct {
	pos   uint64 // it comes before the byte of the log at pos
	seq   uint64 // its own; of a reply, the newest when it was made
	line  []byte // empty where a line of the log is only hidden
	skip  int32  // bytes of the log from pos on that it replaces
	reply bool   // of this connection only, and not resumed
	log   bool   // line lies in the log: it is history
}

// cost is the memory that an item takes, in bytes.
func (i *item) cost() int {
	if i.log {
		return 64
	}
	return len(i.line) + 64
}

// An inbox holds a session's items, those that wait to be sent and, because a connection may break before
// they arrive, those that were sent and not acknowledged. The room's mutex guards it.
type inbox struct {
	items   []item
	sent    int    // items[:sent] were sent, the others wait
	waiting int    // cost of the items that wait
	kept    int    // cost of the items that were sent
	all     *int   // cost of all items of all inboxes
	floor   uint64 // from before this seq the session cannot be resumed: items were dropped
	arena   []byte // short lines are made in it, many to an allocation
}

func (b *inbox) add(i item) {
	b.items = append(b.items, i)
	b.waiting += i.cost()
	*b.all += i.cost()
	if b.kept > maxKept || b.scarce() {
		b.trim(0, 0, min(b.kept, maxKept)/2)
	}
}

// scarce reports whether all inboxes together take as much memory as they may.
func (b *inbox) scarce() bool { return *b.all > maxInboxes }

// encode returns the line of m, in memory that stays.
func (b *inbox) encode(m *wire.Message) []byte {
	const block = 4 << 10 // bytes: dozens of messages to an allocation
	size := atMost(m)
	if size > cap(b.arena)-len(b.arena) {
		b.arena = make([]byte, 0, max(size, min(2*cap(b.arena), block)))
	}
	from := len(b.arena)
	b.arena = m.AppendServer(b.arena)
	return b.arena[from:]
}

// peek returns the item that is to be sent next, or nil.
func (b *inbox) peek() *item {
	if b.sent == len(b.items) {
		return nil
	}
	return &b.items[b.sent]
}

// take marks the item that peek returned as sent.
func (b *inbox) take() {
	i := &b.items[b.sent]
	b.waiting -= i.cost()
	if i.reply && b.sent == 0 { // nobody resumes it, so it need not be kept
		*b.all -= i.cost()
		*i = item{}
		b.items = b.items[1:]
		if len(b.items) == 0 {
			b.items, b.arena = nil, nil
		}
		return
	}
	b.kept += i.cost()
	b.sent++
}

// trim drops sent items: those up to the seq acked, which arrived, those before the position oldest, from
// where on nothing can be resumed anyway, and the oldest of those that cost more than keep bytes.
func (b *inbox) trim(acked, oldest uint64, keep int) {
	n := 0
	for ; n < b.sent; n++ {
		i := &b.items[n]
		if i.seq > acked && i.pos >= oldest && b.kept <= keep {
			break
		}
		if !i.reply { // which nobody resumes
			b.floor = max(b.floor, i.seq)
		}
		b.kept -= i.cost()
		*b.all -= i.cost()
	}
	left := copy(b.items, b.items[n:])
	clear(b.items[left:])
	b.sent -= n
	b.items = b.items[:left]
	if left == 0 && n < cap(b.items)/4 {
		b.items, b.arena = nil, nil // a burst is over
	}
}

// rewind makes the items after seq wait again, and drops the replies, which belonged to another connection.
// It returns false when items after seq were dropped before.
func (b *inbox) rewind(seq uint64) bool {
	old := b.items
	b.drop()
	for _, i := range old {
		if i.seq > seq && !i.reply {
			b.add(i)
		}
	}
	return seq >= b.floor
}

// drop empties the inbox.
func (b *inbox) drop() {
	*b.all -= b.waiting + b.kept
	b.items, b.sent, b.waiting, b.kept = nil, 0, 0, 0
}

// pendingLocked reports whether there is something to do for the connection.
func (c *Conn) pendingLocked() bool {
	return c.broken || c.ending && !c.last || c.sendsLocked() ||
		c.session != nil && (c.at.pos() < min(c.limit, c.room.urgent) || c.session.inbox.peek() != nil)
}

// streamsLocked reports whether the stream goes on, which may not be urgent.
func (c *Conn) streamsLocked() bool {
	return c.session != nil && (c.at.pos() < min(c.limit, c.room.log.end) || c.session.inbox.peek() != nil)
}

// collectLocked appends to bufs the next part of what is to be sent: the log, overlaid with the inbox.
func (c *Conn) collectLocked(bufs [][]byte) [][]byte {
	const (
		most   = 256 << 10 // bytes: a larger system call costs no less for each byte
		slices = 256       // a system call takes at most 1024
	)
	size := 0
	for size < most && len(bufs) < slices && c.streamsLocked() {
		var b []byte
		box := &c.session.inbox
		if i := box.peek(); i == nil {
			b = c.at.next(c.limit)
		} else if i.pos > c.at.pos() {
			b = c.at.next(min(c.limit, i.pos))
		} else {
			if i.skip > 0 {
				c.at.next(c.limit) // into the chunk where the line is
				c.at.off += int(i.skip)
			}
			bufs, size = join(bufs, i.line), size+len(i.line)
			box.take()
			continue
		}
		if len(b) > most-size { // whole lines, because other lines may have to follow
			b = b[:bytes.LastIndexByte(b[:most-size], '\n')+1]
			if len(b) == 0 {
				break
			}
		}
		c.at.off += len(b)
		bufs, size = append(bufs, b), size+len(b)
	}
	if c.ending && !c.last && !c.streamsLocked() {
		c.last = true
		bufs = append(bufs, c.final)
	}
	c.room.stats.Bytes += uint64(size)
	c.throttleLocked()
	return bufs
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

// throttleLocked has the reader wait while much waits to be sent.
func (c *Conn) throttleLocked() {
	much := c.session != nil && c.session.inbox.waiting > ownWaiting
	switch full := c.full.Load(); {
	case much && full == nil:
		full := make(chan struct{})
		c.full.Store(&full)
	case !much && full != nil:
		c.full.Store(nil)
		close(*full)
	}
}
