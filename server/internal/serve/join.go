package serve

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/time/rate"

	"parley/server/internal/deliver"
	"parley/server/internal/room"
	"parley/server/wire"
)

// join answers lines until HELLO or RESUME succeeds, which sets conn. Otherwise it returns what BYE says, ""
// when the connection was lost.
func (c *client) join() (farewell string) {
	addr := c.nc.RemoteAddr().String()
	c.Show("connection from " + addr)
	c.Log.Info("connection", "addr", addr)
	if c.Rate > 0 {
		c.rate = rate.NewLimiter(rate.Limit(c.Rate), int(max(1, c.Rate*burstPeriod)))
	}
	for range helloTries {
		place := c.lobby.enter(c.nc)
		var m wire.Message
		line, err := c.lines.ReadLine()
		if err == nil {
			m, err = wire.ParseClient(line)
		}
		// before it joins, because who has joined is not to be closed with the others
		c.lobby.leave(place, c.nc)
		if err == nil {
			switch m.Verb {
			case wire.Hello:
				c.conn, err = c.hello(string(m.Name), int(min(m.Count, wire.MaxHistory)))
			case wire.Resume:
				c.conn, err = c.resume(m.Token, m.Seq)
			case wire.Quit:
				return "goodbye"
			default:
				err = wire.Errorf(m.Verb, wire.CodeNotJoined,
					"say HELLO %s <name> <history> first", wire.Version)
			}
		}
		var e *wire.ProtocolError
		switch {
		case err == nil:
			return ""
		case errors.Is(err, os.ErrDeadlineExceeded):
			e = wire.Errorf("-", wire.CodeTimeout, "no HELLO within %v", helloTime)
		case !errors.As(err, &e):
			c.Log.Info("refused", "addr", c.nc.RemoteAddr().String(), "code", "connection lost", "error", err)
			return ""
		}
		c.Log.Info("refused", "addr", c.nc.RemoteAddr().String(), "code", e.Code, "text", e.Text)
		switch written := c.write(e.Message()); {
		case !written:
			return ""
		case e.Code == wire.CodeTimeout:
			return "too late"
		}
	}
	return "too many lines that failed"
}

func (c *client) hello(name string, history int) (*deliver.Conn, error) {
	normal, err := wire.CheckName(name)
	if err == nil && normal != name {
		err = fmt.Errorf("%q is not in its normal form: use %q", name, normal)
	}
	if err != nil {
		return nil, wire.Errorf(wire.Hello, wire.CodeBadName, "%v", err)
	}
	token := newToken()
	conn, err := c.Hub.Newcomer(c.nc, name, token, history)
	if err != nil {
		return nil, err
	}
	return c.open(wire.Hello, conn, room.Entry{Kind: room.Join, Name: []byte(name), Token: hash(token)})
}

func (c *client) resume(token []byte, seq uint64) (*deliver.Conn, error) {
	hashed := hash(string(token))
	conn, lost, err := c.Hub.Returner(c.nc, hashed, seq)
	if lost.Kind != 0 {
		c.Commit(lost)
	}
	if err != nil {
		return nil, err
	}
	return c.open(wire.Resume, conn, room.Entry{Kind: room.Resume, Token: hashed})
}

// open proposes the entry that connects conn to a session.
func (c *client) open(verb wire.Verb, conn *deliver.Conn, e room.Entry) (*deliver.Conn, error) {
	e.Ref = conn.Ref()
	if c.Stuck() {
		stuck := wire.Errorf(verb, wire.CodeFull, "the server cannot write to its disk: try again later")
		return nil, conn.Opened(stuck)
	}
	switch err := conn.Opened(c.Commit(e)).(type) {
	case nil:
		return conn, nil
	case *wire.ProtocolError:
		return nil, err
	}
	return nil, wire.Errorf(verb, wire.CodeFull, "the server is shutting down") // so the log takes no more
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
