// Package eventlog gives the entries of a conversation one order, and keeps them.
//
// [Log.Propose] writes entries down, has the state apply them, and returns. So a server never answers what it
// does not remember: after its death the same command goes on with every entry that was answered.
//
// Proposals are committed in groups. The first proposer of a group commits it, together with all that join
// while the group before is being written: one proposal at a time costs one write, and a thousand at once
// cost one, too.
//
// # How a cluster grows
//
// The log of several servers is a stream, which each of them reads as a whole. A server does for each message
// what it does alone, whoever said it: it applies the entry and writes the line to its own connections. So
// more servers carry more connections, downloads and deliveries, but not more messages a second: these are
// limited by how fast one server applies entries, or NATS takes them. With N connections on each server, a
// message costs each server N deliveries, of about 9 µs of CPU at 20 messages a second (see README.txt): a
// million people, on 50 servers with 20,000 connections each, take 4 CPUs of each server for 20 messages a
// second. A crowd that says more than people can read needs several rooms: each a stream of its own, with
// those servers that have its people. Nothing in a room knows of another, so that needs no change here.
package eventlog

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

const (
	retryAfter = time.Second // between attempts while entries cannot be written

	// maxGroup is the bytes from which on a group takes no more proposals. Applying 256 KiB takes the
	// time of hundreds of writes, so a larger group would save nothing, and its proposers would wait
	// longer.
	maxGroup = 256 << 10
)

var (
	// ErrClosed tells that the log was closed before the entries were committed.
	ErrClosed = errors.New("the event log is closed")

	// ErrSync tells that the disk failed to take what was written. What it holds of it is unknown from
	// then on, so nothing more is committed.
	ErrSync = errors.New("the disk failed")
)

// A State is what the entries make: a deterministic state machine. One goroutine at a time calls its methods.
type State interface {
	// Apply applies a committed group of entries. It must not keep the slice. An error says that the
	// bytes are not entries, and that none of them was applied.
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
	store   store       // nil for a log in memory
	trouble func(error) // Options.Trouble
	closing chan struct{}
	close   sync.Once // closes closing

	commit sync.Mutex // held before mu; guards the state, the file and the following fields
	ended  error      // not nil when nothing more is committed

	mu   sync.Mutex // guards the open group
	open *group     // takes the next proposals; nil if the next one begins a group

	buffers sync.Pool // of *[]byte: records of earlier groups
}

// A store keeps what is committed. One goroutine at a time calls commit.
type store interface {
	// commit writes a group down, and has the state apply it. After an error that is not final it is
	// called again with the same group, unless the log is closing.
	commit(record []byte, closing <-chan struct{}) error
	close() error
}

// final reports whether commit is not to be called again with the same group.
func final(err error) bool {
	return err == nil || errors.Is(err, ErrSync) || errors.Is(err, ErrFenced) || errors.Is(err, ErrStream) ||
		errors.Is(err, ErrClosed)
}

// A group is what one commit writes.
type group struct {
	record []byte // the entries, after room for the prefix of a record
	done   sync.WaitGroup
	err    error // set before done
}

// Memory returns a log that keeps nothing: its conversation ends with the process.
func Memory(state State) *Log { return newLog(state, nil, nil) }

func newLog(state State, s store, trouble func(error)) *Log {
	return &Log{state: state, store: s, trouble: trouble, closing: make(chan struct{})}
}

// Propose commits entries and has the state apply them, after all that were committed before. While entries
// cannot be written, it waits. An error, [ErrClosed], [ErrSync] or, in a
// cluster, [ErrFenced] or [ErrStream], says that they are not applied; whether the next start finds them is
// not known.
func (l *Log) Propose(entries []byte) error {
	if l.store == nil { // nothing is saved by a group
		l.commit.Lock()
		defer l.commit.Unlock()
		if l.ended == nil {
			apply(l.state, entries)
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
	g.err = l.ended
	if g.err == nil {
		g.err = l.write(g.record)
	}
	if !errors.Is(g.err, ErrFenced) {
		l.ended = g.err
	}
	l.buffers.Put(&g.record)
}

// write commits a group, however long it takes. An error is final.
func (l *Log) write(record []byte) error {
	for waiting := false; ; waiting = true {
		err := l.store.commit(record, l.closing)
		switch {
		case errors.Is(err, ErrClosed):
		case waiting && (err == nil || errors.Is(err, ErrFenced)):
			l.trouble(nil)
		case !waiting && err != nil && !errors.Is(err, ErrFenced), waiting && final(err):
			l.trouble(err)
		}
		if final(err) {
			return err
		}
		select {
		case <-time.After(retryAfter):
		case <-l.closing:
			return ErrClosed
		}
	}
}

func apply(state State, entries []byte) {
	if err := state.Apply(entries); err != nil {
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
	if l.store == nil {
		return nil
	}
	return l.store.close()
}
