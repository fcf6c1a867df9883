package serve

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"

	"parley/server/internal/deliver"
	"parley/server/internal/eventlog"
	"parley/server/internal/room"
	"parley/server/internal/transport"
	"parley/server/wire"
)

// join answers lines until HELLO or RESUME succeeds, which sets conn. Otherwise it returns the line to end
// the connection with, which has no verb when nothing can be sent any more.
func (c *client) join() (last wire.Message) {
	addr := c.nc.RemoteAddr().String()
	c.Show("connection from " + addr)
	c.Log.Info("connection", "addr", addr)
	var err error
	for tries := 0; err == nil && tries < helloTries; tries++ {
		var m wire.Message
		m, err = c.first(tries == 0)
		if err == nil {
			switch m.Verb {
			case wire.Hello, wire.Takeover, wire.Resume:
				err = c.enter(&m)
			case wire.Invite:
				c.invite = hash(string(m.Token))
				continue
			case wire.Quit:
				return bye("goodbye")
			default:
				err = wire.Errorf(m.Verb, wire.CodeNotJoined,
					"say HELLO %s <name> <history> first", wire.Version)
			}
		}
		if c.conn != nil {
			return wire.Message{}
		}
		if e, ok := errors.AsType[*wire.ProtocolError](err); ok && c.refuse(e) {
			err = nil
		}
	}
	switch {
	case err == nil:
		return bye("too many lines that failed")
	case err == transport.ErrPlain:
		e := wire.Errorf("-", wire.CodePlain, "%v", err)
		c.logRefused(c.nc, e)
		return e.Message()
	case errors.Is(err, os.ErrDeadlineExceeded) && !errors.Is(err, transport.ErrHandshake):
		if c.refuse(wire.Errorf("-", wire.CodeTimeout, "no HELLO within %v", helloTime)) {
			return bye("too late")
		}
		return wire.Message{}
	}
	c.Log.Info("refused", "addr", addr, "code", "connection lost", "error", err)
	return wire.Message{}
}

// first reads a line of a connection that has not joined, through the gate if that is not open yet.
func (c *client) first(closed bool) (wire.Message, error) {
	if closed {
		if err := c.pass(); err != nil {
			return wire.Message{}, err
		}
	}
	line, err := c.lines.ReadLine()
	if err != nil {
		return wire.Message{}, err
	}
	return wire.ParseClient(line)
}

// pass opens the gate for the connection.
func (c *client) pass() error {
	c.src.arm(time.Now())
	deadline := c.src.until()
	c.nc.SetWriteDeadline(deadline)
	defer c.nc.SetWriteDeadline(time.Time{})
	ctx, cancel := context.WithDeadline(context.Background(), deadline)
	defer cancel()
	return c.Gate.Open(ctx, c.nc)
}

// refuse answers a line of a connection that has not joined, and reports whether the answer was taken.
func (c *client) refuse(e *wire.ProtocolError) bool {
	c.logRefused(c.nc, e)
	return c.write(e.Message())
}

func (s *Server) logRefused(nc net.Conn, e *wire.ProtocolError) {
	s.Log.Info("refused", "addr", nc.RemoteAddr().String(), "code", e.Code, "text", e.Text)
}

func bye(text string) wire.Message { return wire.Message{Verb: wire.Bye, Text: []byte(text)} }

// entry returns one of the client's connection.
func (c *client) entry(kind room.Kind, token string) room.Entry {
	now := time.Now()
	return room.Entry{Kind: kind, Time: uint64(now.UnixMilli()), Token: hash(token), Device: c.nc.Key(),
		Addr: []byte(c.guest.address.key), Text: []byte(now.Format("2006-01-02 15:04"))}
}

// Address returns what stands for all addresses of one machine: an IPv4 address, or the first 64 bits of an
// IPv6 address, which may choose the others. addr may have a port. What is no address is returned as it is.
func Address(addr string) string {
	ip, err := netip.ParseAddr(addr)
	if withPort, e := netip.ParseAddrPort(addr); e == nil {
		ip, err = withPort.Addr(), nil
	}
	if err != nil {
		return addr
	}
	ip = ip.Unmap().WithZone("")
	if ip.Is4() || ip.IsLoopback() {
		return ip.String()
	}
	return netip.PrefixFrom(ip, 64).Masked().String()
}

// enter carries out a HELLO, TAKEOVER or RESUME, which sets conn. Meanwhile the connection is not closed to
// make room for others: nobody would be told that someone has joined who is not there.
func (c *client) enter(m *wire.Message) error {
	token := string(m.Token)
	if m.Verb != wire.Resume {
		token = newToken()
	}
	if !c.guest.repay(token) || !c.guest.move(entering) {
		return deliver.ErrEnded
	}
	var err error
	switch m.Verb {
	case wire.Hello:
		c.conn, err = c.hello(room.Join, token, m)
	case wire.Takeover:
		c.conn, err = c.hello(room.Takeover, token, m)
	case wire.Resume:
		c.conn, err = c.resume(m.Token, m.Seq)
	}
	if c.conn == nil {
		c.guest.move(waiting)
		return err
	}
	c.guest.move(joined)
	c.meter = c.guest.meter(token)
	c.meter.answer(c.conn.Backlog())
	return nil
}

// hello joins, as a Join or a Takeover.
func (c *client) hello(kind room.Kind, token string, m *wire.Message) (*deliver.Conn, error) {
	name := string(m.Name)
	normal, err := wire.CheckName(name)
	if err == nil && normal != name {
		err = fmt.Errorf("%q is not in its normal form: use %q", name, normal)
	}
	if err != nil {
		return nil, wire.Errorf(m.Verb, wire.CodeBadName, "%v", err)
	}
	if err := c.upToDate(m.Verb); err != nil {
		return nil, err
	}
	e := c.entry(kind, token)
	e.Name, e.Invite = []byte(name), c.invite
	conn, err := c.Hub.Newcomer(c.nc, e, token, int(min(m.Count, wire.MaxHistory)))
	if err != nil {
		return nil, err
	}
	return c.open(conn, e)
}

func (c *client) resume(token []byte, seq uint64) (*deliver.Conn, error) {
	if err := c.upToDate(wire.Resume); err != nil {
		return nil, err
	}
	e := c.entry(room.Resume, string(token))
	conn, lost, err := c.Hub.Returner(c.nc, e, seq)
	if lost.Kind != 0 {
		c.Commit(lost)
	}
	if err != nil {
		return nil, err
	}
	return c.open(conn, e)
}

// open proposes the entry that connects conn to a session.
func (c *client) open(conn *deliver.Conn, e room.Entry) (*deliver.Conn, error) {
	conn.OnEnd(func() { c.guest.move(ended) })
	conn.OnDone(c.finish)
	e.Ref = conn.Ref()
	switch err := conn.Opened(c.Commit(e)).(type) {
	case nil:
		return conn, nil
	case *wire.ProtocolError:
		return nil, err
	default:
		return nil, notTaken(e.Verb(), err)
	}
}

// notTaken is why an entry was not, by the error of its proposal.
func notTaken(verb wire.Verb, err error) error {
	if errors.Is(err, eventlog.ErrFenced) {
		return wire.Errorf(verb, wire.CodeFull, "%v: try again", err)
	}
	return wire.Errorf(verb, wire.CodeFull, "the server is shutting down")
}

// upToDate returns why an entry of that verb cannot be committed, or nil. Then what other servers have
// committed is applied: else this one might not know a session that was begun elsewhere a moment ago.
func (c *client) upToDate(verb wire.Verb) error {
	if why := c.Stuck(); why != nil {
		return wire.Errorf(verb, wire.CodeFull, "%v: try again later", why)
	}
	if c.Sync == nil {
		return nil
	}
	if err := c.Sync(); err != nil {
		return notTaken(verb, err)
	}
	return nil
}

// Commit proposes an entry, with the present time. The error is the event log's.
func (s *Server) Commit(e room.Entry) error {
	e.Time = uint64(time.Now().UnixMilli())
	return s.Propose(e.Append(nil))
}

// lost tells everyone that the connection broke.
func (c *client) lost(reason string) {
	if c.conn.Lost() {
		c.Commit(c.conn.Entry(room.Detach, reason))
	}
}

// Invite invites someone to have a name, and returns the code; "" if it is refused, of which Audit tells.
func (s *Server) Invite(name string) (code string) {
	code = strings.ToLower(rand.Text())
	s.Commit(room.Entry{Kind: room.Invite, Name: []byte(name), Token: hash(code)})
	invited := false
	s.Hub.View(func(r *room.Room) { invited = r.Invited(hash(code)) })
	if !invited {
		return ""
	}
	return code
}

func newToken() string {
	var b [16]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// hash is what is kept of a token: who reads the state cannot resume a session with it.
func hash(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}
