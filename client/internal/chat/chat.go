// Package chat is the conversation as its user has it: it gives meaning to what is typed, and words to what
// happens.
package chat

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"parley/client/internal/link"
	"parley/server/wire"
)

// User is how the user is called on their own screen; nobody can have that name.
const User = "you"

const (
	maxWaiting = 1000            // messages without an answer: more are refused or, from a pipe, not read yet
	maxKnown   = wire.MaxHistory // messages that /history can show
	maxShown   = 1000            // of a list, to a person: more than anyone looks through
)

// Config is how a chat behaves.
type Config struct {
	link.Config
	Folder string // where downloads go
	// someone reads along: show what was said before, and one's own messages when they are taken
	Person bool
}

// A Chat is one user's view of the conversation. All of it is owned by the goroutine of Run.
type Chat struct {
	cfg   Config
	face  Face
	ctx   context.Context // ends with Run
	work  sync.WaitGroup  // what goes on beside Run
	posts chan func()     // what Run is to do for that
	// since we said QUIT: when to go without the answer, which comes after all those before
	leaving <-chan time.Time
	over    bool // Run returns
	failed  bool // the exit status says so

	session link.Session
	conn    *link.Conn // closed while we are away
	losses  int        // of connections on which nothing came
	joined  bool       // that we joined was shown
	older   int        // messages of the history that was asked for and may still come
	afresh  bool       // we joined once more: what of the history is newer than what these say is news
	// seq of the newest event that came, history not counted; 0 where that was another server's
	newest uint64
	latest uint64 // its time
	// how far the server's clock is before ours, or less: an event takes its time to come
	ahead time.Duration

	now      Status            // how things are, but for what status fills in
	quiet    bool              // who comes and goes is not shown
	ignore   map[string]string // whose messages are not shown, by the keys of the names
	known    []Line            // the newest messages
	lists    map[wire.Verb]*list
	unlisted []*want // whose files are looked for on the server's list
	queue    []*want // files to download: the present one and those that come after
	stop     func()  // stops the downloads under way; nil when there are none
	busy     int     // answers that wait for the disk

	receiving atomic.Bool // the download under way waits for the server, not for the disk
}

// Run chats over conn, on which the server said welcome, until the session is over. It closes conn and
// returns the exit status. Input from a pipe is done when all that it asked for is.
func Run(cfg Config, face Face, conn *link.Conn, welcome wire.Message, input <-chan Input, signals <-chan os.Signal) int {
	ctx, cancel := context.WithCancel(context.Background())
	c := &Chat{cfg: cfg, face: face, ctx: ctx, posts: make(chan func()), older: cfg.History, ahead: math.MinInt64}
	c.ignore = make(map[string]string)
	c.lists = map[wire.Verb]*list{wire.Who: {}, wire.Files: {}}
	defer c.rest()
	defer cancel() // closes every other connection
	defer conn.Close()
	c.session.Attach(welcome)
	c.use(conn)
	c.show("%s", welcome.Text)
	c.background(c.showParts)
	broken := false // nothing can be shown any more
	for !c.over {
		if len(c.conn.Lines()) == 0 && face.Flush(c.status()) != nil {
			broken = true
			break
		}
		typed := input
		if c.leaving != nil || !cfg.Person && len(c.session.Pending) >= maxWaiting {
			typed = nil
		}
		select {
		case m := <-c.conn.Lines():
			c.line(m)
		case f := <-c.posts:
			f()
		case in, ok := <-typed:
			if ok {
				c.now.Taken++
				c.enter(in)
			} else {
				input = nil
			}
		case <-signals:
			c.over = c.leaving != nil // the second one
			c.quit()
		case <-c.leaving:
			c.over = true
		}
		asked := len(c.session.Pending) + len(c.queue) + len(c.lists[wire.Who].then) + len(c.lists[wire.Files].then) + c.busy
		if input == nil && (cfg.Person || asked == 0) {
			c.quit()
		}
	}
	c.showUnfinished(input)
	if broken || face.Flush(c.status()) != nil || c.failed {
		return 1
	}
	return 0
}

// background does work beside Run. A panic becomes one of Run, whose caller gives the terminal back.
func (c *Chat) background(work func()) {
	c.work.Go(func() {
		defer func() {
			if r := recover(); r != nil {
				why := fmt.Sprintf("%v\n%s", r, debug.Stack())
				c.post(func() { panic(why) })
			}
		}()
		work()
	})
}

// post has Run do f, or nobody when the session is over.
func (c *Chat) post(f func()) {
	select {
	case c.posts <- f:
	case <-c.ctx.Done():
	}
}

// use begins to read and write conn.
func (c *Chat) use(conn *link.Conn) {
	c.conn = conn
	c.background(conn.Transmit)
	c.background(func() {
		err := conn.Receive()
		c.post(func() {
			for c.conn == conn && len(conn.Lines()) > 0 { // what came before
				c.line(<-conn.Lines())
			}
			if c.conn == conn {
				c.lost(err)
			}
		})
	})
}

// lost gives the connection up, and begins to come back, because of err.
func (c *Chat) lost(err error) {
	c.conn.Close()
	switch wrong, bad := errors.AsType[*wire.ProtocolError](err); {
	case c.over, c.now.Away:
		return
	case bad:
		c.end("the server does not follow %s: %s", wire.Version, wrong.Text)
		return
	case c.leaving != nil:
		c.over = true
		return
	case c.cfg.Reconnect > 0:
		c.show("connection lost, reconnecting…")
	}
	c.now.Away = true
	resume, losses := c.session.Resume, c.losses
	c.losses++
	c.background(func() {
		conn, answer, err := link.Return(c.ctx, c.cfg.Config, resume, err, losses, func(at time.Time) {
			c.post(func() { c.now.Retry = at })
		})
		c.post(func() { c.back(conn, answer, err) })
	})
}

// back goes on over conn, on which the server said that we are back, or welcome, unless err says that we
// cannot.
func (c *Chat) back(conn *link.Conn, answer wire.Message, err error) {
	if err != nil {
		c.end("%v", err)
		return
	}
	c.now.Away = false
	c.use(conn)
	send, unsure := c.session.Attach(answer)
	switch {
	case answer.Verb == wire.Welcome:
		c.ahead = math.MinInt64
		c.afresh, c.joined, c.older, c.lists[wire.Who].asOf = c.latest > 0, false, wire.MaxHistory, time.Time{}
		if answer.Seq < c.newest {
			c.newest = 0
		}
		c.show("the session is gone: joined afresh, some messages may be missing")
	case c.afresh && !c.joined: // the history, which was cut off, does not go on
		c.show("back, some messages may be missing")
	default:
		c.show("back, nothing missed")
	}
	for _, m := range unsure {
		c.complain(Failure, maybeSent(string(m.Name), string(m.Text)))
	}
	for _, m := range send {
		conn.Send(m)
	}
	for verb, l := range c.lists {
		if l.then != nil { // the lost connection did not answer
			conn.Send(wire.Message{Verb: verb})
		}
	}
	c.getNext()
}

// line says what a line from the server means.
func (c *Chat) line(m wire.Message) {
	if c.now.Away { // what else came over a connection that was given up
		return
	}
	c.losses = 0
	earlier := m.Seq <= c.session.Resume.Seq // or it has no seq
	own, err := c.session.Take(m)
	if err != nil {
		c.lost(err)
		return
	}
	c.conn.Seen(c.session.Resume.Seq)
	if !earlier {
		c.newest, c.latest = m.Seq, max(c.latest, m.Time)
	}
	if !earlier && m.Time > 0 {
		c.ahead = max(c.ahead, time.Until(time.UnixMilli(int64(m.Time))))
	}
	switch m.Verb {
	case wire.Joined:
		// whoever comes back has not joined in their own eyes
		if own := string(m.Name) == c.cfg.Name; !own || !c.joined {
			if own && c.cfg.Person && len(c.known) > 0 && !c.afresh {
				c.face.Show(Line{Kind: Presence, Text: "--- new from here"})
			}
			c.joined = c.joined || own
			c.presence(m, "has joined")
		}
	case wire.Left:
		c.presence(m, "has left"+inBrackets(string(m.Text)))
	case wire.Said:
		c.said(m, earlier)
	case wire.Told:
		c.hear(Message, m, User)
	case wire.OK:
		c.hear(Answer, wire.Message{Name: []byte(User), Time: c.serverTime(), Text: own.Text}, string(own.Name))
	case wire.Refused:
		c.fail("not sent: %s", m.Text)
	case wire.Users, wire.User:
		c.answer(c.lists[wire.Who], wire.MaxUsers, m)
	case wire.Files, wire.File:
		c.answer(c.lists[wire.Files], wire.MaxFiles, m)
	case wire.Notice:
		c.told(m.Text)
	case wire.Error:
		c.refused(m)
	case wire.Bye:
		if c.leaving == nil {
			c.end("the server ended the session: %s", m.Text)
		}
		c.over = true
	}
	if c.leaving != nil && (m.Verb == wire.OK || m.Verb == wire.Refused) {
		c.leaving = time.After(c.patience()) // the server comes to QUIT after what was sent before
	}
}

// serverTime returns the time by the server's clock, for one's own messages: an OK has none, and ours may
// differ.
func (c *Chat) serverTime() uint64 {
	return uint64(max(int64(c.latest), time.Now().Add(c.ahead).UnixMilli()))
}

// said shows what someone said to all, just now or earlier.
func (c *Chat) said(m wire.Message, earlier bool) {
	if earlier {
		c.older--
	}
	switch {
	case earlier && c.older < 0: // more than was asked for
	case earlier && !c.afresh:
		c.hear(Earlier, m, "")
	// A server that was started again may have come to a higher seq. One's own messages have no time, but a
	// seq.
	case !earlier, m.Seq > c.newest, m.Time > c.latest && string(m.Name) != c.cfg.Name:
		c.hear(Message, m, "")
	}
}

// hear remembers a message, and shows it: one from before, or one's own, to a person only.
func (c *Chat) hear(kind Kind, m wire.Message, to string) {
	// to make a key takes longer than all the rest
	if len(c.ignore) > 0 && c.ignore[wire.NameKey(string(m.Name))] != "" {
		return
	}
	l := Line{kind, time.UnixMilli(int64(m.Time)), Escape(string(m.Name)), Escape(to), Escape(string(m.Text))}
	c.known = append(c.known, l)
	c.known = c.known[max(len(c.known)-maxKnown, 0):]
	if kind == Message || c.cfg.Person {
		c.face.Show(l)
	}
}

// presence shows who came or went.
func (c *Chat) presence(m wire.Message, what string) {
	c.lists[wire.Who].asOf = time.Time{}
	if !c.quiet {
		c.face.Show(Line{Kind: Presence, At: time.UnixMilli(int64(m.Time)), Text: Escape(string(m.Name) + " " + what)})
	}
}

// refused says why a line was not carried out.
func (c *Chat) refused(m wire.Message) {
	verb := wire.Verb(m.Name)
	l := c.lists[verb]
	switch code := string(m.Code); {
	case verb == wire.Stop: // the download had ended meanwhile
	case code == wire.CodeMoved: // by a RESUME that lay in the network
		c.lost(errors.New(string(m.Text)))
	case code == wire.CodeTooSlow: // nothing is lost by that
		c.told(m.Text)
		c.lost(errors.New(string(m.Text)))
	case l != nil && l.then != nil:
		l.then, c.unlisted = nil, nil
		c.fail("%s", m.Text)
	default:
		c.failed = c.failed || !c.cfg.Person
		c.told(m.Text)
	}
}

// status returns how things are now.
func (c *Chat) status() Status {
	s := c.now
	s.To, s.Waiting, s.Getting.More = Escape(s.To), len(c.session.Pending), max(len(c.queue)-1, 0)
	return s
}

// show, told and fail are, with hear, the only ways to the screen, so that nothing gets there unescaped.
func (c *Chat) show(format string, args ...any) {
	c.face.Show(Line{Text: Escape(fmt.Sprintf(format, args...))})
}

// told shows what the server says unasked: of a flood of it, as of messages, a terminal prints what can be
// read.
func (c *Chat) told(text []byte) {
	c.face.Show(Line{Kind: Message, Text: Escape(fmt.Sprintf("server: %s", text))})
}

// fail says what went wrong.
func (c *Chat) fail(format string, args ...any) {
	c.complain(Failure, Complaint(fmt.Sprintf(format, args...)))
}

// complain shows a complaint, of which a script learns by the exit status, too.
func (c *Chat) complain(kind Kind, complaint string) {
	c.failed = c.failed || !c.cfg.Person
	c.face.Show(Line{Kind: kind, Text: complaint})
}
