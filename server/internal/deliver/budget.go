package deliver

import (
	"cmp"
	"slices"
	"strconv"
)

// mailboxBudget is the maximum cost of all mailboxes and replies: 25 KiB for each of 10,000 sessions.
const mailboxBudget = 256 << 20

// A holding is what a session and its connection keep in memory.
type holding struct {
	member *member
	conn   *Conn // nil if it has none
}

func (x holding) cost() int {
	cost := x.member.mailbox.pending + x.member.mailbox.unacked
	if x.conn != nil {
		cost += x.conn.unsent
	}
	return cost
}

// holder returns whose memory it is: that of all who come from one address. A key would tell them apart
// better, but a stranger has as many as wanted.
func (m *member) holder() string {
	s := m.session
	return cmp.Or(s.Addr, s.Device, strconv.FormatUint(s.ID, 10))
}

// reclaimLocked frees an eighth of the budget when it is exceeded, at the cost of those who hold most: they
// are brought down to an equal share, so that those who hold less lose nothing. First they lose what was sent
// and not acknowledged, which only matters if the connection breaks; then their largest sessions lose all.
// Those are cut off or, if they are away, cannot be resumed.
//
// It must not be called while a member's lines are being added.
func (h *Hub) reclaimLocked() {
	if h.cost <= h.budget {
		return
	}
	held := map[string]int{} // cost by holder
	all := h.holdingsLocked()
	for _, x := range all {
		held[x.member.holder()] += x.cost()
	}
	share := fairShare(held, h.budget/8*7)
	take := func(from func(holding)) {
		for _, x := range all {
			if holder := x.member.holder(); held[holder] > share {
				before := x.cost()
				from(x)
				held[holder] -= before - x.cost()
			}
		}
	}
	take(func(x holding) {
		if x.conn != nil {
			x.member.mailbox.trim(0, 0, 0)
		}
	})
	take(h.evictLocked)
}

// holdingsLocked returns what everyone holds, the largest first.
func (h *Hub) holdingsLocked() []holding {
	all := make([]holding, 0, len(h.members))
	for _, m := range h.members {
		all = append(all, holding{m, m.conn})
	}
	for c := range h.draining {
		if c.member != nil && !c.isCurrentLocked() {
			all = append(all, holding{c.member, c})
		}
	}
	slices.SortFunc(all, func(x, y holding) int { return y.cost() - x.cost() })
	return all
}

// evictLocked releases all that a session holds.
func (h *Hub) evictLocked(x holding) {
	m := x.member
	switch x.conn {
	case nil:
	case m.conn:
		h.cutLocked(m)
	default:
		x.conn.abandonLocked()
	}
	m.mailbox.drop()
	m.mailbox.droppedThrough = m.newest
}

// fairShare returns how much each holder may keep so that all together keep at most a total.
func fairShare(held map[string]int, total int) int {
	for share := total; ; share = share / 4 * 3 {
		kept := 0
		for _, n := range held {
			kept += min(n, share)
		}
		if kept <= total {
			return share
		}
	}
}
