package deliver

import (
	"errors"
	"net"

	"parley/server/wire"
)

// ErrWait reports that a transfer has nothing to write yet.
var ErrWait = errors.New("nothing to write yet")

// A Transfer is something large that goes to one connection between the lines of its stream.
type Transfer interface {
	// Piece writes the next part, with its lines, and returns io.EOF after the last. It returns ErrWait when
	// there is none yet, and wake is called when there is. Any other error breaks the connection. It should
	// take a fraction of a second, because the stream waits for it.
	Piece(nc net.Conn, wake func()) error
	// Stop lets it end at the next Piece. It is called from any goroutine and does not block.
	Stop()
	// Cost returns how many bytes of memory it takes until the first Piece.
	Cost() int
	// Close is called once, after the last Piece or when the connection ends before it.
	Close()
}

// Send queues a transfer. The error is ErrEnded, or a *wire.ProtocolError with CodeBusy if limit transfers
// are already queued behind the one in progress.
func (c *Conn) Send(t Transfer, limit int) error {
	busy := false
	err := c.do(func(*member) {
		busy = len(c.transfers) > limit
		if !busy {
			c.transfers = append(c.transfers, t)
			c.hub.cost += t.Cost()
			c.pieceLocked()
		}
	})
	if busy {
		return wire.Errorf(wire.Get, wire.CodeBusy, "%d downloads wait already", limit)
	}
	return err
}

// Stop stops the transfers, and reports whether there were any.
func (c *Conn) Stop() (stopped bool) {
	c.do(func(*member) {
		for _, t := range c.transfers {
			t.Stop()
			stopped = true
		}
		c.pieceLocked()
	})
	return stopped
}

// wake has the first transfer go on.
func (c *Conn) wake() {
	c.hub.mu.Lock()
	defer c.hub.mu.Unlock()
	c.pieceLocked()
}

func (c *Conn) pieceLocked() {
	c.piece = true
	c.hub.queue.ready(c)
}

// sendsLocked reports whether there is something to do for the transfers.
func (c *Conn) sendsLocked() bool {
	return len(c.transfers) > 0 && (c.piece || c.state >= ending)
}
