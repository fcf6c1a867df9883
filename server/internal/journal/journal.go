// Package journal writes text to a place that may be slow, a log file or a terminal, without delaying who writes.
package journal

import (
	"fmt"
	"io"
	"sync"
	"time"
)

const (
	pause   = 50 * time.Millisecond // between two writes: a busy server writes batches, and a crash of the machine's power loses little
	maxHeld = 64 << 20              // bytes that wait while the place takes nothing; what comes then is counted, not kept
)

// A Writer passes on what is written to it from a goroutine of its own, in order and in batches. Its methods may be
// called from any goroutine.
type Writer struct {
	dst  io.Writer     // set at construction, used by run only
	more chan struct{} // has an element when something was written
	quit chan struct{} // closed by Close
	done chan struct{} // closed when run has ended

	mu      sync.Mutex // guards the following fields; never held while dst is written to
	held    []byte
	dropped int // lines since held was full
	closed  bool
	err     error // the last of dst
}

// New returns a Writer to dst. guard is deferred in its goroutine, which ends with Close.
func New(dst io.Writer, guard func()) *Writer {
	w := &Writer{dst: dst, more: make(chan struct{}, 1), quit: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer guard()
		defer close(w.done)
		w.run()
	}()
	return w
}

// Write takes p, one or more whole lines. It never blocks and never fails: an error of the place is returned by Close.
func (w *Writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.closed:
	case len(w.held)+len(p) > maxHeld:
		w.dropped++
	default:
		w.held = append(w.held, p...)
		select {
		case w.more <- struct{}{}:
		default:
		}
	}
	return len(p), nil
}

// Close writes what is held, ends the goroutine and returns the last error of the place.
func (w *Writer) Close() error {
	w.mu.Lock()
	if !w.closed {
		w.closed = true
		close(w.quit)
	}
	w.mu.Unlock()
	<-w.done
	return w.err
}

func (w *Writer) run() {
	var batch []byte
	for open := true; open; {
		select {
		case <-w.more:
		case <-w.quit:
			open = false
		}
		batch = w.take(batch[:0])
		if len(batch) == 0 {
			continue
		}
		if _, err := w.dst.Write(batch); err != nil {
			w.mu.Lock()
			w.err = err
			w.mu.Unlock()
		}
		if cap(batch) > 1<<20 {
			batch = nil // a burst is over
		}
		select {
		case <-time.After(pause):
		case <-w.quit:
		}
	}
}

// take exchanges the empty batch for what is held.
func (w *Writer) take(batch []byte) []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	held := w.held
	w.held = batch
	if w.dropped > 0 {
		held = fmt.Appendf(held, "%d lines could not be written in time and are missing here\n", w.dropped)
		w.dropped = 0
	}
	return held
}
