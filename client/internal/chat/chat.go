// Package chat is the conversation as its user has it: it gives meaning to what is typed, and words to what happens.
package chat

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"parley/client/internal/link"
	"parley/server/wire"
)

const (
	maxWaiting = 1000            // messages without an answer: more are refused or, from a pipe, not read yet
	maxKnown   = wire.MaxHistory // messages that /history can show
	goodbye    = 5 * time.Second // for the server to answer QUIT
)

// Config is how a chat behaves.
type Config struct {
	link.Config
	Folder string // where downloads go
	Person bool   // someone reads along: show what was said before, and one's own messages when they are taken
}

// A Chat is one user's view of the conversation. All of it is owned by the goroutine of Run.
type Chat struct {
	cfg     Config
	face    Face
	ctx     context.Context // ends with Run
	work    sync.WaitGroup  // what goes on beside Run
	posts   chan func()     // what Run is to do for that
	session link.Session
	conn    *link.Conn // nil while the connection is lost
	losses  int        // of connections on which nothing came
	cut     bool       // this connection will end, but not the session

	to     string   // whom plain lines go to; everyone when empty
	here   bool     // that we joined was shown
	known  []string // the newest messages
	asked  []*ask   // questions without a complete answer
	get    getting
	leave  <-chan time.Time // when to go without the server's goodbye; nil while we stay
	failed bool             // something that was to be done was not
	ended  bool             // the session ended without our asking
	over   bool             // Run returns
}

// An ask is a WHO or FILES on its way.
type ask struct {
	verb wire.Verb
	get  bool           // for a /get
	head wire.Message   // the first line of the answer
	rows []wire.Message // the others, as far as they have come
	then func(head wire.Message, rows []wire.Message)
}

// Run chats over conn, on which the server said welcome, until the session is over. It closes conn and returns the exit
// status. Input from a pipe is done when all that it asked for is.
func Run(cfg Config, face Face, conn *link.Conn, welcome wire.Message, input <-chan string, signals <-chan os.Signal) int {
	ctx, cancel := context.WithCancel(context.Background())
	c := &Chat{cfg: cfg, face: face, ctx: ctx, posts: make(chan func()), conn: conn}
	defer func() {
		cancel()
		if c.conn != nil {
			c.conn.Close()
		}
		c.work.Wait()
	}()
	c.showMode()
	c.attach(conn, welcome)
	for !c.over {
		if input == nil && (cfg.Person || c.session.Waiting() == 0 && len(c.asked) == 0 && len(c.get.queue) == 0) {
			c.quit()
			if c.over {
				break
			}
		}
		lines := input
		if c.leave != nil || !cfg.Person && c.session.Waiting() >= maxWaiting {
			lines = nil
		}
		var come <-chan wire.Message
		if c.conn != nil {
			come = c.conn.Lines()
		}
		if len(come) == 0 && face.Flush() != nil {
			return 1
		}
		select {
		case m, ok := <-come:
			if ok {
				c.line(m)
				if c.leave != nil && (m.Verb == wire.OK || m.Verb == wire.Refused) {
					c.leave = time.After(goodbye) // the server comes to QUIT after what was sent before
				}
			} else {
				c.lost(c.conn.Close())
			}
		case f := <-c.posts:
			f()
		case in, ok := <-lines:
			if !ok {
				input = nil
				continue
			}
			c.enter(in)
		case <-signals:
			c.over = c.leave != nil // the second one
			c.quit()
		case <-c.leave:
			c.over = true
		}
	}
	c.unfinished(c.session.Tried(), "message", "without an answer: not known whether sent")
	c.unfinished(c.session.Waiting()-c.session.Tried(), "message", "not sent")
	c.unfinished(len(c.get.queue), "download", "not finished: /get goes on with it")
	if face.Flush() != nil || c.ended || c.failed && !cfg.Person {
		return 1
	}
	return 0
}

// unfinished says what was left undone, and how often.
func (c *Chat) unfinished(n int, what, how string) {
	if n > 1 {
		what += "s"
	}
	if n > 0 {
		c.fail("%d %s %s", n, what, how)
	}
}

// background does work beside Run, and has Run do what that returns.
func (c *Chat) background(work func() func()) { c.work.Go(func() { c.post(work()) }) }

// post has Run do f, or nobody when the session is over.
func (c *Chat) post(f func()) {
	select {
	case c.posts <- f:
	case <-c.ctx.Done():
	}
}

// ask sends m if there is a connection.
func (c *Chat) ask(m wire.Message) {
	if c.conn != nil {
		c.conn.Send(m)
	}
}

func (c *Chat) quit() {
	if c.leave == nil {
		c.leave = time.After(goodbye)
		c.ask(wire.Message{Verb: wire.Quit})
		c.over = c.over || c.conn == nil
	}
}

// end ends the session for a reason that is not ours.
func (c *Chat) end(format string, args ...any) {
	c.ended, c.over = true, true
	c.fail(format, args...)
}

// lost begins to come back after the connection broke by err.
func (c *Chat) lost(err error) {
	c.conn = nil
	if wrong, ok := errors.AsType[*wire.ProtocolError](err); ok && c.leave == nil {
		c.end("the server does not follow %s: %s", wire.Version, wrong.Text)
	}
	if c.over = c.over || c.leave != nil; c.over {
		return
	}
	if c.cfg.Reconnect > 0 {
		c.show(Answer, "connection lost, reconnecting…")
		c.showMode()
	}
	resume, losses := c.session.Resume(), c.losses
	c.losses++
	c.background(func() func() {
		conn, answer, err := link.Return(c.ctx, c.cfg.Config, resume, err, losses)
		if err != nil {
			return func() { c.end("%v", err) }
		}
		return func() { c.attach(conn, answer) }
	})
}

// attach goes on over conn, on which the server said welcome or that we are back.
func (c *Chat) attach(conn *link.Conn, answer wire.Message) {
	first := c.conn != nil
	c.conn, c.cut = conn, false
	send, unsure := c.session.Attach(answer)
	switch {
	case first:
		c.show(Answer, "%s", answer.Text)
		return
	case answer.Verb == wire.Resumed:
		c.show(Answer, "back, nothing missed")
	default:
		c.here = false
		c.show(Answer, "the session is gone: joined afresh, some messages may be missing")
	}
	c.showMode()
	for _, m := range unsure {
		c.fail("not known whether sent: %s", m.Text)
	}
	for _, m := range send {
		conn.Send(m)
	}
	for _, a := range c.asked { // the lost connection did not answer
		conn.Send(wire.Message{Verb: a.verb})
	}
	c.getNext()
}

// line says what a line from the server means.
func (c *Chat) line(m wire.Message) {
	c.losses = 0
	own, err := c.session.Take(m)
	if err != nil {
		c.end("the server does not follow %s: %v", wire.Version, err)
		return
	}
	c.conn.Seen(c.session.Seq())
	switch m.Verb {
	case wire.Joined:
		if own := string(m.Name) == c.cfg.Name; !own || !c.here { // whoever comes back has not joined in their own eyes
			c.here = c.here || own
			c.show(Presence, "%s has joined", m.Name)
		}
	case wire.Left:
		c.show(Presence, "%s has left%s", m.Name, inBrackets(string(m.Text)))
	case wire.Said:
		kind := Message
		if c.session.Earlier(m) {
			kind = Earlier
		}
		c.heard(kind, "%s: %s", m.Name, m.Text)
	case wire.Told:
		c.heard(Message, "%s (to you): %s", m.Name, m.Text)
	case wire.OK:
		to := ""
		if own.Verb == wire.Tell {
			to = fmt.Sprintf(" (to %s)", own.Name)
		}
		c.heard(Answer, "you%s: %s", to, own.Text)
	case wire.Refused:
		c.fail("not sent: %s", m.Text)
	case wire.Users, wire.User:
		c.answer(wire.Who, m)
	case wire.Files, wire.File:
		c.answer(wire.Files, m)
	case wire.Notice:
		c.show(Answer, "server: %s", m.Text)
	case wire.Error:
		c.refused(m)
	case wire.Bye:
		switch {
		case c.leave != nil:
			c.over = true
		case !c.cut:
			c.end("the server ended the session: %s", m.Text)
		}
	}
}

// heard remembers a message, and shows it: one from before, or one's own, to a person only.
func (c *Chat) heard(kind Kind, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if c.known = append(c.known, text); len(c.known) > 2*maxKnown {
		c.known = append(c.known[:0], c.known[maxKnown:]...)
	}
	if kind == Message || c.cfg.Person {
		c.show(kind, "%s", text)
	}
}

// question asks for the users or the files, and does then with the whole answer.
func (c *Chat) question(verb wire.Verb, then func(head wire.Message, rows []wire.Message)) {
	c.asked = append(c.asked, &ask{verb: verb, then: then})
	c.ask(wire.Message{Verb: verb})
}

// answer takes one line of an answer to verb.
func (c *Chat) answer(verb wire.Verb, m wire.Message) {
	i := slices.IndexFunc(c.asked, func(a *ask) bool { return a.verb == verb })
	if i < 0 {
		return
	}
	a := c.asked[i]
	switch {
	case m.Verb == wire.Users, m.Verb == wire.Files:
		a.head, a.rows = m, nil
	case uint64(len(a.rows)) < a.head.Count:
		a.rows = append(a.rows, m)
	}
	if a.head.Verb != "" && uint64(len(a.rows)) == a.head.Count {
		c.asked = slices.Delete(c.asked, i, i+1)
		a.then(a.head, a.rows)
	}
}

// refused says why a line was not carried out.
func (c *Chat) refused(m wire.Message) {
	verb := wire.Verb(m.Name)
	i := slices.IndexFunc(c.asked, func(a *ask) bool { return a.verb == verb })
	switch {
	case verb == wire.Stop: // the download had ended meanwhile
	case string(m.Code) == wire.CodeMoved: // by a RESUME that lay in the network
		c.cut = true
	case string(m.Code) == wire.CodeTooSlow: // nothing is lost by that
		c.cut = true
		c.show(Answer, "server: %s", m.Text)
	case i >= 0:
		c.asked = slices.Delete(c.asked, i, i+1)
		fallthrough
	default:
		c.fail("%s", m.Text)
	}
}

// show and fail are the only ways to the screen, so that nothing gets there unescaped.
func (c *Chat) show(kind Kind, format string, args ...any) {
	if kind == Earlier {
		format = "(earlier) " + format
	}
	c.face.Show(Line{kind, Escape(fmt.Sprintf(format, args...))})
}

func (c *Chat) fail(format string, args ...any) {
	c.failed = true
	c.face.Show(Line{Failure, Complaint(fmt.Sprintf(format, args...))})
}

func (c *Chat) showMode() {
	mode := "all"
	if c.to != "" {
		mode = "to " + c.to
	}
	if c.conn == nil {
		mode += ", away"
	}
	c.face.Prompt(Escape(mode))
}
