package deliver

import "parley/server/internal/room"

// Cost returns how many bytes of memory the mailboxes and replies take.
func (h *Hub) Cost() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.cost
}

// Member returns the session of c.
func (c *Conn) Member() *room.Session {
	c.hub.mu.Lock()
	defer c.hub.mu.Unlock()
	return c.member.session
}
