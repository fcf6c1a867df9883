package deliver

import (
	"fmt"

	"parley/server/internal/room"
)

// Cost returns how many bytes of memory the mailboxes and replies take.
func (h *Hub) Cost() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.cost
}

// SetBudget changes the maximum of that.
func (h *Hub) SetBudget(n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.budget = n
}

// Member returns the session of c.
func (c *Conn) Member() *room.Session {
	c.hub.mu.Lock()
	defer c.hub.mu.Unlock()
	return c.member.session
}

// Kept returns what the hub could send to those who come back or join: the lines of the stream, those of them
// that are history, and the entries of each session's mailbox, by name, with the distance of each to the end
// of the stream.
func (h *Hub) Kept() (stream, history string, mailboxes map[string][]string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := h.stream.first; c != nil; c = c.next {
		stream += string(c.buf)
	}
	for _, s := range h.stream.newest(len(h.stream.history)) {
		history += string(s.lines())
	}
	mailboxes = map[string][]string{}
	for _, s := range h.room.Sessions() {
		lines := []string{}
		for _, e := range h.members[s].mailbox.entries {
			lines = append(lines, fmt.Sprintf("%d %d %d %s", h.stream.end-e.pos, e.seq, e.skip, e.line))
		}
		mailboxes[s.Name] = lines
	}
	return stream, history, mailboxes
}
