package deliver

import (
	"cmp"
	"container/list"
)

// An awayList holds members that are away and may come back, by the addresses that they came from. The hub's
// mutex guards it.
type awayList map[string]*list.List // of an address, first the one that has been away for longest

// An awayPlace is a member's place in an awayList.
type awayPlace struct {
	list    awayList // nil for none
	element *list.Element
	addr    string
}

func (a awayList) add(m *member) {
	addr := m.session.Addr
	if a[addr] == nil {
		a[addr] = list.New()
	}
	m.away = awayPlace{a, a[addr].PushBack(m), addr}
}

func (p awayPlace) leave() {
	l := p.list[p.addr]
	l.Remove(p.element)
	if l.Len() == 0 {
		delete(p.list, p.addr)
	}
}

// crowding returns the member that has been away for longest of those from the address that most are from, or
// nil.
func (a awayList) crowding() *member {
	var most *list.List
	for _, l := range a {
		if most == nil || l.Len() > most.Len() {
			most = l
		}
	}
	if most == nil {
		return nil
	}
	return most.Front().Value.(*member)
}

// awaitLocked waits for the client of a session that is away. If too many are, the wait ends for another one:
// first for one that never spoke, so that those who only come and go take nobody's place, and for one of the
// address that most of these are from.
func (h *Hub) awaitLocked(m *member) {
	h.expireLocked(m, h.cfg.Grace)
	list := h.spoke
	if m.session.Handled == 0 {
		list = h.silent
	}
	list.add(m)
	h.away++
	if h.away > h.cfg.MaxSessions {
		crowding := cmp.Or(h.silent.crowding(), h.spoke.crowding())
		h.returnedLocked(crowding)
		h.expireLocked(crowding, 0)
	}
}

// returnedLocked is told that a session is not waited for any more.
func (h *Hub) returnedLocked(m *member) {
	if m.expiry != nil {
		m.expiry.Stop()
		m.expiry = nil
	}
	if m.away.list != nil {
		m.away.leave()
		m.away = awayPlace{}
		h.away--
	}
}
