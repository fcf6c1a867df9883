package deliver

import (
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"time"

	"parley/server/internal/transport"
)

const (
	// connections that a flusher takes at a time: large enough to amortize the lock, small enough to share
	// work
	batchSize = 32
	// consecutive batches that a flusher writes before it wakes another: a few milliseconds of work
	wakeHelperAfter = 64
)

// A job is what a flusher writes to one connection.
type job struct {
	conn   *Conn
	bufs   [][]byte // reused
	unsent [][]byte // the part of bufs that would block
	err    error
}

// A flusher writes to due connections what they take without blocking. A goroutine for each connection would
// do the same, but waking it costs a third of the CPU when one message goes to many.
type flusher struct {
	hub    *Hub
	batch  [batchSize]job
	writer *transport.Writer
	streak int // batches since it last had to wait
}

// startFlushers starts one flusher per CPU and at least two, so that the shutdown notice still goes out if
// one panics.
func (h *Hub) startFlushers() {
	h.queue.flushers = max(2, runtime.GOMAXPROCS(0))
	h.queue.busy = h.queue.flushers
	for range h.queue.flushers {
		h.flushers.Go(func() {
			defer h.cfg.Guard()
			defer func() { // the others go on
				h.mu.Lock()
				defer h.mu.Unlock()
				h.queue.flushers--
				h.queue.busy--
				h.queue.start()
			}()
			(&flusher{hub: h, writer: transport.NewWriter()}).run()
		})
	}
}

func (f *flusher) run() {
	for n := f.next(); n > 0; n = f.next() {
		for i := range f.batch[:n] {
			j := &f.batch[i]
			j.unsent, j.err = f.writer.TryWrite(j.conn.nc, j.bufs)
		}
		f.finish(n)
		if n < batchSize {
			runtime.Gosched() // let pending senders append first, so the next batch carries more
		}
	}
}

// next waits for due connections and collects what is to be written to them. It returns how many, 0 when the
// hub is closed.
func (f *flusher) next() int {
	h := f.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	for !h.stopped {
		n := 0
		for c := h.queue.take(); c != nil; c = h.queue.take() {
			j := &f.batch[n]
			j.conn, j.bufs = c, c.collectLocked(j.bufs[:0])
			n++
			if n == batchSize {
				break
			}
		}
		if n > 0 {
			f.streak++
			if f.streak > wakeHelperAfter && h.queue.waiting() > 0 {
				h.queue.help()
			}
			return n
		}
		h.queue.busy--
		if h.queue.busy == 0 && h.flushersIdle != nil {
			close(h.flushersIdle)
			h.flushersIdle = nil
		}
		h.queue.wake.Wait()
		f.streak = 0
	}
	return 0
}

// finish decides what becomes of the connections of the first n jobs.
func (f *flusher) finish(n int) {
	f.hub.mu.Lock()
	defer f.hub.mu.Unlock()
	for i := range f.batch[:n] {
		j := &f.batch[i]
		c := j.conn
		if j.err != nil {
			c.state = broken
		}
		if c.sendsLocked() || len(j.unsent) > 0 && c.state < broken {
			unsent := append([][]byte(nil), j.unsent...)
			if c.droppedLocked() {
				unsent = c.nc.Rest(unsent)
			}
			c.lines = allLines
			c.drainingLocked()
			go c.drain(unsent)
		} else {
			c.requeueLocked()
		}
		clear(j.bufs) // release the stream's chunks
		j.unsent = nil
	}
}

// requeueLocked puts a connection that is broken, or to which everything collected was written, where it
// belongs.
func (c *Conn) requeueLocked() {
	c.writtenLocked()
	switch {
	case c.state >= closing:
		c.doneLocked()
	case c.pendingLocked():
		c.hub.queue.push(&c.hub.queue.due, c)
	default:
		c.hub.queue.park(c)
	}
}

// doneLocked tells the reading side that nothing more is written to c, which stays out of the queue.
func (c *Conn) doneLocked() {
	if !c.isCurrentLocked() && c.member != nil {
		c.member.mailbox.drop() // the session ended with this connection
		c.member = nil
	}
	c.dropReplies()
	c.at = cursor{} // release the stream: a cursor keeps every later chunk alive
	close(c.done)
	if c.state == broken {
		c.onDone(0) // for a reader that has not noticed
	} else {
		c.nc.CloseWrite()
		c.onDone(Linger)
	}
	c.hub.open.Done()
}

// drainingLocked marks a connection as written to by drain, with a deadline for the next write.
func (c *Conn) drainingLocked() {
	c.hub.draining[c] = true
	by := time.Now().Add(c.hub.cfg.Idle)
	if c.state >= ending {
		by = c.endBy
	}
	c.nc.SetWriteDeadline(by)
}

// drain writes the unsent bytes of a connection that would block, and then everything else for it, with its
// transfers between the lines of the stream, until there is nothing left to do, or the transfer waits.
// Hub.Close waits for it.
func (c *Conn) drain(unsent [][]byte) {
	defer c.hub.cfg.Guard()
	var t Transfer
	wake := c.wake
	bufs, err := unsent, c.write(unsent)
	for {
		if t != nil && err == nil {
			c.linesWritten()
			c.hub.yieldToMessages()
			err = t.Piece(c.nc, wake)
			if err == io.EOF {
				t.Close()
			}
		}
		var dropped []Transfer
		var more bool
		bufs, t, dropped, more = c.nextBuffers(bufs[:0], err)
		for _, d := range dropped {
			d.Close()
		}
		if !more {
			return
		}
		var sealed [][]byte
		sealed, err = c.nc.Seal(bufs)
		if err == nil {
			err = c.write(sealed)
		}
	}
}

// droppedLocked reports whether lines that were collected and are not written yet are to be dropped, because
// dropLinesLocked was called meanwhile.
func (c *Conn) droppedLocked() bool { return c.member == nil && c.state == ending }

// linesWritten has a transfer go on for as long as it makes progress, whatever becomes of the lines.
func (c *Conn) linesWritten() {
	c.hub.mu.Lock()
	defer c.hub.mu.Unlock()
	c.lines = noLines
	c.drainingLocked()
}

// yieldToMessages delays a file transfer while messages are being written, for at most 20 ms.
func (h *Hub) yieldToMessages() {
	const maxDelay = 20 * time.Millisecond
	h.mu.Lock()
	if h.queue.busy > 0 && h.flushersIdle == nil {
		h.flushersIdle = make(chan struct{})
	}
	idle := h.flushersIdle
	h.mu.Unlock()
	if idle != nil {
		select {
		case <-idle:
		case <-time.After(maxDelay):
		}
	}
}

// write writes bufs, for as long as that makes progress and they are not dropped.
func (c *Conn) write(bufs net.Buffers) error {
	for {
		n, err := bufs.WriteTo(c.nc.Conn)
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		c.hub.mu.Lock()
		last, dropped := c.state >= ending || n == 0, c.lines == onlyOneLine
		c.lines = allLines
		c.drainingLocked()
		c.hub.mu.Unlock()
		switch {
		case dropped:
			rest := c.nc.Rest(bufs)
			clear(bufs)
			bufs = rest
		case last:
			return err
		}
	}
}

// nextBuffers returns the next buffers and transfer for drain, and transfers to close. If there is nothing
// left, the connection is back in the queue or done, and more is false. err is how writing ended, or what the
// transfer returned.
func (c *Conn) nextBuffers(bufs [][]byte, err error) (_ [][]byte, t Transfer, dropped []Transfer, more bool) {
	c.hub.mu.Lock()
	defer c.hub.mu.Unlock()
	switch err {
	case nil:
		c.piece = true
	case io.EOF:
		c.hub.cost -= c.transfers[0].Cost()
		c.transfers, c.piece = c.transfers[1:], true
	case ErrWait: // until wake is called, or was meanwhile
	default:
		c.state = broken
	}
	if c.state >= ending {
		dropped, c.transfers = c.transfers, nil
		for _, d := range dropped {
			c.hub.cost -= d.Cost()
		}
	}
	if c.state < broken {
		bufs = c.collectLocked(bufs)
	}
	if c.sendsLocked() {
		t, c.piece = c.transfers[0], false
	}
	if len(bufs) > 0 || t != nil || len(dropped) > 0 {
		c.lines = allLines
		c.drainingLocked()
		return bufs, t, dropped, true
	}
	delete(c.hub.draining, c)
	c.lines = noLines
	if c.state == open {
		c.nc.SetWriteDeadline(time.Time{})
	}
	c.requeueLocked()
	return nil, nil, nil, false
}
