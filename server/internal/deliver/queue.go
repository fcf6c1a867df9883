package deliver

import "sync"

// A queue holds the connections that nobody writes to at the moment: the idle ones, which have seen
// everything, and the due ones, which have not. The hub's mutex guards it.
type queue struct {
	wake sync.Cond // there are due connections, or the hub is closed
	idle []*Conn
	// due for lines of their own, a unicast or a welcome, which need not wait behind all the others
	direct       fifo
	due          fifo // due for the stream, or once more
	preferDirect bool
	busy         int // flushers that do not wait, or are about to be woken
	flushers     int
	// incremented by readyAll: a connection whose slot has an older generation is no longer idle, so readyAll
	// need not visit each one
	generation uint64
}

// A fifo holds connections, first in, first out.
type fifo struct {
	conns []*Conn // from next on
	next  int
}

// An idleSlot tells whether and where a connection is idle. Otherwise it is due, or a goroutine writes to it.
type idleSlot struct {
	generation uint64 // the connection is idle if this is the queue's
	index      int    // in idle, then
}

// push adds a connection that has something to send to one of the fifos.
func (q *queue) push(f *fifo, c *Conn) {
	c.idleSlot = idleSlot{}
	f.conns = append(f.conns, c)
	q.start()
}

// start wakes a flusher if none is at work. A single flusher leaves most CPU to other work; it wakes another
// when it falls behind.
func (q *queue) start() {
	if q.busy == 0 {
		q.help()
	}
}

// help wakes one more flusher.
func (q *queue) help() {
	if q.busy < q.flushers {
		q.busy++
		q.wake.Signal()
	}
}

// park adds a connection that has nothing to send.
func (q *queue) park(c *Conn) {
	c.idleSlot = idleSlot{q.generation, len(q.idle)}
	q.idle = append(q.idle, c)
}

// ready makes c due if it is idle.
func (q *queue) ready(c *Conn) {
	if c.idleSlot.generation != q.generation {
		return
	}
	last := len(q.idle) - 1
	q.idle[c.idleSlot.index] = q.idle[last]
	q.idle[last].idleSlot.index = c.idleSlot.index
	q.idle[last], q.idle = nil, q.idle[:last]
	q.push(&q.direct, c)
}

// readyAll makes all idle connections due.
func (q *queue) readyAll() {
	q.due.conns = append(q.due.conns, q.idle...)
	clear(q.idle)
	q.idle = q.idle[:0]
	q.generation++
	if q.waiting() > 0 {
		q.start()
	}
}

// waiting returns how many connections are due.
func (q *queue) waiting() int { return q.direct.len() + q.due.len() }

// take removes and returns a connection that is due, or nil: in turn from those with lines of
// their own and from the others.
func (q *queue) take() *Conn {
	q.preferDirect = !q.preferDirect
	if q.direct.len() > 0 && (q.preferDirect || q.due.len() == 0) {
		return q.direct.take()
	}
	return q.due.take()
}

func (f *fifo) len() int { return len(f.conns) - f.next }

// take removes and returns the first connection, or nil.
func (f *fifo) take() *Conn {
	if f.next > len(f.conns)/2 || f.next == len(f.conns) { // so that the room before next is used again
		n := copy(f.conns, f.conns[f.next:])
		clear(f.conns[n:])
		f.conns, f.next = f.conns[:n], 0
	}
	if len(f.conns) == 0 {
		return nil
	}
	f.next++
	return f.conns[f.next-1]
}
