package room

// pendingLocked reports whether there is something to do for the connection.
func (c *Conn) pendingLocked() bool {
	return c.broken || c.ending && !c.last || len(c.transfers) > 0 || c.streamsLocked()
}

// streamsLocked reports whether the stream goes on.
func (c *Conn) streamsLocked() bool {
	return c.session != nil && (c.at.pos() < min(c.limit, c.room.log.end) || c.session.inbox.peek() != nil)
}

// collectLocked appends to bufs the next part of what is to be sent.
func (c *Conn) collectLocked(bufs [][]byte) [][]byte {
	const (
		most      = 256 << 10 // bytes: a system call that big costs nothing more for each byte
		mostPiece = 256       // slices; a system call takes at most 1024
	)
	for size := 0; size < most && len(bufs) < mostPiece && c.streamsLocked(); {
		box := &c.session.inbox
		stop := c.limit
		if i := box.peek(); i != nil {
			if i.pos <= c.at.pos() {
				if i.skip > 0 {
					c.at.next(c.limit) // into the chunk where the line is
					c.at.off += i.skip
				}
				if len(i.line) > 0 {
					bufs, size = append(bufs, i.line), size+len(i.line)
				}
				box.take()
				continue
			}
			stop = min(stop, i.pos)
		}
		b := c.at.next(stop)
		b = b[:min(len(b), most-size)]
		c.at.off += len(b)
		bufs, size = append(bufs, b), size+len(b)
	}
	if c.ending && !c.last && !c.streamsLocked() {
		c.last = true
		bufs = append(bufs, c.final)
	}
	if s := c.session; s != nil && s.inbox.waiting <= ownWaiting {
		select {
		case c.drained <- struct{}{}:
		default:
		}
	}
	return bufs
}
