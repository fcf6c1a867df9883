package room

import (
	"bytes"
	"encoding/binary"
	"errors"

	"parley/server/wire"
)

// Snapshot returns the encoded state of the room. Equal rooms have equal snapshots.
func (r *Room) Snapshot() []byte {
	all := r.Sessions()
	b := binary.AppendUvarint(nil, r.seq)
	b = binary.AppendUvarint(b, uint64(len(all)))
	for _, s := range all {
		for _, n := range [...]uint64{s.ID, s.Conn, s.Handled} {
			b = binary.AppendUvarint(b, n)
		}
		b = append(b, byte(s.presence))
		b = appendBytes(b, []byte(s.Name))
		b = appendBytes(b, []byte(s.token))
	}
	return b
}

// Restore makes an empty room what it was when the snapshot was taken. After an error, the room is of no use.
func (r *Room) Restore(snapshot []byte) error {
	d := decoder{b: snapshot}
	r.seq = d.number()
	for n := d.number(); n > 0 && !d.bad; n-- {
		s := &Session{ID: d.number(), Conn: d.number(), Handled: d.number(), presence: presence(d.byte())}
		s.Name, s.token = string(d.bytes()), string(d.bytes())
		s.key = wire.NameKey(s.Name)
		d.bad = d.bad || s.presence > away || s.ID > r.seq
		r.add(s)
		if !s.Away() {
			r.here++
		}
	}
	unique := len(r.names) == len(r.sessions) && len(r.tokens) == len(r.sessions)
	if d.bad || !unique || !bytes.Equal(r.Snapshot(), snapshot) {
		return errors.New("not a snapshot of a room")
	}
	return nil
}
