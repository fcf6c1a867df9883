// Package serve reads what a connection sends, line by line, and carries it out.
package serve

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"parley/server/internal/deliver"
	"parley/server/internal/files"
	"parley/server/internal/transport"
	"parley/server/wire"
)

const (
	helloTime  = 10 * time.Second // until a connection must have joined: enough for a person who types HELLO
	helloTries = 3                // lines that may fail before
	// downloads that wait behind the one in progress: what parley's client asks for ahead
	maxGets = 8
	// GETs that count as a line: they wait for each other, and a person may get a folder of thousands of
	// files
	getsPerLine = 4
	maxLists    = 8            // FILES lines that are not answered yet, when the folder is slow
	quitTime    = time.Second  // how long QUIT waits for the answer to FILES
	maxBatch    = 64           // messages that are proposed together, when they came together
	readBuffer  = wire.MaxLine // bytes read at a time
)

// A Server carries out what connections send. Its fields are set before the first call of Serve and not
// changed.
type Server struct {
	Gate    *transport.Gate
	Hub     *deliver.Hub
	Propose func([]byte) error // the event log's
	Stuck   func() error       // returns why entries cannot be committed at present, nil when they can
	// returns when all is applied that other servers have committed; nil where there are none
	Sync   func() error
	Folder *files.Folder
	Log    *slog.Logger
	Show   func(string)  // shows the operator a line
	Guard  func()        // deferred in every goroutine; recovers panics
	Idle   time.Duration // silence after which a connection is given up
	Parker *Parker       // nil where every connection keeps its goroutine
	// silence after which a connection is parked
	ParkAfter time.Duration
	Rate      float64 // lines a second that a session may send in the long run; 0 is any number

	Limits Limits

	skipped atomic.Int64 // files that cannot be offered, as the operator knows
	people  roll
	start   sync.Once
	guests  *limits // made by the first Start
}

// Start serves a connection, or closes it at once if there are too many. It does not wait.
func (s *Server) Start(socket net.Conn) {
	s.begin()
	nc := transport.New(socket)
	guest, refused := s.guests.admit(nc)
	if refused != nil {
		s.logRefused(nc, refused)
		turnAway(nc, refused)
		return
	}
	c := &client{Server: s, nc: nc, guest: guest}
	c.src = source{nc: c.nc, deadline: time.Now().Add(helloTime)}
	c.lines = wire.NewReader(&c.src, wire.MaxLine, readBuffer)
	s.guests.running.Add(1)
	go c.run()
}

func (s *Server) begin() {
	s.start.Do(func() {
		s.guests = newLimits(s.Limits, s.Rate, s.Guard)
		s.people.turn = make(chan struct{}, 1)
	})
}

// End closes the connections that have not joined, and lets no more in. Hub.Close ends the others.
func (s *Server) End() {
	s.begin()
	s.guests.close()
}

// Wait waits until all connections are closed.
func (s *Server) Wait() {
	s.begin()
	s.guests.running.Wait()
}

// A client is one connection. Its fields belong to the goroutine that serves it.
type client struct {
	*Server
	nc      *transport.Conn
	src     source
	lines   *wire.Reader
	conn    *deliver.Conn // nil until joined
	guest   *guest
	meter   meter
	invite  []byte // SHA-256 of the code that INVITE brought; nil if it did not come
	gets    int    // GET lines so far
	handled int    // lines since the client was parked
	batch   []byte // entries of messages that were read and are not proposed yet
	batched int    // how many
	// when the first of them was read, in Unix milliseconds
	batchTime uint64
	number    uint64 // of the newest message within the session

	lists    atomic.Int32  // FILES lines that are not answered yet
	answered chan struct{} // closed when there are none; nil before the first
}

// run carries out lines until the connection ends or the client is parked.
func (c *client) run() {
	parked := false
	defer c.Guard()
	defer func() {
		if !parked {
			c.nc.Close()
			c.guest.leave(c.meter)
		}
	}()
	if c.conn == nil {
		if last := c.join(); c.conn == nil {
			c.dismiss(last)
			return
		}
		c.number = c.conn.Handled()
		c.src.open(c.Idle)
		if c.Parker != nil {
			c.src.parkAfter = c.ParkAfter
		}
	}
	err := c.talk()
	for err == errIdle {
		parked = c.park()
		if parked {
			return
		}
		err = c.talk()
	}
	var lost lostError
	if errors.As(err, &lost) {
		c.lost(string(lost))
	} else {
		// It ended in an orderly way. What the client still sends is read, because closing a
		// connection with unread input would destroy what was sent last.
		io.Copy(io.Discard, &c.src)
	}
	<-c.conn.Done()
	if c.answered != nil {
		<-c.answered
	}
}

// park releases what only a busy client needs and has the Parker wait for its next line. It reports whether
// that goes on with run; otherwise the client keeps its goroutine from now on.
func (c *client) park() bool {
	c.lines.Rest()
	c.batch = nil
	if !c.Parker.Park(c.nc, c.src.until(), c.run) {
		c.src.parkAfter = 0
		return false
	}
	if c.writingEnded() { // perhaps before it was parked
		c.Parker.Unpark(c.nc)
	}
	return true
}

// finish is told by the hub that the writing side is done.
func (c *client) finish(linger time.Duration) {
	c.src.linger(linger)
	c.Parker.Unpark(c.nc)
}

// dismiss sends the last line on a connection that has not joined. What its client still sends is read, as in
// run, unless those who come after it need the place.
func (c *client) dismiss(last wire.Message) {
	if last.Verb == "" || !c.write(last) {
		return
	}
	c.nc.CloseWrite()
	c.guest.move(ended)
	c.src.linger(deliver.Linger)
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
