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
	// About as much as it takes: to grow it would take most of the time.
	b := make([]byte, 0, 100*(len(all)+len(r.owners)))
	b = appendNumbers(b, r.seq, uint64(len(all)))
	for _, s := range all {
		b = appendNumbers(b, s.ID, s.Conn, s.Handled)
		b = append(b, byte(s.presence))
		b = appendStrings(b, s.Name, s.token)
	}
	return r.appendPeople(b, all)
}

// appendPeople appends what version 2 of the event log knows beside: nothing in a room that version 1 could
// have made, so that its snapshot is the same.
func (r *Room) appendPeople(b []byte, all []*Session) []byte {
	start := len(b)
	news := r.closed || len(r.owners)+len(r.bans)+len(r.invitations)+len(r.servers) > 0
	b = append(b, flag(r.closed))
	for _, s := range all {
		b = appendStrings(b, s.Device, s.Addr, s.Since)
		news = news || s.Device+s.Addr+s.Since != ""
	}
	if !news {
		return b[:start]
	}
	owners := r.Owners()
	b = appendNumbers(b, uint64(len(owners)))
	for _, o := range owners {
		b = appendNumbers(b, o.claimed)
		b = append(b, flag(o.kept))
		b = appendStrings(b, o.Name, o.from)
		b = appendNumbers(b, uint64(len(o.Devices)))
		b = appendStrings(b, o.Devices...)
	}
	bans := r.Bans()
	b = appendNumbers(b, uint64(len(bans)))
	for _, t := range bans {
		b = appendStrings(b, t.Name, t.Addr, t.Device, t.Of)
	}
	b = appendNumbers(b, uint64(len(r.invitations)))
	for _, i := range r.invitations {
		b = appendStrings(b, i.name, i.hash)
		b = appendNumbers(b, i.made)
		b = append(b, flag(i.used))
	}
	return r.appendServers(b, all)
}

func appendNumbers(b []byte, numbers ...uint64) []byte {
	for _, n := range numbers {
		b = binary.AppendUvarint(b, n)
	}
	return b
}

func appendStrings(b []byte, strings ...string) []byte {
	for _, s := range strings {
		b = appendBytes(b, []byte(s))
	}
	return b
}

func flag(set bool) byte {
	if set {
		return 1
	}
	return 0
}

// Restore makes an empty room what it was when the snapshot was taken. After an error, the room is of no use.
func (r *Room) Restore(snapshot []byte) error {
	d := decoder{b: snapshot}
	r.seq = d.number()
	var all []*Session // in the order of their IDs
	for n := d.number(); n > 0 && !d.bad; n-- {
		s := &Session{ID: d.number(), Conn: d.number(), Handled: d.number(), presence: presence(d.byte())}
		s.Name, s.token = string(d.bytes()), string(d.bytes())
		d.bad = d.bad || s.presence > away || s.ID > r.seq
		r.add(s)
		all = append(all, s)
		if !s.Away() {
			r.here++
		}
	}
	unique := len(r.names) == len(r.sessions) && len(r.tokens) == len(r.sessions)
	if len(d.b) > 0 && unique {
		r.restorePeople(&d, all)
	}
	if d.bad || !unique || !bytes.Equal(r.Snapshot(), snapshot) {
		return errors.New("not a snapshot of a room")
	}
	return nil
}

// restorePeople reads what appendPeople wrote. Doubles make the room's own snapshot another one.
func (r *Room) restorePeople(d *decoder, all []*Session) {
	r.closed = d.byte() == 1
	for _, s := range all {
		s.Device, s.Addr, s.Since = string(d.bytes()), string(d.bytes()), string(d.bytes())
	}
	for n := d.number(); n > 0 && !d.bad; n-- {
		o := &Owner{claimed: d.number(), kept: d.byte() == 1}
		o.Name, o.from = string(d.bytes()), string(d.bytes())
		devices := d.number()
		d.bad = d.bad || devices == 0 || devices > Devices || r.owners[wire.NameKey(o.Name)] != nil
		for ; devices > 0 && !d.bad; devices-- {
			o.Devices = append(o.Devices, string(d.bytes()))
		}
		r.addOwner(o)
	}
	for n := d.number(); n > 0 && !d.bad; n-- {
		t := Target{Name: string(d.bytes()), Addr: string(d.bytes()), Device: string(d.bytes()),
			Of: string(d.bytes())}
		d.bad = d.bad || t == Target{Of: t.Of}
		r.bans[t.id()] = t
	}
	for n := d.number(); n > 0 && !d.bad; n-- {
		name, hash := string(d.bytes()), string(d.bytes())
		i := newInvitation(name, hash, d.number())
		i.used = d.byte() == 1
		r.invitations = append(r.invitations, i)
	}
	if len(d.b) > 0 {
		r.restoreServers(d, all)
	}
}
