// Package chat interprets user input and server events and decides what to show.
package chat

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"parley/client/internal/link"
	"parley/server/wire"
)

// User is the user's name on their own screen. Nobody can join under it.
const User = "you"

const (
	// unconfirmed messages: beyond that, lines of a person are refused, and those of a script wait
	maxPending = 1000

	goodbye    = 5 * time.Second        // for the server to answer QUIT, or a message sent before
	unreadTime = 100 * time.Millisecond // for more lines of a script after the session has ended
	diskTime   = 800 * time.Millisecond // for a slow disk after the session has ended
)

// Config is how a chat behaves.
type Config struct {
	link.Config
	Folder string // where downloads go
	Person bool   // the user is no script: show history, and the user's own messages once they are confirmed
	// show each join and leave by itself, however fast they come
	EveryJoin bool
}

// A phase is a part of a chat's life.
type phase uint8

const (
	online  phase = iota
	away          // the connection is lost, and a goroutine tries to reconnect
	leaving       // QUIT was sent, BYE has not come
	over          // Run returns
)

// A Chat is one user's view of the conversation. All of it is owned by the goroutine of Run.
type Chat struct {
	cfg   Config
	ui    UI
	ctx   context.Context // ends with Run
	work  sync.WaitGroup  // of goroutines beside Run
	calls chan func()     // functions that they want Run to call

	phase  phase
	giveUp <-chan time.Time // while leaving: fires when we stop waiting for BYE
	failed bool             // the exit status is 1

	session link.Session
	conn    *link.Conn // closed while away
	losses  int        // connections lost in a row on which nothing came

	status  Status // without what report fills in
	quiet   bool   // joins and leaves are hidden
	crowd   crowd
	ignored map[string]string // names whose messages are hidden, by their keys
	backlog backlog
	lists   map[wire.Verb]*list
	rowDue  *time.Timer // fires when the next row of a list should have come

	queue []*want // files to download, the current one first
	stop  func()  // stops the downloads; nil if none is under way

	listing int // file lists that wait for the disk
}

func newChat(ctx context.Context, cfg Config, ui UI) *Chat {
	return &Chat{cfg: cfg, ui: ui, ctx: ctx, calls: make(chan func()), ignored: make(map[string]string),
		backlog: newBacklog(), lists: map[wire.Verb]*list{wire.Who: {}, wire.Files: {}},
		rowDue: time.NewTimer(rowTime)}
}

// Run chats over conn, on which the server has sent welcome, until the session ends. It closes conn and
// returns the exit status. The end of input leaves: a script once the server has answered everything, a
// person at once.
func Run(cfg Config, ui UI, conn *link.Conn, welcome wire.Message, input <-chan Input,
	signals <-chan os.Signal) int {
	ctx, cancel := context.WithCancel(context.Background())
	c := newChat(ctx, cfg, ui)
	defer c.wait()
	defer cancel() // closes every later connection
	defer conn.Close()
	c.session.Attach(welcome)
	c.use(conn)
	c.show("%s", welcome.Text)
	began := time.Now()
	c.background(func() { c.showParts(began) })
	var err error // nothing can be shown any more
	for c.phase != over && err == nil {
		if len(c.conn.Lines()) == 0 {
			err = ui.Flush(c.report())
		}
		if err == nil {
			input = c.step(input, signals)
		}
	}
	c.showCrowd()
	c.showUnfinished(input)
	if err == nil {
		err = ui.Flush(c.report())
	}
	if err != nil || c.failed {
		return 1
	}
	return 0
}

// step handles whatever comes next. It returns the input, or nil if that has ended.
func (c *Chat) step(input <-chan Input, signals <-chan os.Signal) <-chan Input {
	ready := input
	if c.phase == leaving || !c.cfg.Person && len(c.session.Pending) >= maxPending {
		ready = nil
	}
	select {
	case m := <-c.conn.Lines():
		c.receive(m)
	case f := <-c.calls:
		f()
	case in, ok := <-ready:
		if ok {
			c.status.Taken++
			c.enter(in)
		} else {
			input = nil
		}
	case <-signals:
		if c.phase == leaving { // this is the second signal
			c.phase = over
		}
		c.quit()
	case <-c.giveUp:
		c.phase = over
	case <-c.rowDue.C:
		c.onRowDue()
	case <-c.crowd.due:
		c.showCrowd()
	}
	if input == nil && (c.cfg.Person || c.idle()) {
		c.quit()
	}
	return input
}

// idle reports whether nothing that was asked for is under way.
func (c *Chat) idle() bool {
	for _, l := range c.lists {
		if l.callbacks != nil {
			return false
		}
	}
	return len(c.session.Pending) == 0 && len(c.queue) == 0 && c.listing == 0
}

// background runs f beside Run. A panic in f becomes one of Run, whose caller restores the terminal.
func (c *Chat) background(f func()) {
	c.work.Go(func() {
		defer func() {
			if r := recover(); r != nil {
				why := fmt.Sprintf("%v\n%s", r, debug.Stack())
				c.call(func() { panic(why) })
			}
		}()
		f()
	})
}

// call makes Run call f, unless it is returning.
func (c *Chat) call(f func()) {
	select {
	case c.calls <- f:
	case <-c.ctx.Done():
	}
}

// wait waits for the goroutines beside Run, but not for a slow disk: checking a large part takes seconds.
func (c *Chat) wait() {
	done := make(chan struct{})
	go func() {
		c.work.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(diskTime):
	}
}

// use starts reading and writing conn.
func (c *Chat) use(conn *link.Conn) {
	c.conn = conn
	c.background(conn.Transmit)
	c.background(func() {
		err := conn.Receive()
		c.call(func() {
			for c.conn == conn && len(conn.Lines()) > 0 { // received before the error
				c.receive(<-conn.Lines())
			}
			if c.conn == conn {
				c.lost(err)
			}
		})
	})
}

// lost closes the connection because of err, and starts to reconnect if that makes sense.
func (c *Chat) lost(err error) {
	c.conn.Close()
	if c.phase == away || c.phase == over {
		return
	}
	if violation, ok := errors.AsType[*wire.ProtocolError](err); ok {
		c.end("protocol error: %s", violation.Text)
		return
	}
	if c.phase == leaving {
		c.phase = over
		return
	}
	if limit := c.cfg.Reconnect; limit > 0 {
		c.show("connection lost, reconnecting for up to %s…", strings.Replace(limit.String(), "m0s", "m", 1))
	}
	c.phase = away
	cfg, resume, losses := c.cfg.Config.From(c.conn.Address()), c.session.Resume, c.losses
	c.losses++
	c.background(func() {
		conn, answer, err := link.Reconnect(c.ctx, cfg, resume, err, losses, func(at time.Time) {
			c.call(func() { c.status.Retry = at })
		})
		c.call(func() { c.back(conn, answer, err) })
	})
}

// back goes on over conn, on which the server answered RESUMED or WELCOME, unless err says that there is
// none.
func (c *Chat) back(conn *link.Conn, answer wire.Message, err error) {
	if err != nil {
		c.end("%v", err)
		return
	}
	c.phase = online
	c.use(conn)
	send, unsure := c.session.Attach(answer)
	switch {
	case answer.Verb == wire.Welcome:
		c.backlog.rejoin(answer.Seq)
		c.lists[wire.Who].asOf = time.Time{}
		c.show("the session is gone: joined afresh, some messages may be missing")
	case c.backlog.rejoined && !c.backlog.joinShown: // the interrupted history is not resent
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
		if l.callbacks != nil { // the lost connection did not answer, or not to its end
			l.head = wire.Message{}
			conn.Send(wire.Message{Verb: verb})
		}
	}
	c.getNext()
}

// quit leaves. The server answers the lines that were sent before QUIT first.
func (c *Chat) quit() {
	switch c.phase {
	case away:
		c.phase = over
	case online:
		c.phase = leaving
		c.giveUp = time.After(goodbye)
		c.conn.Send(wire.Message{Verb: wire.Quit})
	}
}

// end ends the session because of an error.
func (c *Chat) end(format string, args ...any) {
	c.fail(format, args...)
	c.failed, c.phase = true, over
}

// showUnfinished shows, after the session, the messages that the server has not confirmed and the lines of a
// script that were not read. The terminal itself shows the text at its prompt.
func (c *Chat) showUnfinished(input <-chan Input) {
	if n := len(c.queue); n > 0 {
		c.fail("%s not finished: /get continues", Count(n, "download"))
	}
	for i, m := range c.session.Pending {
		if i < c.session.Tried {
			c.complain(Unsent, maybeSent(string(m.Name), string(m.Text)))
		} else {
			c.complain(Unsent, NotSent(string(m.Name), string(m.Text)))
		}
	}
	if c.cfg.Person || input == nil {
		return
	}
	timeout := time.After(unreadTime)
	for range maxPending {
		select {
		case in, more := <-input:
			if !more {
				return
			}
			if strings.TrimSpace(in.Text) != "" {
				c.complain(Unsent, NotSent("", in.Text))
			}
		case <-timeout:
			return
		}
	}
	c.complain(Unsent, Complaint("more lines of input were not read"))
}

// report returns the status as it is now.
func (c *Chat) report() Status {
	s := c.status
	s.To, s.Away, s.Waiting = Escape(s.To), c.phase == away, len(c.session.Pending)
	s.Getting.More = max(len(c.queue)-1, 0)
	return s
}
