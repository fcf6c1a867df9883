// Package asynclog writes text to a file or a terminal, which may be slow or full, without blocking the
// writer.
package asynclog

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
	// between two writes: a busy server writes batches, kill -9 loses no more
	batchTime = 50 * time.Millisecond
	retryTime = 500 * time.Millisecond // until a failed write is tried again
	closeTime = 5 * time.Second        // the longest time that Close takes
	// bytes of lines beside those being written; more lines are only counted
	maxBuffer = 64 << 20
)

// A Writer passes on lines from a goroutine of its own, in order and in batches. It tries failed writes
// again. Its methods may be called from any goroutine.
type Writer struct {
	done chan error // gets the error of Close at the end

	mu      sync.Mutex // guards the following fields; not held during a write to the destination
	changed sync.Cond
	buf     []byte
	dropped int // lines since buf was full
	lost    int // lines that were dropped before those
	closed  bool
}

// New returns a Writer to dst. Its goroutine, in which guard is deferred, ends with Close. It calls report
// with the error when dst begins to fail, and with nil when dst works again; report may be nil if dst never
// fails.
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
	if w.dropped > 0 || len(w.buf)+len(p) > maxBuffer {
		w.dropped += bytes.Count(p, []byte("\n"))
	} else {
		w.buf = append(w.buf, p...)
		w.changed.Signal()
	}
	return len(p), nil
}

// Close writes the buffered lines, ends the goroutine and returns an error if lines are missing. It gives up
// after closeTime, because a terminal may be stopped and a pipe may have no reader. It is called once.
func (w *Writer) Close() error {
	w.mu.Lock()
	w.closed = true
	w.changed.Signal()
	w.mu.Unlock()
	select {
	case err := <-w.done:
		return err
	case <-time.After(closeTime):
		return fmt.Errorf("nothing could be written for %v", closeTime)
	}
}

// run writes batches until the end, and returns the error of Close.
func (w *Writer) run(dst io.Writer, report func(error)) error {
	var batch, unwritten []byte // unwritten is the end of batch
	var failing error
	cause := errors.New("the disk was too slow") // of missing lines
	for {
		if len(unwritten) == 0 {
			batch = w.take(batch[:0])
			unwritten = batch
		}
		if len(unwritten) == 0 {
			return w.missing(nil, cause)
		}
		last := w.isClosed()
		n, err := dst.Write(unwritten)
		unwritten = unwritten[n:]
		if (err == nil) != (failing == nil) {
			report(err)
		}
		failing = err
		if err == nil {
			time.Sleep(batchTime)
			continue
		}
		if last && len(unwritten) > 0 {
			return w.missing(unwritten, err)
		}
		cause = err
		time.Sleep(retryTime)
	}
}

// take waits for buffered lines and exchanges them for the empty batch. It returns nothing at the end.
func (w *Writer) take(batch []byte) []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.buf) == 0 && !w.closed {
		w.changed.Wait()
	}
	taken := bytes.NewBuffer(w.buf)
	w.buf = batch
	if w.dropped > 0 {
		slog.New(slog.NewTextHandler(taken, nil)).Error("lines dropped: the disk was too slow", "count",
			w.dropped)
		w.lost += w.dropped
		w.dropped = 0
	}
	return taken.Bytes()
}

func (w *Writer) isClosed() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.closed
}

// missing returns an error if lines were not written at the end: dropped, buffered and unwritten ones.
func (w *Writer) missing(unwritten []byte, cause error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	end := []byte("\n")
	lines := w.lost + w.dropped + bytes.Count(unwritten, end) + bytes.Count(w.buf, end)
	if lines == 0 {
		return nil
	}
	return fmt.Errorf("missing lines: %d: %w", lines, cause)
}
