package room

import "sync"

// A queue holds the connections that nobody writes to at the moment: the idle ones, which have seen everything, and the
// due ones, which have not. The room's mutex guards it.
type queue struct {
	wake  sync.Cond // there are due connections, or the room is closed
	idle  []*Conn
	due   []*Conn // first in, first out, from next on
	next  int
	busy  int    // flushers that do not wait, or are about to be woken
	most  int    // flushers that there are
	epoch uint64 // counts how often all idle connections became due, which touches none of them
}

// A place tells whether and where a connection is idle. Otherwise it is due, or someone writes to it.
type place struct {
	epoch uint64 // it is idle if this is the queue's
	index int    // in idle, then
}

// push adds a connection that has something to be sent.
func (q *queue) push(c *Conn) {
	c.place = place{}
	q.due = append(q.due, c)
	q.start()
}

// start has a flusher begin if none is at work. One alone disturbs the others of the machine least; it calls for help when
// it cannot keep up.
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
	q.idle = q.idle[:last]
	q.push(c)
}

// readyAll makes all idle connections due.
func (q *queue) readyAll() {
	q.due = append(q.due, q.idle...)
	q.idle = q.idle[:0]
	q.epoch++
	if q.waiting() > 0 {
		q.start()
	}
}

// waiting returns how many connections are due.
func (q *queue) waiting() int { return len(q.due) - q.next }

// take removes and returns the connection that has been due for longest, or nil.
func (q *queue) take() *Conn {
	if q.next > len(q.due)/2 || q.next == len(q.due) { // so that the room before next is used again
		n := copy(q.due, q.due[q.next:])
		clear(q.due[n:])
		q.due, q.next = q.due[:n], 0
	}
	if len(q.due) == 0 {
		return nil
	}
	q.next++
	return q.due[q.next-1]
}
