package transport

import "bytes"

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

// MaxRecord is how many bytes of text a TLS record holds at most.
const MaxRecord = maxRecord

// texts are what a sealer has TLS make records of.
type texts [][]byte

func (t *texts) Write(p []byte) (int, error) {
	*t = append(*t, bytes.Clone(p))
	return len(p), nil
}

// Texts returns what a sealer has TLS make records of.
func Texts(bufs [][]byte) ([][]byte, error) {
	var t texts
	err := new(sealer).write(&t, bufs)
	return t, err
}
