package deliver

import (
	"fmt"
	"slices"
	"time"
)

// delay for each connection before joins and leaves are announced, so that bursts of them go out together:
// ten times the cost of one delivery
const presencePause = 100 * time.Microsecond

// announceLocked queues every connection that is behind the stream.
func (h *Hub) announceLocked() {
	h.announced = h.stream.end
	h.queue.readyAll()
}

// announceLaterLocked does so after a delay that grows with the number of connections, so that when thousands
// come or go at once, each is told of many with one write.
func (h *Hub) announceLaterLocked() {
	if h.presenceTimer || !h.live {
		return
	}
	h.presenceTimer = true
	time.AfterFunc(time.Duration(h.connected)*presencePause, func() {
		defer h.cfg.Guard()
		h.mu.Lock()
		defer h.mu.Unlock()
		h.presenceTimer = false
		h.announceLocked()
	})
}

// people counts the sessions for a person.
func people(n int) string {
	if n == 1 {
		return "you are the only one here"
	}
	return fmt.Sprintf("%d people are here", n)
}

// Users returns the names of those who are here, in order.
func (h *Hub) Users() []string {
	h.mu.Lock()
	names := make([]string, 0, h.room.Here())
	for s := range h.members {
		if !s.Away() {
			names = append(names, s.Name)
		}
	}
	h.mu.Unlock()
	slices.Sort(names) // which takes longer than all the rest
	return names
}

// Presence returns a number that changes with the people who are here.
func (h *Hub) Presence() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.presence
}
