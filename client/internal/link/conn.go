package link

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"

	"parley/server/wire"
)

// A conn is one connection to the server.
type conn struct {
	net.Conn
	r    *wire.Reader
	idle time.Duration
}

func dial(ctx context.Context, cfg Config) (*conn, error) {
	nc, err := cfg.Dial(ctx, "tcp", cfg.Address)
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: nc, idle: cfg.Idle}
	c.r = wire.NewReader(c, wire.MaxServerLine, maxBuffer)
	return c, nil
}

// Read fails when nothing comes for the idle time. Time in which nobody reads does not count.
func (c *conn) Read(p []byte) (int, error) {
	c.SetReadDeadline(time.Now().Add(c.idle)) // which fails only if Read will, too
	return c.Conn.Read(p)
}

// next returns the next line that this client knows. It stays valid.
func (c *conn) next() (wire.Message, error) {
	for {
		line, err := c.r.ReadLine()
		var m wire.Message
		if err == nil {
			m, err = wire.ParseServer(bytes.Clone(line))
		}
		var bad *wire.ProtocolError
		switch {
		case err == nil:
			return m, nil
		case !errors.As(err, &bad):
			return m, err
		case bad.Code != wire.CodeUnknownVerb: // which is a newer server's; anything else leaves the two out of step
			return m, &fatalError{fmt.Sprintf("the server does not follow %s: %s", wire.Version, bad.Text)}
		}
	}
}

// exchange sends the line that must be first and returns what grants it. A refusal is a *refusal.
func (c *conn) exchange(ctx context.Context, m wire.Message) (wire.Message, error) {
	defer context.AfterFunc(ctx, func() { c.Close() })()
	if _, err := c.Write(m.AppendClient(nil)); err != nil {
		return wire.Message{}, err
	}
	for {
		line, err := c.r.ReadLine()
		var answer wire.Message
		if err == nil {
			line = bytes.Clone(line)
			answer, err = wire.ParseServer(line)
		}
		var bad *wire.ProtocolError
		switch {
		case ctx.Err() != nil:
			return answer, context.Cause(ctx)
		case errors.As(err, &bad):
			return answer, &strangerError{string(line)}
		case err != nil:
			return answer, err
		case answer.Verb == wire.Welcome && m.Verb == wire.Hello, answer.Verb == wire.Resumed && m.Verb == wire.Resume:
			return answer, nil
		case answer.Verb == wire.Error, answer.Verb == wire.Bye:
			return answer, &refusal{string(answer.Code), string(answer.Text)}
		case answer.Verb != wire.Notice:
			return answer, &strangerError{string(line)}
		}
	}
}

// A refusal is the server's answer to a HELLO or RESUME that it does not grant.
type refusal struct{ code, text string }

func (r *refusal) Error() string { return r.text }

// A fatalError ends the session: to come back would not help.
type fatalError struct{ text string }

func (e *fatalError) Error() string { return e.text }

// A strangerError says that whatever listens there is no parley server.
type strangerError struct{ line string }

func (e *strangerError) Error() string { return fmt.Sprintf("it answers %.40q", e.line) }

// cannotJoin says why the server that was reached did not let us in.
func cannotJoin(cfg Config, err error) error {
	var no *refusal
	if errors.As(err, &no) {
		return fmt.Errorf("cannot join as %s: %w", cfg.Name, no)
	}
	return fmt.Errorf("cannot connect to %s: %s: is it a parley server?", cfg.Address, reason(err))
}

// cannotConnect says why the server was not reached, and what to try.
func cannotConnect(address string, err error) error {
	hint := "is the address right?"
	var unknown *net.DNSError
	switch {
	case errors.As(err, &unknown):
		hint = "check the host's name"
	case refused(err):
		hint = "is the server running?"
	}
	return fmt.Errorf("cannot connect to %s: %s: %s", address, reason(err), hint)
}

// refused reports that nobody listens at the address.
func refused(err error) bool {
	const windows = syscall.Errno(10061) // WSAECONNREFUSED, which syscall does not name
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, windows)
}

// reason says in a few words why a connection failed, without the addresses that the net package puts before it.
func reason(err error) string {
	var unknown *net.DNSError
	var op *net.OpError
	var timeout net.Error
	switch {
	case err == nil:
		return "no answer"
	case errors.As(err, &unknown) && !unknown.IsTimeout:
		return fmt.Sprintf("host %s is unknown", unknown.Name)
	case refused(err):
		return "connection refused"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "no answer in time"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "closed without a word"
	case errors.As(err, &op):
		return op.Err.Error()
	}
	return err.Error()
}
