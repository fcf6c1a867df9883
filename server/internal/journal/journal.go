// Package journal writes text to a place that may be slow, a log file or a terminal, without delaying who writes.
package journal

import (
	"fmt"
	"io"
	"sync"
	"time"
)

const (
	pause     = 50 * time.Millisecond // between two writes: a busy server writes batches, and kill -9 loses no more than this
	closeTime = 5 * time.Second       // that the end may take
	maxHeld   = 64 << 20              // bytes that wait while the place takes nothing; what comes then is counted, not kept
)

// A Writer passes on what is written to it from a goroutine of its own, in order and in batches. Its methods may be
// called from any goroutine.
type Writer struct {
	done chan error // gets the last error of the place when all is written

	mu      sync.Mutex // guards the following fields; not held while the place is written to
	changed sync.Cond
	held    []byte
	dropped int // lines since held was full
	closed  bool
}

// New returns a Writer to dst. guard is deferred in its goroutine, which ends with Close.
func New(dst io.Writer, guard func()) *Writer {
	w := &Writer{done: make(chan error, 1)}
	w.changed.L = &w.mu
	go func() {
		defer guard()
		defer close(w.done) // after a panic too
		w.done <- w.run(dst)
	}()
	return w
}

// Write takes p, one or more whole lines. It does not wait and does not fail.
func (w *Writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.held)+len(p) > maxHeld {
		w.dropped++
	} else {
		w.held = append(w.held, p...)
		w.changed.Signal()
	}
	return len(p), nil
}

// Close writes what is held, ends the goroutine and returns the last error of the place. It waits for at most closeTime,
// because a terminal may be stopped and a pipe have no reader. It is called once.
func (w *Writer) Close() error {
	w.mu.Lock()
	w.closed = true
	w.changed.Signal()
	w.mu.Unlock()
	select {
	case err := <-w.done:
		return err
	case <-time.After(closeTime):
		return fmt.Errorf("nothing was taken for %v", closeTime)
	}
}

func (w *Writer) run(dst io.Writer) (last error) {
	var batch []byte
	for {
		batch = w.take(batch[:0])
		if len(batch) == 0 {
			return last
		}
		if _, err := dst.Write(batch); err != nil {
			last = err
		}
		time.Sleep(pause)
	}
}

// take exchanges the empty batch for what is held, and waits for that. It returns nothing when closed.
func (w *Writer) take(batch []byte) []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.held) == 0 && !w.closed {
		w.changed.Wait()
	}
	held := w.held
	w.held = batch
	if w.dropped > 0 {
		held = fmt.Appendf(held, "%d lines came too fast and are missing here\n", w.dropped)
		w.dropped = 0
	}
	return held
}
