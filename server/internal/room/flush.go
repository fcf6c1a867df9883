package room

import (
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"time"
)

// batch is how many connections a flusher takes at a time: few locks for each, and enough left for the other
// flushers.
const batch = 32

// alone is how many batches without a pause a flusher writes before it calls another: few milliseconds of
// work.
const alone = 64

// A flight is what a flusher writes to one connection.
type flight struct {
	conn *Conn
	bufs [][]byte // reused
	rest [][]byte // the part of bufs that would block
	err  error
}

// startFlushers starts the goroutines that write to connections: as many as run at the same time, and never
// only one, so that people can be told why when one crashes.
func (r *Room) startFlushers() {
	r.queue.most = max(2, runtime.GOMAXPROCS(0))
	r.queue.busy = r.queue.most
	for range r.queue.most {
		r.flushers.Go(func() {
			defer r.cfg.Guard()
			defer func() { // the others go on
				r.mu.Lock()
				defer r.mu.Unlock()
				r.queue.most--
				r.queue.busy--
				r.queue.start()
			}()
			r.flush()
		})
	}
}

// flush writes to due connections what they take without blocking. A goroutine for each connection would do
// the same, but waking it costs a third of the CPU when one message goes to many.
func (r *Room) flush() {
	var flights [batch]flight
	w := newTryWriter()
	for batches := 0; ; batches++ {
		n := r.takeOff(flights[:], &batches)
		if n == 0 {
			return
		}
		for i := range flights[:n] {
			f := &flights[i]
			f.rest, f.err = w.write(f.conn, f.bufs)
		}
		r.land(flights[:n])
		if n < batch {
			runtime.Gosched() // who is about to say something does so first: then more goes out at once
		}
	}
}

// takeOff waits for due connections and collects what is to be written to them. It returns how many, 0 when
// the room is closed. batches counts how often it was called since it last had to wait.
func (r *Room) takeOff(flights []flight, batches *int) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	for !r.stopped {
		n := 0
		for ; n < len(flights); n++ {
			c := r.queue.take()
			if c == nil {
				break
			}
			f := &flights[n]
			f.conn, f.bufs = c, c.collectLocked(f.bufs[:0])
		}
		if n > 0 {
			if *batches > alone && r.queue.waiting() > 0 {
				r.queue.help()
			}
			return n
		}
		r.queue.busy--
		if r.queue.busy == 0 && r.rested != nil {
			close(r.rested)
			r.rested = nil
		}
		r.queue.wake.Wait()
		*batches = 0
	}
	return 0
}

// land puts connections that were written to where they belong now.
func (r *Room) land(flights []flight) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range flights {
		f := &flights[i]
		c := f.conn
		c.broken = c.broken || f.err != nil
		if c.sendsLocked() || len(f.rest) > 0 && !c.broken {
			rest := append([][]byte(nil), f.rest...)
			c.slowLocked()
			go c.drain(rest)
		} else {
			c.landLocked()
		}
		clear(f.bufs) // let go of the log's chunks
	}
}

// landLocked puts a connection to which all that was collected has been written, or that is broken, where it
// belongs.
func (c *Conn) landLocked() {
	switch {
	case c.broken || c.last:
		c.doneLocked()
	case c.pendingLocked():
		c.room.queue.push(&c.room.queue.due, c)
	default:
		c.room.queue.rest(c)
	}
}

// doneLocked tells the reading side that nothing more is written to c, which stays out of the queue.
func (c *Conn) doneLocked() {
	if s := c.session; s != nil && s.conn != c {
		s.inbox.drop() // the session ended with this connection
	}
	c.at = cursor{} // which holds all that was said since
	close(c.done)
	if c.broken {
		c.nc.SetReadDeadline(time.Now()) // for a reader that has not noticed
	} else {
		c.nc.SetReadDeadline(time.Now().Add(Linger))
		if half, ok := c.nc.(interface{ CloseWrite() error }); ok {
			half.CloseWrite()
		}
	}
	c.room.open.Done()
}

// slowLocked marks a connection as written to by drain, with a deadline for the next write.
func (c *Conn) slowLocked() {
	c.room.slow[c] = true
	by := time.Now().Add(c.room.cfg.Idle)
	if c.ending {
		by = c.endBy
	}
	c.nc.SetWriteDeadline(by)
}

// drain writes bufs and then all that is to be sent to a connection that would block, and its transfers
// between the lines of the stream, until there is nothing left to do, or the transfer waits. Room.Close waits
// for it.
func (c *Conn) drain(bufs [][]byte) {
	defer c.room.cfg.Guard()
	var t Transfer
	wake := c.wake
	for more := true; more; {
		err := c.write(bufs)
		if t != nil && err == nil {
			c.room.giveWay()
			if err = t.Piece(c.nc, wake); err == io.EOF {
				t.Close()
			}
		}
		var dropped []Transfer
		bufs, t, dropped, more = c.onward(bufs[:0], err)
		for _, t := range dropped {
			t.Close()
		}
	}
}

// giveWay waits while messages are being written, but not for long: a message has one moment, a file has
// many.
func (r *Room) giveWay() {
	const most = 20 * time.Millisecond
	r.mu.Lock()
	if r.queue.busy > 0 && r.rested == nil {
		r.rested = make(chan struct{})
	}
	rested := r.rested
	r.mu.Unlock()
	if rested != nil {
		select {
		case <-rested:
		case <-time.After(most):
		}
	}
}

// write writes bufs, for as long as that makes progress.
func (c *Conn) write(bufs net.Buffers) error {
	for {
		n, err := bufs.WriteTo(c.nc)
		if n == 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		c.room.mu.Lock()
		ending := c.ending
		c.slowLocked()
		c.room.mu.Unlock()
		if ending {
			return err
		}
	}
}

// onward returns what drain is to write next, the transfer to go on with, and those that are to be closed
// instead. When there is nothing of all that, the connection is in the queue again, or done, and more is
// false. err is how writing ended, or what the transfer returned.
func (c *Conn) onward(bufs [][]byte, err error) (_ [][]byte, t Transfer, dropped []Transfer, more bool) {
	c.room.mu.Lock()
	defer c.room.mu.Unlock()
	switch err {
	case nil:
		c.piece = true
	case io.EOF:
		c.transfers, c.piece = c.transfers[1:], true
	case ErrWait: // until wake is called, or was meanwhile
	default:
		c.broken = true
	}
	if c.broken || c.ending {
		dropped, c.transfers = c.transfers, nil
	}
	if !c.broken {
		bufs = c.collectLocked(bufs)
	}
	if c.sendsLocked() {
		t, c.piece = c.transfers[0], false
	}
	if len(bufs) > 0 || t != nil || len(dropped) > 0 {
		c.slowLocked()
		return bufs, t, dropped, true
	}
	delete(c.room.slow, c)
	if !c.ending {
		c.nc.SetWriteDeadline(time.Time{})
	}
	c.landLocked()
	return nil, nil, nil, false
}
