package room

// Inboxes returns how many bytes of memory the inboxes take.
func (r *Room) Inboxes() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.inboxes
}
