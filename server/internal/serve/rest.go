package serve

import (
	"errors"
	"net"
	"sync"
	"time"
)

// errQuiet tells that nothing came for that time, or from who has just joined.
var errQuiet = errors.New("nothing to read")

// A rest is how a client waits for its next line without a goroutine.
type rest struct {
	socket int // what to watch, set at construction; 0 where nothing can be, and the client never rests

	// guards the following fields, and is held while the rest begins: who wakes the client has to wait
	mu    sync.Mutex
	alarm *time.Timer // ends it when the client has been silent for too long; nil before the first one
	on    bool        // who sets it to false runs the client
}

// A watched is a connection whose client may rest.
type watched struct {
	*net.TCPConn
	c *client
}

// SetReadDeadline wakes the client, as it does who waits in Read.
func (w watched) SetReadDeadline(t time.Time) error {
	err := w.TCPConn.SetReadDeadline(t)
	w.c.wake()
	return err
}

// pause lets go of what only a busy client needs, until there is something to do. The caller's goroutine
// ends.
func (c *client) pause() {
	c.lines.Rest()
	c.batch = nil
	c.mu.Lock()
	defer c.mu.Unlock()
	first := c.alarm == nil
	c.alarm = time.AfterFunc(time.Until(c.src.by), c.wake)
	c.on = true
	if err := c.watcher.watch(c, first); err != nil || c.writingEnded() {
		c.wakeLocked()
	}
}

// wake runs the client again if it rests. To wake one for nothing does no harm.
func (c *client) wake() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wakeLocked()
}

func (c *client) wakeLocked() {
	if c.on {
		c.on = false
		c.alarm.Stop()
		go c.run()
	}
}
