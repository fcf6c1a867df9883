package room

import "sync"

// A queue holds the connections that nobody writes to at the moment: the idle ones, which have seen
// everything, and the due ones, which have not. The room's mutex guards it.
type queue struct {
	wake sync.Cond // there are due connections, or the room is closed
	idle []*Conn
	// due for something of their own, a unicast or a welcome, which does not wait for all of the others
	own   fifo
	due   fifo   // due for what concerns everyone, or once more
	turn  bool   // to take from own rather than from due
	busy  int    // flushers that do not wait, or are about to be woken
	most  int    // flushers that there are
	epoch uint64 // counts how often all idle connections became due, which touches none of them
}

// A fifo holds connections, first in, first out.
type fifo struct {
	conns []*Conn // from next on
	next  int
}

// A place tells whether and where a connection is idle. Otherwise it is due, or someone writes to it.
type place struct {
	epoch uint64 // it is idle if this is the queue's
	index int    // in idle, then
}

// push adds a connection that has something to be sent to one of the fifos.
func (q *queue) push(f *fifo, c *Conn) {
	c.place = place{}
	f.conns = append(f.conns, c)
	q.start()
}

// start has a flusher begin if none is at work. One alone disturbs the others of the machine least; it calls
// for help when it cannot keep up.
func (q *queue) start() {
	if q.busy == 0 {
		q.help()
	}
}

// help has one more flusher begin.
func (q *queue) help() {
	if q.busy < q.most {
		q.busy++
		q.wake.Signal()
	}
}

// rest adds a connection that has nothing to be sent.
func (q *queue) rest(c *Conn) {
	c.place = place{epoch: q.epoch, index: len(q.idle)}
	q.idle = append(q.idle, c)
}

// ready makes c due if it is idle.
func (q *queue) ready(c *Conn) {
	if c.place.epoch != q.epoch {
		return
	}
	last := len(q.idle) - 1
	q.idle[c.place.index] = q.idle[last]
	q.idle[last].place.index = c.place.index
	q.idle[last], q.idle = nil, q.idle[:last]
	q.push(&q.own, c)
}

// readyAll makes all idle connections due.
func (q *queue) readyAll() {
	q.due.conns = append(q.due.conns, q.idle...)
	clear(q.idle)
	q.idle = q.idle[:0]
	q.epoch++
	if q.waiting() > 0 {
		q.start()
	}
}

// waiting returns how many connections are due.
func (q *queue) waiting() int { return q.own.len() + q.due.len() }

// take removes and returns a connection that is due, or nil: in turn from those that have something of their
// own and from the others.
func (q *queue) take() *Conn {
	q.turn = !q.turn
	if q.own.len() > 0 && (q.turn || q.due.len() == 0) {
		return q.own.take()
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
