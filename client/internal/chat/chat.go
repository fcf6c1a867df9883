// Package chat is the conversation as its user has it: it gives meaning to what is typed, and words to what happens.
package chat

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
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
	status  Status          // as the face has it
	ctx     context.Context // ends with Run
	work    sync.WaitGroup  // what goes on beside Run
	posts   chan func()     // what Run is to do for that
	session link.Session
	conn    *link.Conn // nil while the connection is lost
	losses  int        // of connections on which nothing came
	retry   time.Time  // when the next attempt to come back begins
	cut     bool       // this connection will end, but not the session

	to     string // whom plain lines go to; everyone when empty
	here   bool   // that we joined was shown
	quiet  bool   // who comes and goes is not shown
	names  names  // who is here; nil while that is not known
	ignore names  // whose messages are not shown
	known  []Line // the newest messages
	asked  []*ask // questions without a complete answer
	get    getting
	files  []wire.Message   // what FILES said
	asOf   time.Time        // when it did
	leave  <-chan time.Time // when to go without the server's goodbye; nil while we stay
	failed bool             // the exit status says so
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
func Run(cfg Config, face Face, conn *link.Conn, welcome wire.Message, input <-chan Input, signals <-chan os.Signal) int {
	ctx, cancel := context.WithCancel(context.Background())
	c := &Chat{cfg: cfg, face: face, ctx: ctx, posts: make(chan func()), conn: conn, ignore: make(names)}
	defer func() {
		cancel()
		if c.conn != nil {
			c.conn.Close()
		}
		c.work.Wait()
	}()
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
		if len(come) == 0 {
			c.showStatus()
			if face.Flush() != nil {
				return 1
			}
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
	if face.Flush() != nil || c.failed {
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

// background does work beside Run, and has Run do what that returns. A panic becomes one of Run, whose caller gives the
// terminal back.
func (c *Chat) background(work func() func()) {
	c.work.Go(func() {
		defer func() {
			if r := recover(); r != nil {
				why := fmt.Sprintf("%v\n%s", r, debug.Stack())
				c.post(func() { panic(why) })
			}
		}()
		c.post(work())
	})
}

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
	c.fail(format, args...)
	c.failed, c.over = true, true
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
	}
	resume, losses, cfg := c.session.Resume(), c.losses, c.cfg.Config
	cfg.Retry = func(at time.Time) { c.post(func() { c.retry = at }) }
	c.losses++
	c.background(func() func() {
		conn, answer, err := link.Return(c.ctx, cfg, resume, err, losses)
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
		c.here, c.names = false, nil
		c.show(Answer, "the session is gone: joined afresh, some messages may be missing")
	}
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

// showStatus tells the face when something in it has changed.
func (c *Chat) showStatus() {
	now := Status{To: Escape(c.to), Away: c.conn == nil, Retry: c.retry, Waiting: c.session.Waiting(), Getting: c.get.now}
	if now.Getting.Name != "" {
		now.Getting.More = len(c.get.queue) - 1
	}
	if now != c.status {
		c.status = now
		c.face.Status(now)
	}
}

// show and fail are, with hear, the only ways to the screen, so that nothing gets there unescaped.
func (c *Chat) show(kind Kind, format string, args ...any) {
	c.face.Show(Line{Kind: kind, Text: Escape(fmt.Sprintf(format, args...))})
}

// fail says what went wrong, which a script learns by the exit status, too.
func (c *Chat) fail(format string, args ...any) {
	c.failed = c.failed || !c.cfg.Person
	c.face.Show(Line{Kind: Failure, Text: Complaint(fmt.Sprintf(format, args...))})
}
