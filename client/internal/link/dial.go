package link

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"syscall"
	"time"

	"parley/client/internal/trust"
	"parley/server/wire"
)

const (
	// for the name look-up, the connection and the server's first answer together
	joinTime   = 10 * time.Second       // of all servers together
	lookTime   = 3 * time.Second        // to see the key of a server that need not be there
	backoff    = 200 * time.Millisecond // before the first attempt to come back; doubles with each one
	maxBackoff = 10 * time.Second
)

// Config says where to connect, under which name, and how patiently.
type Config struct {
	Addresses []string      // host:port of each server of the conversation; the first is tried first
	Name      string        // as [wire.CheckName] returned it
	History   int           // messages asked for on joining
	Idle      time.Duration // a connection on which nothing comes for so long is lost
	Reconnect time.Duration // how long to try to come back; 0 disables it
	// checks that the server at an address is the right one; nil for plain text
	TLS      func(address string) *tls.Config
	Takeover bool   // end the session that has the name, if it belongs to this device
	Invite   string // the operator's invitation, "" for none

	// Dial is net.Dialer's DialContext, or stands for it.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Join begins a session, and returns the server's WELCOME. The end of ctx ends the attempt, not the
// connection. An error is one line for the person, and says what to do.
func Join(ctx context.Context, cfg Config) (*Conn, wire.Message, error) {
	c, welcome, err := dial(ctx, context.Background(), cfg, nil)
	if refusal, ok := errors.AsType[*wire.ProtocolError](err); ok {
		err = fmt.Errorf("cannot join as %s: %s", cfg.Name, refusal.Text)
	} else if errors.Is(err, trust.ErrServer) {
		err = fmt.Errorf("cannot connect to %s: %w", cfg.place(), err)
	} else if err != nil {
		why, hint := reason(err)
		err = fmt.Errorf("cannot connect to %s: %s: %s", cfg.place(), why, hint)
	}
	return c, welcome, err
}

// Reconnect resumes a session whose connection broke by the error lost, or joins afresh if the session is
// gone. It returns the server's RESUMED or WELCOME. It backs off exponentially, starting at the given
// attempt, calls onWait with the time of each attempt, and gives up after cfg.Reconnect, or if the server
// does not let the user in. The end of ctx ends the connection, too.
func Reconnect(ctx context.Context, cfg Config, resume wire.Message, lost error, attempt int,
	onWait func(time.Time)) (*Conn, wire.Message, error) {
	why, _ := reason(lost)
	if cfg.Reconnect == 0 {
		return nil, resume, fmt.Errorf("connection to %s lost: %s", cfg.place(), why)
	}
	cfg.History = wire.MaxHistory // the user may have missed messages
	cfg.Invite, cfg.Takeover = "", false
	trying, done := context.WithTimeout(ctx, cfg.Reconnect)
	defer done()
	for ; ; attempt++ {
		// The wait is random, so that the clients of a restarted server do not come back all at once.
		longest := min(backoff<<min(attempt, 16), maxBackoff)
		wait := longest/2 + rand.N(longest/2)
		onWait(time.Now().Add(wait))
		select {
		case <-time.After(wait):
		case <-trying.Done():
			return nil, resume, fmt.Errorf("connection to %s lost and not back after %v: %s",
				cfg.place(), cfg.Reconnect, why)
		}
		c, answer, err := dial(trying, ctx, cfg, &resume)
		if err == nil {
			return c, answer, nil
		}
		if final(err) {
			return nil, answer, fmt.Errorf("the session is gone and cannot start afresh: %w", err)
		}
		if errors.Is(err, trust.ErrServer) {
			return nil, answer, fmt.Errorf("connection to %s lost and not resumed: %w", cfg.place(), err)
		}
		why, _ = reason(err)
	}
}

// place names the servers for the person.
func (cfg *Config) place() string { return strings.Join(cfg.Addresses, ", ") }

// From returns the Config with an address as the first to be tried, if it is one of them.
func (cfg Config) From(address string) Config {
	i := max(slices.Index(cfg.Addresses, address), 0)
	cfg.Addresses = slices.Concat(cfg.Addresses[i:], cfg.Addresses[:i])
	return cfg
}

// dial connects to the first server that lets the user in, and resumes the session. If there is none to
// resume, or it is gone, dial joins. The end of ctx ends the attempt, that of connCtx the connection. The
// Conn is nil after an error.
func dial(ctx, connCtx context.Context, cfg Config, resume *wire.Message) (*Conn, wire.Message, error) {
	var failed error
	for _, address := range cfg.Addresses {
		c, answer, err := dialOne(ctx, connCtx, cfg, address, resume)
		if err == nil || !elsewhere(err, resume != nil) {
			return c, answer, err
		}
		if failed == nil || !errors.Is(err, trust.ErrServer) { // a right server may be back later
			failed = err
		}
	}
	return nil, wire.Message{}, failed
}

// elsewhere reports whether another server of the conversation may do what this one did not. Whether a server
// is the right one is for the user to say, who is not asked in the middle of a session.
func elsewhere(err error, resuming bool) bool {
	refusal, refused := errors.AsType[*wire.ProtocolError](err)
	if refused {
		return refusal.Code == wire.CodeFull
	}
	return resuming || !errors.Is(err, trust.ErrServer)
}

// connect opens a connection to one of the servers, which is the right one.
func connect(ctx context.Context, cfg Config, address string) (net.Conn, error) {
	nc, err := cfg.Dial(ctx, "tcp", address)
	if err != nil || cfg.TLS == nil {
		return nc, err
	}
	first := &opening{Conn: nc}
	secured := tls.Client(first, cfg.TLS(address))
	if err := secured.HandshakeContext(ctx); err != nil {
		nc.Close()
		return nil, first.explain(err)
	}
	first.over, first.read = true, nil
	return secured, nil
}

// Look connects to one of the servers, and returns what [trust] says against it. A server that is not there
// is not judged.
func Look(ctx context.Context, cfg Config, address string) error {
	ctx, done := context.WithTimeout(ctx, lookTime)
	defer done()
	nc, err := connect(ctx, cfg, address)
	if err == nil {
		nc.Close()
	}
	if errors.Is(err, trust.ErrServer) {
		return err
	}
	return nil
}

// dialOne is dial for one of the servers.
func dialOne(ctx, connCtx context.Context, cfg Config, address string, resume *wire.Message) (*Conn,
	wire.Message, error) {

	ctx, done := context.WithTimeout(ctx, joinTime/time.Duration(len(cfg.Addresses)))
	defer done()
	var answer wire.Message
	nc, err := connect(ctx, cfg, address)
	if err != nil {
		return nil, answer, err
	}
	c := newConn(connCtx, nc, cfg.Idle)
	c.address = address
	if resume != nil {
		answer, err = c.exchange(ctx, *resume)
	}
	if resume == nil || refused(err, wire.Resume, wire.CodeGone) {
		answer, err = c.join(ctx, cfg)
	}
	if err != nil {
		c.Close()
		return nil, answer, err
	}
	return c, answer, nil
}

// join says HELLO, or what stands for it.
func (c *Conn) join(ctx context.Context, cfg Config) (wire.Message, error) {
	hello := wire.Message{Verb: wire.Hello, Name: []byte(cfg.Name), Count: uint64(cfg.History)}
	if cfg.Takeover {
		hello.Verb = wire.Takeover
	}
	if cfg.Invite != "" {
		invite := wire.Message{Verb: wire.Invite, Token: []byte(cfg.Invite)}
		if _, err := c.net.Write(invite.AppendClient(nil)); err != nil {
			return hello, err
		}
	}
	return c.exchange(ctx, hello)
}

// An opening is a connection before the handshake. It keeps what came first, because a server that has no
// place for the connection says so before any handshake.
type opening struct {
	net.Conn
	read []byte
	over bool // the handshake has succeeded
}

func (o *opening) Read(p []byte) (int, error) {
	n, err := o.Conn.Read(p)
	if !o.over && len(o.read) < wire.MaxServerLine {
		o.read = append(o.read, p[:n]...)
	}
	return n, err
}

// A turnedAway is what a server said without encryption, so it proves nothing.
type turnedAway string

func (t turnedAway) Error() string { return string(t) }

// explain says in other words what a person can mend about an error of the handshake.
func (o *opening) explain(err error) error {
	if _, plain := errors.AsType[tls.RecordHeaderError](err); !plain {
		return err
	}
	line, _, _ := bytes.Cut(o.read, []byte("\n"))
	if m, e := wire.ParseServer(line); e == nil && m.Verb == wire.Error {
		return turnedAway(m.Text)
	}
	return errors.New("it does not speak TLS")
}

// refused reports whether the server refused a HELLO or RESUME with this code.
func refused(err error, verb wire.Verb, code string) bool {
	refusal, ok := errors.AsType[*wire.ProtocolError](err)
	return ok && refusal.Verb == verb && refusal.Code == code
}

// final reports whether the server refused in a way that does not change while someone waits for it.
func final(err error) bool {
	refusal, ok := errors.AsType[*wire.ProtocolError](err)
	return ok && slices.Contains([]string{wire.CodeNameTaken, wire.CodeNameOwned, wire.CodeLookAlike,
		wire.CodeBanned, wire.CodeClosed}, refusal.Code)
}

// reason says in a few words why a connection failed, without the addresses that the net package adds, and
// what to try if the connection was the first one.
func reason(err error) (why, hint string) {
	const windowsRefused = syscall.Errno(10061) // WSAECONNREFUSED, which syscall does not name
	unknown, lookup := errors.AsType[*net.DNSError](err)
	op, system := errors.AsType[*net.OpError](err)
	timeout, network := errors.AsType[net.Error](err) // which the end of a context is, too
	hint = "is it a parley server?"
	if turned, ok := errors.AsType[turnedAway](err); ok {
		return "turned away before the encryption began", string(turned)
	}
	if system && op.Op == "dial" {
		hint = "is the address right?"
	}
	switch {
	case lookup && !unknown.IsTimeout:
		return fmt.Sprintf("host %s is unknown", unknown.Name), "check the host's name"
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, windowsRefused):
		return "connection refused", "is the server running?"
	case network && timeout.Timeout():
		return "no answer in time", hint
	case errors.Is(err, io.EOF):
		return "the server closed the connection", hint
	case system:
		return op.Err.Error(), hint
	}
	return err.Error(), hint
}
