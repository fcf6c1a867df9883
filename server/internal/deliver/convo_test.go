package deliver_test

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"parley/server/internal/deliver"
	"parley/server/internal/eventlog"
	"parley/server/internal/room"
	"parley/server/internal/transport"
	"parley/server/wire"
)

// A convo is a hub with an event log. Its methods propose entries as package serve does.
type convo struct {
	*deliver.Hub
	log    *eventlog.Log
	closed sync.Once
	addr   string // that connections come from; none if empty

	mu   sync.Mutex // held while a message or a kick is proposed; guards last
	last room.Outcome
}

// A convoConn is a session's connection to a convo.
type convoConn struct {
	*deliver.Conn
	convo  *convo
	number uint64
	entry  []byte             // reused
	linger chan time.Duration // what OnDone was told
}

// newConvo returns a convo whose log open makes.
func newConvo(cfg deliver.Config, open func(eventlog.State) (*eventlog.Log, error)) (*convo, error) {
	r := &convo{}
	audit := cfg.Audit
	cfg.Audit = func(e *room.Entry, o *room.Outcome, from net.Addr) {
		switch e.Kind {
		case room.Say, room.Tell, room.Overflow, room.Kick:
			r.last = *o
		}
		if audit != nil {
			audit(e, o, from)
		}
	}
	r.Hub = deliver.New(cfg)
	log, err := open(r.Hub)
	if err != nil {
		r.Hub.Close("", true)
		return nil, err
	}
	r.log = log
	r.Start(r.log.Propose)
	return r, nil
}

func (r *convo) propose(e room.Entry) error {
	e.Time = uint64(time.Now().UnixMilli())
	return r.log.Propose(e.Append(nil))
}

func hash(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}

func (r *convo) Join(nc net.Conn, name string, history int) (*convoConn, error) {
	var random [16]byte
	rand.Read(random[:])
	token := hex.EncodeToString(random[:])
	e := room.Entry{Kind: room.Join, Name: []byte(name), Token: hash(token), Addr: []byte(r.addr)}
	c, err := r.Newcomer(transport.New(nc), e, token, history)
	if err != nil {
		return nil, err
	}
	return r.open(c, e)
}

func (r *convo) Resume(nc net.Conn, token string, seq uint64) (*convoConn, error) {
	e := room.Entry{Kind: room.Resume, Token: hash(token), Addr: []byte(r.addr)}
	c, lost, err := r.Returner(transport.New(nc), e, seq)
	if lost.Kind != 0 {
		r.propose(lost)
	}
	if err != nil {
		return nil, err
	}
	return r.open(c, e)
}

func (r *convo) open(c *deliver.Conn, e room.Entry) (*convoConn, error) {
	e.Ref = c.Ref()
	linger := make(chan time.Duration, 1)
	c.OnDone(func(d time.Duration) { linger <- d })
	if err := c.Opened(r.propose(e)); err != nil {
		return nil, err
	}
	return &convoConn{Conn: c, convo: r, number: c.Handled(), linger: linger}, nil
}

func (r *convo) Kick(name string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.propose(room.Entry{Kind: room.Kick, Name: []byte(name)})
	return r.last.Refused == nil
}

// await waits until the hub keeps that many sessions: it proposes the end of the others in a moment.
func (r *convo) await(t testing.TB, sessions int) {
	t.Helper()
	for by := time.Now().Add(patience); ; runtime.Gosched() {
		_, _, mailboxes := r.Kept()
		if len(mailboxes) == sessions {
			return
		}
		if time.Now().After(by) {
			t.Fatalf("%d sessions are kept, want %d", len(mailboxes), sessions)
		}
	}
}

// Close ends the conversation.
func (r *convo) Close(text string) {
	r.Hub.Close(text, true)
	r.closed.Do(func() { r.log.Close() })
}

// Say proposes a broadcast.
func (c *convoConn) Say(text []byte) (seq uint64, err error) {
	o, err := c.post(room.Entry{Kind: room.Say, Text: text})
	return o.Receipt.Seq, err
}

// Tell proposes a unicast, or that it is refused if there is no room for it. A *wire.ProtocolError has been
// told to the sender.
func (c *convoConn) Tell(name, text []byte) (seq uint64, to string, err error) {
	e := room.Entry{Kind: room.Tell, Name: name, Text: text}
	if !c.CanTell(name, len(text)) {
		e.Kind, e.Text = room.Overflow, nil
	}
	return c.told(c.post(e))
}

// TellAnyway proposes a unicast, as another server does.
func (c *convoConn) TellAnyway(name, text []byte) (seq uint64, to string, err error) {
	return c.told(c.post(room.Entry{Kind: room.Tell, Name: name, Text: text}))
}

func (c *convoConn) told(o room.Outcome, err error) (seq uint64, to string, _ error) {
	if o.Peer != nil {
		to = o.Peer.Name
	}
	if err == nil && o.Refused != nil {
		err = o.Refused
	}
	return o.Receipt.Seq, to, err
}

func (c *convoConn) post(e room.Entry) (room.Outcome, error) {
	c.convo.mu.Lock()
	defer c.convo.mu.Unlock()
	if c.Reply() != nil {
		return room.Outcome{}, deliver.ErrEnded
	}
	c.number++
	e.Session, e.Number, e.Time = c.Session(), c.number, uint64(time.Now().UnixMilli())
	c.entry = e.Append(c.entry[:0])
	err := c.convo.log.Propose(c.entry)
	return c.convo.last, err
}

func (c *convoConn) Quit() {
	c.convo.propose(c.Entry(room.Leave, ""))
}

func (c *convoConn) Lost(reason string) {
	if c.Conn.Lost() {
		c.convo.propose(c.Entry(room.Detach, reason))
	}
}

// changes returns an Audit that notes who came and who left.
func changes(note func(string)) func(*room.Entry, *room.Outcome, net.Addr) {
	return func(_ *room.Entry, o *room.Outcome, from net.Addr) {
		switch o.Line.Verb {
		case wire.Joined:
			note(o.Session.Name + " from " + from.Network())
		case wire.Left:
			note(o.Session.Name + " left: " + o.Reason)
		}
	}
}

func (r *convo) Notice(text string) { r.propose(room.Entry{Kind: room.Notice, Text: []byte(text)}) }
