// Package serve reads what a connection sends, line by line, and carries it out.
package serve

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"parley/server/internal/deliver"
	"parley/server/internal/files"
	"parley/server/wire"
)

const (
	helloTime  = 10 * time.Second // until a connection must have joined: enough for a person who types HELLO
	helloTries = 3                // lines that may fail before
	maxGets    = 100              // downloads that wait behind the one in progress
	maxLists   = 100              // FILES lines that are not answered yet, when the folder is slow
	quitTime   = time.Second      // how long QUIT waits for the answer to FILES
	maxBatch   = 64               // messages that are proposed together, when they came together
	// lines of a long answer that are made before looking whether they are taken
	replyBatch = 256
	readBuffer = wire.MaxLine // bytes read at a time
	// seconds of the rate that a session may save up: a person who pastes does not wait
	burstPeriod = 5
)

// A Server carries out what connections send. Its fields are set before the first call of Serve and not
// changed.
type Server struct {
	Hub     *deliver.Hub
	Propose func([]byte) error // the event log's
	Stuck   func() bool        // reports whether entries cannot be committed at present
	Folder  *files.Folder
	Log     *slog.Logger
	Show    func(string)  // shows the operator a line
	Guard   func()        // deferred in every goroutine; recovers panics
	Ended   func()        // called when a connection has ended
	Idle    time.Duration // silence after which a connection is given up
	// silence after which a client rests, where the system can have it wait without a goroutine
	Quiet time.Duration
	Rate  float64 // lines a second that a session may send in the long run; 0 is any number

	skipped atomic.Int64 // files that cannot be offered, as the operator knows
	lobby   lobby
	watcher *watcher // nil before Watch, and where there is none
}

// Watch lets clients who are quiet wait without a goroutine where the system can, until stop is called, which
// is to be after all connections have ended.
func (s *Server) Watch() (stop func()) {
	s.watcher = newWatcher(s.Guard)
	return s.watcher.close
}

// A lobby holds the connections that have not joined. When it is full, a newcomer takes the place of the
// oldest, so those who never say HELLO cannot keep out those who do.
type lobby struct {
	mu     sync.Mutex // guards the following fields
	conns  [1024]net.Conn
	next   int
	closed bool
}

// enter returns the place of nc.
func (l *lobby) enter(nc net.Conn) (place int) {
	l.mu.Lock()
	place = l.next % len(l.conns)
	l.next++
	oldest := l.conns[place]
	l.conns[place] = nc
	if l.closed {
		nc.Close()
	}
	l.mu.Unlock()
	if oldest != nil {
		oldest.Close()
	}
	return place
}

// End closes the connections that have not joined, and those that come from now on. Hub.Close ends the
// others.
func (s *Server) End() {
	s.lobby.mu.Lock()
	defer s.lobby.mu.Unlock()
	s.lobby.closed = true
	for _, nc := range s.lobby.conns {
		if nc != nil {
			nc.Close()
		}
	}
}

func (l *lobby) leave(place int, nc net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conns[place] == nc {
		l.conns[place] = nil
	}
}

// A client is one connection. Its fields belong to the goroutine that serves it, but for those that say
// otherwise.
type client struct {
	*Server
	rest
	nc      net.Conn // what is written to
	src     source
	lines   *wire.Reader
	conn    *deliver.Conn // nil until joined
	rate    *rate.Limiter
	handled int    // lines since the client rested
	batch   []byte // entries of messages that were read and are not proposed yet
	batched int    // how many
	// when the first of them was read, in Unix milliseconds
	batchTime uint64
	number    uint64 // of the newest message within the session

	lists    atomic.Int32  // FILES lines that are not answered yet
	answered chan struct{} // closed when there are none; nil before the first
}

// Serve serves a connection and closes it when it ends, at once or, when its client is one to rest, later.
func (s *Server) Serve(nc net.Conn) {
	c := &client{Server: s, nc: nc, src: source{nc: nc, by: time.Now().Add(helloTime)}}
	c.socket = s.watcher.socket(nc)
	if c.socket > 0 {
		c.nc, c.src.rests = watched{nc.(*net.TCPConn), c}, s.Quiet
	}
	c.lines = wire.NewReader(&c.src, wire.MaxLine, readBuffer)
	c.run()
}

// run carries out lines until the connection ends, or there are none and the client rests.
func (c *client) run() {
	rests := false
	defer c.Guard()
	defer func() {
		if !rests {
			c.nc.Close()
			c.Ended()
		}
	}()
	if c.conn == nil {
		if farewell := c.join(); c.conn == nil {
			c.dismiss(farewell)
			return
		}
		c.src.idle, c.src.done, c.number = c.Idle, c.conn.Done(), c.conn.Handled()
	}
	var reason string
	reason, rests = c.talk()
	if rests {
		c.pause()
		return
	}
	if c.src.rests > 0 {
		c.src.rests = 0
		c.watcher.forget(c)
	}
	if reason != "" {
		c.lost(reason)
	} else {
		// It ended in an orderly way. What the client still sends is read, because closing a connection with
		// unread input would destroy what was sent last.
		io.Copy(io.Discard, &c.src)
	}
	<-c.conn.Done()
	if c.answered != nil {
		<-c.answered
	}
}

// A source reads from a connection with a deadline.
type source struct {
	nc net.Conn
	// when reading ends: before joining and after the end for good, else because of silence
	by       time.Time
	idle     time.Duration   // after joining: silence
	done     <-chan struct{} // after joining: closed with the end of the writing side
	rests    time.Duration   // of silence, after which reading ends with errQuiet; 0 when it never does
	silent   bool            // it has, so the silence goes on
	patience time.Duration   // before that: none for who has just joined
}

func (s *source) Read(p []byte) (int, error) {
	if s.done == nil {
		s.nc.SetReadDeadline(s.by)
		return s.nc.Read(p)
	}
	now := time.Now()
	if !s.silent {
		s.by = now.Add(s.idle)
	}
	by := s.by
	if soon := now.Add(s.patience); s.rests > 0 && soon.Before(by) {
		by = soon
	}
	s.nc.SetReadDeadline(by)
	select { // after that, because who closes done sets a deadline, too
	case <-s.done:
		s.idle, s.by, s.done = 0, now.Add(deliver.Linger), nil
		return s.Read(p)
	default:
	}
	n, err := s.nc.Read(p)
	s.patience = s.rests
	s.silent = by != s.by && errors.Is(err, os.ErrDeadlineExceeded)
	if s.silent {
		err = errQuiet
	}
	return n, err
}

// dismiss says BYE to a connection that has not joined. What its client still sends is read, as in Serve,
// unless those who come after it need the place.
func (c *client) dismiss(farewell string) {
	half, ok := c.nc.(interface{ CloseWrite() error })
	if farewell == "" || !c.write(wire.Message{Verb: wire.Bye, Text: []byte(farewell)}) || !ok {
		return
	}
	half.CloseWrite()
	place := c.lobby.enter(c.nc)
	defer c.lobby.leave(place, c.nc)
	c.src.by = time.Now().Add(deliver.Linger)
	io.Copy(io.Discard, &c.src)
}

// write sends a line to a connection that has not joined, and reports whether it was taken.
func (c *client) write(m wire.Message) bool {
	// not the time for HELLO: it may be over, which is what m says
	c.nc.SetWriteDeadline(time.Now().Add(deliver.Linger))
	_, err := c.nc.Write(m.AppendServer(nil))
	c.nc.SetWriteDeadline(time.Time{})
	return err == nil
}
