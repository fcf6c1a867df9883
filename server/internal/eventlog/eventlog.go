// Package eventlog gives the entries of a conversation one order, and keeps them.
//
// [Log.Propose] writes entries down, has the state apply them, and returns. So a server never answers what it
// does not remember: after its death the same command goes on with every entry that was answered.
//
// Proposals are committed in groups. The first proposer of a group commits it, together with all that join
// while the group before is being written: one proposal at a time costs one write, and a thousand at once
// cost one, too.
package eventlog

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

const (
	retryAfter = time.Second // between attempts while entries cannot be written

	// maxGroup is the bytes from which on a group takes no more proposals. Applying 256 KiB takes the time of
	// hundreds of writes, so a larger group would save nothing, and its proposers would wait longer.
	maxGroup = 256 << 10
)

var (
	// ErrClosed tells that the log was closed before the entries were committed.
	ErrClosed = errors.New("the event log is closed")

	// ErrSync tells that the disk failed to take what was written. What it holds of it is unknown from then
	// on, so nothing more is committed.
	ErrSync = errors.New("the disk failed")
)

// A State is what the entries make: a deterministic state machine. One goroutine at a time calls its methods.
type State interface {
	// Apply applies a committed group of entries. It must not keep the slice. An error says that the bytes
	// are not entries, and that none of them was applied.
	Apply(group []byte) error
	// Snapshot returns the state, from which Restore makes it again.
	Snapshot() []byte
	// Restore makes an empty state the one of the snapshot. It must not keep the slice.
	Restore(snapshot []byte) error
}

// A Log orders the entries of one state. Its methods may be called from any goroutine.
type Log struct {
	// set at construction
	state   State
	file    *file       // nil for a log in memory
	trouble func(error) // Options.Trouble
	closing chan struct{}
	close   sync.Once // closes closing

	commit sync.Mutex // held before mu; guards the state, the file and the following fields
	ended  error      // not nil when nothing more is committed

	mu   sync.Mutex // guards the open group
	open *group     // takes the next proposals; nil if the next one begins a group

	buffers sync.Pool // of *[]byte: records of earlier groups
}

// A group is what one commit writes.
type group struct {
	record []byte // the entries, after room for the prefix of a record
	done   sync.WaitGroup
	err    error // set before done
}

// Memory returns a log that keeps nothing: its conversation ends with the process.
func Memory(state State) *Log { return newLog(state, nil, nil) }

func newLog(state State, f *file, trouble func(error)) *Log {
	return &Log{state: state, file: f, trouble: trouble, closing: make(chan struct{})}
}

// Propose commits entries and has the state apply them, after all that were committed before. While entries
// cannot be written, it waits. An error, [ErrClosed] or [ErrSync], says that they are not applied; whether
// the next start finds them is not known.
func (l *Log) Propose(entries []byte) error {
	if l.file == nil { // nothing is saved by a group
		l.commit.Lock()
		defer l.commit.Unlock()
		if l.ended == nil {
			l.apply(entries)
		}
		return l.ended
	}
	l.mu.Lock()
	g := l.open
	leads := g == nil || len(g.record) >= maxGroup
	if leads {
		g = l.newGroup()
		l.open = g
	}
	g.record = append(g.record, entries...)
	l.mu.Unlock()
	if leads {
		l.commitGroup(g)
	} else {
		g.done.Wait()
	}
	return g.err
}

func (l *Log) newGroup() *group {
	g := &group{err: ErrClosed}
	if b, ok := l.buffers.Get().(*[]byte); ok {
		g.record = (*b)[:0]
	}
	g.record = append(g.record, make([]byte, prefixSize)...)
	g.done.Add(1)
	return g
}

// commitGroup commits all that has joined the group by the time that the group before is through.
func (l *Log) commitGroup(g *group) {
	l.commit.Lock()
	defer l.commit.Unlock()
	defer g.done.Done() // with ErrClosed if the state panics
	l.mu.Lock()
	if l.open == g { // a full one was replaced already
		l.open = nil
	}
	l.mu.Unlock()
	if l.ended == nil {
		l.ended = l.write(g.record)
	}
	if l.ended == nil {
		l.apply(g.record[prefixSize:])
	}
	g.err = l.ended
	l.buffers.Put(&g.record)
}

// write writes a group down, however long it takes. An error is final: the log was closed or the disk failed.
func (l *Log) write(record []byte) error {
	for waiting := false; ; waiting = true {
		err := l.file.append(record)
		final := err == nil || errors.Is(err, ErrSync)
		if !waiting && err != nil || waiting && final {
			l.trouble(err)
		}
		if final {
			return err
		}
		select {
		case <-time.After(retryAfter):
		case <-l.closing:
			return ErrClosed
		}
	}
}

func (l *Log) apply(entries []byte) {
	if err := l.state.Apply(entries); err != nil {
		panic(fmt.Sprintf("eventlog: entries were proposed that the state cannot read: %v", err))
	}
}

// Close ends the log and releases its folder. It waits for the commit in progress, unless its entries cannot
// be written; all proposals from then on return [ErrClosed].
func (l *Log) Close() error {
	l.close.Do(func() { close(l.closing) })
	l.commit.Lock()
	defer l.commit.Unlock()
	if l.ended == nil {
		l.ended = ErrClosed
	}
	if l.file == nil {
		return nil
	}
	return l.file.close()
}
