package deliver

import (
	"bytes"
	"encoding/binary"
	"errors"

	"parley/server/internal/room"
	"parley/server/wire"
)

// Snapshot returns the state of the room, and what is to be known of the entries before it: the newest
// broadcasts, for newcomers, and for those who come back the seq from which on the entries since are enough:
//
//	mark
//	length of the room's snapshot, snapshot
//	seq of the newest line that everyone saw
//	for each session, in the order of the IDs: seq of the newest line that it caused or saw alone
//	lines of the history
//
// The numbers are those of [binary.AppendUvarint].
//
// A snapshot without the mark is the room's alone.
func (h *Hub) Snapshot() []byte {
	h.mu.Lock()
	defer h.mu.Unlock()
	state := h.room.Snapshot()
	b := binary.AppendUvarint([]byte(mark), uint64(len(state)))
	b = append(b, state...)
	b = binary.AppendUvarint(b, h.stream.seq)
	for _, s := range h.room.Sessions() {
		b = binary.AppendUvarint(b, h.memberLocked(s).newest)
	}
	for _, span := range h.stream.newest(wire.MaxHistory) {
		b = append(b, span.lines()...)
	}
	return b
}

// mark begins a snapshot: as a number it would be in a form that is not the shortest, in which no snapshot of
// a room has its first.
const mark = "\x80\x00"

// Restore makes an empty hub what a snapshot says. After an error, the hub is of no use.
func (h *Hub) Restore(snapshot []byte) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	snapshot, marked := bytes.CutPrefix(snapshot, []byte(mark))
	if !marked {
		err := h.room.Restore(snapshot)
		h.stream = newStream(h.room.Seq())
		for _, s := range h.room.Sessions() {
			h.memberLocked(s)
		}
		return err
	}
	bad := false
	number := func() uint64 {
		n, size := binary.Uvarint(snapshot)
		bad = bad || size <= 0
		snapshot = snapshot[max(size, 0):]
		return n
	}
	size := min(number(), uint64(len(snapshot)))
	if err := h.room.Restore(snapshot[:size]); err != nil {
		return err
	}
	snapshot = snapshot[size:]
	h.stream = newStream(number())
	for _, s := range h.room.Sessions() {
		m := h.memberLocked(s)
		m.newest = number()
		m.mailbox.droppedThrough = m.newest
	}
	if bad || !h.stream.restore(bytes.Clone(snapshot)) {
		return errors.New("not a snapshot of a conversation")
	}
	return nil
}

// concernedLocked returns the member of a session that an outcome concerns, nil if there is none.
func (h *Hub) concernedLocked(s *room.Session, o *room.Outcome) *member {
	if s == nil {
		return nil
	}
	m := h.memberLocked(s)
	m.newest = max(m.newest, o.Line.Seq, o.Receipt.Seq)
	return m
}
