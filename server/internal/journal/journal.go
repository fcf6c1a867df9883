// Package journal writes text to a place that may be slow or full, a log file or a terminal, without delaying
// the writer.
package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"
)

const (
	// pause is the time between two writes: a busy server writes batches, and kill -9 loses no more than
	// this.
	pause = 50 * time.Millisecond
	// retry is the time until a write that failed is tried again.
	retry = 500 * time.Millisecond
	// closeTime is how long the end may take.
	closeTime = 5 * time.Second
	// maxHeld is how many bytes are kept, beside those being written, while the place takes nothing. Lines
	// beyond are counted, not kept.
	maxHeld = 64 << 20
)

// A Writer passes on lines from a goroutine of its own, in order and in batches. Bytes that the place does
// not take are tried again. Its methods may be called from any goroutine.
type Writer struct {
	done chan error // gets the error of Close when all is over

	mu      sync.Mutex // guards the following fields; not held while the place is written to
	changed sync.Cond
	held    []byte
	dropped int // lines since held was full
	lost    int // lines that were dropped before those
	closed  bool
}

// New returns a Writer to dst. guard is deferred in its goroutine, which ends with Close. There report is
// called with the error when dst begins to fail, and with nil when it works again; it may be nil when dst
// never fails.
func New(dst io.Writer, guard func(), report func(error)) *Writer {
	w := &Writer{done: make(chan error, 1)}
	w.changed.L = &w.mu
	go func() {
		defer guard()
		defer close(w.done) // after a panic too
		w.done <- w.run(dst, report)
	}()
	return w
}

// Write takes p, one or more whole lines. It does not wait and does not fail.
func (w *Writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.dropped > 0 || len(w.held)+len(p) > maxHeld {
		w.dropped += bytes.Count(p, []byte("\n"))
	} else {
		w.held = append(w.held, p...)
		w.changed.Signal()
	}
	return len(p), nil
}

// Close writes the held lines, ends the goroutine and returns an error when lines are missing. It waits for
// at most closeTime, because a terminal may be stopped and a pipe have no reader. It is called once.
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

func (w *Writer) run(dst io.Writer, report func(error)) error {
	var batch, rest []byte // rest is the end of batch that is still to be written
	var failing error
	cause := errors.New("they came too fast") // of missing lines
	for {
		if len(rest) == 0 {
			batch = w.take(batch[:0])
			rest = batch
		}
		if len(rest) == 0 {
			return w.missing(nil, cause)
		}
		last := w.isClosed()
		n, err := dst.Write(rest)
		rest = rest[n:]
		if (err == nil) != (failing == nil) {
			report(err)
		}
		failing = err
		if err == nil {
			time.Sleep(pause)
			continue
		}
		if last && len(rest) > 0 {
			return w.missing(rest, err)
		}
		cause = err
		time.Sleep(retry)
	}
}

// take exchanges the empty batch for what is held, and waits for that. It returns nothing when closed.
func (w *Writer) take(batch []byte) []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.held) == 0 && !w.closed {
		w.changed.Wait()
	}
	held := bytes.NewBuffer(w.held)
	w.held = batch
	if w.dropped > 0 {
		slog.New(slog.NewTextHandler(held, nil)).Error("lines are missing here", "count", w.dropped)
		w.lost += w.dropped
		w.dropped = 0
	}
	return held.Bytes()
}

func (w *Writer) isClosed() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.closed
}

// missing returns an error when lines are not in the place at the end: those dropped, held, and in rest.
func (w *Writer) missing(rest []byte, cause error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	end := []byte("\n")
	lines := w.lost + w.dropped + bytes.Count(rest, end) + bytes.Count(w.held, end)
	if lines == 0 {
		return nil
	}
	return fmt.Errorf("missing lines: %d: %w", lines, cause)
}
