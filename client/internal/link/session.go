package link

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"syscall"
	"time"

	"parley/server/wire"
)

const (
	// for the name look-up, the connection and the server's first answer together
	joinTime   = 10 * time.Second
	backoff    = 200 * time.Millisecond // before the first attempt to come back; doubles with each one
	maxBackoff = 10 * time.Second
)

// Config says where to go, as whom, and how patiently.
type Config struct {
	Address   string        // host:port
	Name      string        // as [wire.CheckName] returned it
	History   int           // messages asked for on joining
	Idle      time.Duration // a connection on which nothing comes for so long is lost
	Reconnect time.Duration // how long to try to come back; 0 is not at all

	// Dial is net.Dialer's DialContext, or stands for it.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Join begins a session, and returns the server's WELCOME. The end of ctx ends the attempt, not the
// connection. An error is one line for the person, and says what to do.
func Join(ctx context.Context, cfg Config) (*Conn, wire.Message, error) {
	c, welcome, err := attempt(ctx, context.Background(), cfg)
	if no, ok := errors.AsType[*wire.ProtocolError](err); ok {
		err = fmt.Errorf("cannot join as %s: %s", cfg.Name, no.Text)
	} else if err != nil {
		why, hint := reason(err)
		err = fmt.Errorf("cannot connect to %s: %s: %s", cfg.Address, why, hint)
	}
	return c, welcome, err
}

// Return comes back to a session whose connection broke by lost: it says resume, and where the session is
// gone joins afresh. It returns the server's RESUMED or WELCOME. It tries ever more seldom, as if it had
// tried so often before, and gives up after the time configured or when the name is taken. It says when the
// next attempt will be. The end of ctx ends the connection, too.
func Return(ctx context.Context, cfg Config, resume wire.Message, lost error, tried int, next func(time.Time)) (
	*Conn, wire.Message, error) {
	why, _ := reason(lost)
	if cfg.Reconnect == 0 {
		return nil, resume, fmt.Errorf("connection to %s lost: %s", cfg.Address, why)
	}
	cfg.History = wire.MaxHistory // the user may have missed some
	trying, done := context.WithTimeout(ctx, cfg.Reconnect)
	defer done()
	for ; ; tried++ {
		// The wait is random, so that the clients of a server that comes back do not come back all at once.
		most := min(backoff<<min(tried, 16), maxBackoff)
		wait := most/2 + rand.N(most/2)
		next(time.Now().Add(wait))
		select {
		case <-time.After(wait):
		case <-trying.Done():
			return nil, resume, fmt.Errorf("connection to %s lost and not back after %v: %s", cfg.Address, cfg.Reconnect, why)
		}
		c, answer, err := attempt(trying, ctx, cfg, resume)
		if err == nil {
			return c, answer, nil
		}
		no, ok := errors.AsType[*wire.ProtocolError](err)
		if ok && no.Verb == wire.Hello && no.Code == wire.CodeNameTaken {
			return nil, answer, fmt.Errorf("the session is gone and cannot start afresh: %s", no.Text)
		}
		why, _ = reason(err)
	}
}

// attempt connects and says resume, if that is given, and HELLO without it or where the server says that the
// session is gone. The end of life ends the connection.
func attempt(ctx, life context.Context, cfg Config, resume ...wire.Message) (c *Conn, answer wire.Message, err error) {
	ctx, done := context.WithTimeout(ctx, joinTime)
	defer done()
	nc, err := cfg.Dial(ctx, "tcp", cfg.Address)
	if err != nil {
		return nil, answer, err
	}
	c = newConn(life, nc, cfg.Idle)
	hello := wire.Message{Verb: wire.Hello, Name: []byte(cfg.Name), Count: uint64(cfg.History)}
	for _, m := range append(resume, hello) {
		answer, err = c.exchange(ctx, m)
		if no, ok := errors.AsType[*wire.ProtocolError](err); !ok || no.Code != wire.CodeGone {
			break
		}
	}
	if err != nil {
		c.Close()
	}
	return c, answer, err
}

// reason says in a few words why a connection failed, without the addresses that the net package puts before
// it, and what to try where there was none before.
func reason(err error) (why, hint string) {
	const windows = syscall.Errno(10061) // WSAECONNREFUSED, which syscall does not name
	unknown, lookup := errors.AsType[*net.DNSError](err)
	op, system := errors.AsType[*net.OpError](err)
	timeout, network := errors.AsType[net.Error](err) // which the end of a context is, too
	hint = "is it a parley server?"
	if system && op.Op == "dial" {
		hint = "is the address right?"
	}
	switch {
	case lookup && !unknown.IsTimeout:
		return fmt.Sprintf("host %s is unknown", unknown.Name), "check the host's name"
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, windows):
		return "connection refused", "is the server running?"
	case network && timeout.Timeout():
		return "no answer in time", hint
	case errors.Is(err, io.EOF):
		return "closed without a word", hint
	case system:
		return op.Err.Error(), hint
	}
	return err.Error(), hint
}

// A Session is what a client knows of its session, on whatever connection: what has come, and which of its
// own messages the server has still to answer. It is not safe for concurrent use.
type Session struct {
	Resume  wire.Message   // asks to go on with the session, from after Seq, up to which the stream has come
	Pending []wire.Message // SAY and TELL lines that were not answered, in order
	Tried   int            // how many of Pending, from the first, may have reached the server

	answered int // SAY and TELL lines of this session that were answered
}

// Add keeps a SAY or TELL until it is answered. When it is not sent now, Attach returns it for the next
// connection.
func (s *Session) Add(m wire.Message, sent bool) {
	s.Pending = append(s.Pending, m)
	if sent {
		s.Tried = len(s.Pending)
	}
}

// Attach goes on over a connection on which the server gave answer, and returns the messages to send on it.
// These are not those that the server has handled, whose answer is still to come in the stream, and not those
// that it may have handled in a session that is gone: to send them again might say them twice. They are
// returned as unsure, and forgotten.
func (s *Session) Attach(answer wire.Message) (send, unsure []wire.Message) {
	handled := min(max(int(answer.Count)-s.answered, 0), s.Tried)
	if answer.Verb == wire.Welcome {
		unsure, handled = s.Pending[:s.Tried], 0
		resume := wire.Message{Verb: wire.Resume, Token: answer.Token, Seq: answer.Seq}
		*s = Session{Resume: resume, Pending: s.Pending[s.Tried:]}
	}
	s.Tried = len(s.Pending)
	return s.Pending[handled:], unsure
}

// Take counts a line that came. It returns the message that an OK or REFUSED answers. An error says that the
// server does not follow the protocol.
func (s *Session) Take(m wire.Message) (own wire.Message, err error) {
	if m.Verb == wire.OK || m.Verb == wire.Refused {
		if s.Tried == 0 {
			return own, wire.Errorf(m.Verb, wire.CodeArguments, "%s for a message that was not sent", m.Verb)
		}
		own, s.Pending = s.Pending[0], s.Pending[1:]
		s.Tried--
		s.answered++
	}
	s.Resume.Seq = max(s.Resume.Seq, m.Seq) // history does not change it
	return own, nil
}
