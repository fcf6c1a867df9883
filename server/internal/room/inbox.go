package room

import "parley/server/wire"

// An item is something that only one session sees, at its place in the log.
type item struct {
	pos   uint64 // it comes before the byte of the log at pos
	seq   uint64 // its own; of a reply, the newest when it was made
	line  []byte // empty where a line of the log is only hidden
	skip  int    // bytes of the log from pos on that it replaces
	reply bool   // of this connection only, and not resumed
}

// cost is the memory that an item takes, in bytes.
func (i *item) cost() int { return len(i.line) + 64 }

// An inbox holds a session's items, those that wait to be sent and, because a connection may break before they arrive,
// those that were sent and not acknowledged. An item's number counts all that were ever added. The room's mutex guards it.
type inbox struct {
	items   []item
	first   uint64 // number of items[0]
	sent    uint64 // number of the first item that waits
	waiting int    // cost of the items that wait
	kept    int    // cost of the items that were sent
	floor   uint64 // below this seq the session cannot be resumed: items were dropped
	arena   []byte // short lines are made in it, many to an allocation
}

func (b *inbox) add(i item) {
	b.items = append(b.items, i)
	b.waiting += i.cost()
}

// encode returns the line of m, in memory that stays.
func (b *inbox) encode(m *wire.Message) []byte {
	const (
		frame = 80  // bytes, more than a verb, two numbers and the spaces between take
		block = 512 // bytes: dozens of OKs to an allocation, and little for a session that is idle
	)
	size := len(m.Name) + len(m.Code) + len(m.Text) + frame
	if size > block/2 {
		return m.AppendServer(make([]byte, 0, size))
	}
	if size > cap(b.arena)-len(b.arena) {
		b.arena = make([]byte, 0, max(size, min(2*cap(b.arena), block)))
	}
	from := len(b.arena)
	b.arena = m.AppendServer(b.arena)
	return b.arena[from:len(b.arena):len(b.arena)]
}

// peek returns the item that is to be sent next, or nil.
func (b *inbox) peek() *item {
	if b.sent == b.first+uint64(len(b.items)) {
		return nil
	}
	return &b.items[b.sent-b.first]
}

// take marks the item that peek returned as sent. A reply is not needed again.
func (b *inbox) take() {
	i := &b.items[b.sent-b.first]
	b.waiting -= i.cost()
	if i.reply {
		i.line = nil
	}
	b.kept += i.cost()
	b.sent++
}

// trim drops sent items: those up to the seq acked, which arrived, those before the position oldest, from where on nothing
// can be resumed anyway, and the oldest of those that cost more than keep bytes.
func (b *inbox) trim(acked, oldest uint64, keep int) {
	n := 0
	for ; b.first+uint64(n) < b.sent; n++ {
		i := &b.items[n]
		if i.seq > acked && i.pos >= oldest {
			if b.kept <= keep {
				break
			}
			b.floor = i.seq
		}
		b.kept -= i.cost()
	}
	b.first += uint64(n)
	left := copy(b.items, b.items[n:])
	clear(b.items[left:])
	b.items = b.items[:left]
}

// rewind makes the items after seq wait again, and drops the replies, which belonged to another connection. It returns
// false when items after seq were dropped before.
func (b *inbox) rewind(seq uint64) bool {
	if seq < b.floor {
		return false
	}
	old := b.items
	*b = inbox{first: b.first, sent: b.first, floor: b.floor, arena: b.arena}
	for _, i := range old {
		if i.seq > seq && !i.reply {
			b.add(i)
		}
	}
	return true
}
