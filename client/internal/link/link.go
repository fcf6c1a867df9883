// Package link keeps one session with a server alive across any number of connections. It joins, hands on what the
// server sends, holds every message until the server has answered it, sees when a connection is dead, and comes back
// by itself.
package link

import (
	"context"
	"net"
	"sync"
	"time"

	"parley/server/wire"
)

const (
	joinTime   = 10 * time.Second       // for the name look-up, the connection and the server's first answer together
	backoff    = 200 * time.Millisecond // before the first attempt to come back; doubles with each one
	maxBackoff = 10 * time.Second
	heartbeat  = 15 * time.Second // the longest silence: a server waits three times as long unless it is told otherwise
	ackEvery   = 256              // lines of the stream: the server may forget what was acknowledged
	maxBuffer  = 64 << 10         // bytes of the line reader, and of one write
	queued     = 256              // events that wait for the chat before reading pauses
	pieceSize  = 256 << 10        // bytes of a file handed on at once
	pieces     = 4                // buffers of pieceSize: how far a disk may lag before reading pauses
)

// Config is what a Link needs to know.
type Config struct {
	Address   string        // host:port
	Name      string        // as [wire.CheckName] returned it
	History   int           // messages asked for on joining
	Idle      time.Duration // a connection on which nothing comes for so long is lost
	Reconnect time.Duration // how long to try to come back; 0 is not at all

	// Dial is net.Dialer's DialContext, or stands for it.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// A Kind tells events apart.
type Kind int

// The kinds of events.
const (
	Line   Kind = iota // the server sent Message
	Lost               // the connection broke; the link tries to come back
	Back               // it is back, and the stream goes on where it was
	Afresh             // the session was gone: this is a new one
	Unsure             // Message was sent in a session that is gone and may or may not have been taken
	Ended              // the last event: Err says why, nil after Quit
)

// An Event is a line from the server, or what became of the connection.
type Event struct {
	Kind
	wire.Message
	Connection int           // which one it came over, for Ask
	History    bool          // of SAID: from before this session
	Own        *wire.Message // of OK and REFUSED: what they answer
	Piece      []byte        // of DATA: bytes of the file, to be given to Free when done with
	Err        error         // of Ended
}

// A line is one to send. A SAY or TELL is kept until it is answered.
type line struct {
	wire.Message
	tried bool // some of it may have reached the server
}

// A Link is a session with a server. Its methods may be called from any goroutine.
type Link struct {
	// set at construction, never changed
	cfg    Config
	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	events chan Event
	free   chan []byte   // buffers for pieces; nil stands for one not yet made
	wake   chan struct{} // there is something to write

	// owned by the goroutine of run
	token    string // of the session
	joined   uint64 // seq of WELCOME: what is not above it is history
	slow     bool   // this connection will be cut because it lags
	progress bool   // this connection brought the session forward
	since    int    // lines of the stream since the last acknowledgement

	mu         sync.Mutex // guards the following fields
	up         bool
	quitting   bool
	connection int     // counts the connections; only run changes it
	seq        uint64  // of the last line of the stream that was handed on
	answered   int     // SAY and TELL lines of this session that were answered
	pending    []*line // those that were not, in order; pending[0] is number answered
	out        []*line // to write on this connection, in order
	ack        bool    // a PING is due
}

// Open joins a session. Its error is one line for the person, and says what to do.
func Open(ctx context.Context, cfg Config) (*Link, error) {
	if cfg.Dial == nil {
		cfg.Dial = new(net.Dialer).DialContext
	}
	l := &Link{cfg: cfg, events: make(chan Event, queued), free: make(chan []byte, pieces), wake: make(chan struct{}, 1)}
	for range pieces {
		l.free <- nil
	}
	joining, done := context.WithTimeout(ctx, joinTime)
	defer done()
	c, err := dial(joining, cfg)
	if err != nil {
		return nil, cannotConnect(cfg.Address, err)
	}
	welcome, err := c.exchange(joining, l.hello(cfg.History))
	if err != nil {
		c.Close()
		return nil, cannotJoin(cfg, err)
	}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	l.attach(welcome)
	go l.run(c)
	return l, nil
}

// Events returns what happens, in order. The channel is closed when the session is over.
func (l *Link) Events() <-chan Event { return l.events }

// Free takes back the buffer of a piece.
func (l *Link) Free(piece []byte) { l.free <- piece[:0] }

// Send sends a SAY or TELL once, on this connection or a later one. OK, REFUSED or Unsure tells what became of it.
func (l *Link) Send(m wire.Message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := &line{Message: m}
	l.pending = append(l.pending, p)
	if l.up {
		l.writeLocked(p)
	}
}

// Ask sends any other line, on the connection given or not at all: an answer cannot come over another one, so who
// waits for it asks again after Back or Afresh.
func (l *Link) Ask(connection int, m wire.Message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.up && l.connection == connection {
		l.writeLocked(&line{Message: m})
	}
}

// Quit leaves once everything before it is sent. Events end when the server has said goodbye, or at once when there is
// no connection.
func (l *Link) Quit() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.quitting = true
	if l.up {
		l.writeLocked(&line{Message: wire.Message{Verb: wire.Quit}})
	} else {
		l.cancel()
	}
}

// Close drops the connection and waits until everything that the link started has ended.
func (l *Link) Close() {
	l.cancel()
	for range l.events {
	}
}

func (l *Link) writeLocked(p *line) {
	l.out = append(l.out, p)
	l.wakeWriter()
}

func (l *Link) wakeWriter() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}
