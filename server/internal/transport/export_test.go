package transport

// Occupy takes all places of handshakes that compute, and returns a function that gives them back.
func (g *Gate) Occupy() (release func()) {
	for range cap(g.working) {
		g.working <- struct{}{}
	}
	return func() {
		for range cap(g.working) {
			<-g.working
		}
	}
}

// Places returns how many handshakes may compute at a time, and how many do.
func (g *Gate) Places() (all, taken int) { return cap(g.working), len(g.working) }

// MaxAnswers is how many bytes of unsent answers a client may cause.
const MaxAnswers = maxAnswers

// Collected returns how many bytes of records nobody has written yet.
func (c *Conn) Collected() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.sealed)
}
