package serve

// Accounts returns how many addresses and sessions are remembered.
func (s *Server) Accounts() int {
	s.guests.mu.Lock()
	defer s.guests.mu.Unlock()
	return len(s.guests.accounts.byKey)
}
