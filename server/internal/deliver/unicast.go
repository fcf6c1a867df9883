package deliver

// Limits of the unsent unicasts in a mailbox, so that nobody can have a slow receiver cut off.
const (
	// maximum cost of those of one sender: a second of a slow line, or a minute of a very slow one
	maxToldBySender = 256 << 10
	// maximum cost of those of all senders. Each may use this part of what the others leave, so that thirty
	// who use all they may leave room for one more.
	maxTold    = senderPart * maxToldBySender
	senderPart = 8
	// cost from which on they are counted by sender: in a receiver that keeps up, that would be for nothing
	countAbove = 64 << 10
)

// CanTell reports whether a unicast of the session to name may be proposed: not if the receiver is here and
// has so much unsent that a size of this many bytes would exceed a limit. What the room knows decides a
// unicast in the same way everywhere, but how fast a connection takes lines is not in the event log: so the
// sender's server asks before, and proposes a room.Overflow instead.
func (c *Conn) CanTell(name []byte, size int) bool {
	if c.hub.crowded.Load() == 0 { // so that the usual unicast need not wait for the lock
		return true
	}
	c.hub.mu.Lock()
	defer c.hub.mu.Unlock()
	m := c.hub.members[c.hub.room.Named(name)]
	return m == nil || m.mailbox.accepts(c.session, size)
}

// accepts reports whether a sender may add a unicast.
func (b *mailbox) accepts(from uint64, size int) bool {
	if b.senders == nil {
		return true
	}
	own := b.senders[from]
	return own+size <= (maxTold-(b.pending-own))/senderPart
}

// countTold accounts for an unsent entry if it is a unicast; cost is negative when it is sent.
func (b *mailbox) countTold(e *entry, cost int) {
	if e.from == 0 {
		return
	}
	b.told += cost
	switch {
	case b.senders != nil:
		b.senders[e.from] += cost
		if b.senders[e.from] == 0 {
			delete(b.senders, e.from)
		}
		if b.told < countAbove/2 {
			b.forgetSenders()
		}
	case b.told > countAbove:
		b.senders = map[uint64]int{}
		b.crowded.Add(1)
		for _, e := range b.entries[b.sent:] {
			if e.from != 0 {
				b.senders[e.from] += e.cost()
			}
		}
	}
}

// clearTold is told that no entry is unsent.
func (b *mailbox) clearTold() {
	b.told = 0
	b.forgetSenders()
}

func (b *mailbox) forgetSenders() {
	if b.senders != nil {
		b.senders = nil
		b.crowded.Add(-1)
	}
}
