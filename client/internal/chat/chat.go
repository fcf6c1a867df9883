// Package chat is the conversation as its user has it: it gives meaning to what is typed, and words to what happens.
package chat

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"parley/client/internal/download"
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
	Name   string // of the user
	Folder string // where downloads go
	Person bool   // someone reads along: show what was said before, and one's own messages when they are taken
}

// A Chat is one user's view of the conversation. All of it is owned by the goroutine of Run.
type Chat struct {
	cfg   Config
	face  Face
	link  *link.Link
	files *download.Store

	to         string   // whom plain lines go to; everyone when empty
	connection int      // the latest one, for questions
	away       bool     // it is lost
	here       bool     // that we joined was shown
	known      []string // the newest messages
	waiting    int      // messages without an answer
	asked      []*ask   // questions without a complete answer
	get        getting
	leave      <-chan time.Time // when to go without the server's goodbye; nil while we stay
	failed     bool             // something that was to be done was not
	ended      bool             // the session ended without our asking
}

// An ask is a WHO or FILES on its way.
type ask struct {
	verb    wire.Verb
	pattern string // what /get wants of FILES; empty when the list is to be shown
	left    uint64 // lines that are still to come
	lines   []string
}

// Run chats over l, which it closes, until the session is over, and returns the exit status. Input from a pipe is done
// when all that it asked for is.
func Run(cfg Config, face Face, l *link.Link, input <-chan Input, signals <-chan os.Signal) int {
	c := &Chat{cfg: cfg, face: face, link: l, files: download.New(cfg.Folder, l.Free)}
	defer c.files.Close()
	defer l.Close()
	c.showMode()
	for {
		if input == nil && (cfg.Person || c.waiting == 0 && len(c.asked) == 0 && c.get.idle()) {
			c.quit()
		}
		lines := input
		if c.leave != nil || !cfg.Person && c.waiting >= maxWaiting {
			lines = nil
		}
		if len(l.Events()) == 0 {
			if face.Flush() != nil {
				return 1
			}
		}
		select {
		case e, ok := <-l.Events():
			if !ok {
				return c.status()
			}
			c.event(e)
		case r := <-c.files.Reports():
			c.report(r)
		case in, ok := <-lines:
			if !ok {
				input = nil
				continue
			}
			c.enter(in)
		case <-signals:
			if c.leave != nil { // the second one
				return c.status()
			}
			c.quit()
		case <-c.leave:
			return c.status()
		}
	}
}

func (c *Chat) quit() {
	if c.leave == nil {
		c.leave = time.After(goodbye)
		c.link.Quit()
	}
}

func (c *Chat) status() int {
	if c.waiting > 0 {
		c.fail("%s without an answer: not known whether sent", plural(c.waiting, "message"))
	}
	c.face.Flush()
	if c.ended || c.failed && !c.cfg.Person {
		return 1
	}
	return 0
}

func (c *Chat) event(e link.Event) {
	switch e.Kind {
	case link.Line:
		c.line(e)
	case link.Lost:
		c.away = true
		c.getLost()
		c.show(Answer, "connection lost, reconnecting…")
		c.showMode()
	case link.Back:
		c.show(Answer, "back, nothing missed")
		c.connected(e.Connection)
	case link.Afresh:
		c.here = false
		c.show(Answer, "the session is gone: joined afresh, some messages may be missing")
		c.connected(e.Connection)
	case link.Unsure:
		c.waiting--
		c.fail("not known whether sent: %s", e.Text)
	case link.Ended:
		if e.Err != nil {
			c.ended = true
			c.fail("%v", e.Err)
		}
	}
}

// connected asks again what the lost connection did not answer.
func (c *Chat) connected(connection int) {
	c.connection, c.away = connection, false
	c.showMode()
	for _, a := range c.asked {
		c.link.Ask(c.connection, wire.Message{Verb: a.verb})
	}
	c.getBack()
}

// line says what a line from the server means.
func (c *Chat) line(e link.Event) {
	switch e.Verb {
	case wire.Welcome:
		c.connection = e.Connection
		c.show(Answer, "%s", e.Text)
	case wire.Joined:
		if own := string(e.Name) == c.cfg.Name; !own || !c.here { // whoever comes back has not joined in their own eyes
			c.here = c.here || own
			c.show(Presence, "%s has joined", e.Name)
		}
	case wire.Left:
		c.show(Presence, "%s has left%s", e.Name, inBrackets(string(e.Text)))
	case wire.Said:
		c.said(e.History, "%s: %s", e.Name, e.Text)
	case wire.Told:
		c.said(false, "%s (to you): %s", e.Name, e.Text)
	case wire.OK:
		c.waiting--
		c.taken(e.Own)
	case wire.Refused:
		c.waiting--
		c.fail("not sent: %s", e.Text)
	case wire.Users, wire.User, wire.Files, wire.File:
		c.answer(e.Message)
	case wire.Sending, wire.Data, wire.Sent:
		c.receive(e)
	case wire.Notice:
		c.show(Answer, "server: %s", e.Text)
	case wire.Error:
		c.refused(e.Message)
	}
}

// said shows a message and remembers it.
func (c *Chat) said(earlier bool, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	c.remember(text)
	switch {
	case !earlier:
		c.show(Message, "%s", text)
	case c.cfg.Person:
		c.show(Earlier, "(earlier) %s", text)
	}
}

// taken shows a message of one's own that now has its place in the conversation.
func (c *Chat) taken(m *wire.Message) {
	to := ""
	if m.Verb == wire.Tell {
		to = fmt.Sprintf(" (to %s)", m.Name)
	}
	text := fmt.Sprintf("you%s: %s", to, m.Text)
	c.remember(text)
	if c.cfg.Person {
		c.show(Answer, "%s", text)
	}
}

func (c *Chat) remember(text string) {
	if c.known = append(c.known, text); len(c.known) > 2*maxKnown {
		c.known = append(c.known[:0], c.known[maxKnown:]...)
	}
}

// question asks for the users or the files. A pattern is what /get wants of the files.
func (c *Chat) question(verb wire.Verb, pattern string) {
	c.asked = append(c.asked, &ask{verb: verb, pattern: pattern})
	c.link.Ask(c.connection, wire.Message{Verb: verb})
}

// answer takes one line of an answer.
func (c *Chat) answer(m wire.Message) {
	verb := wire.Files
	if m.Verb == wire.Users || m.Verb == wire.User {
		verb = wire.Who
	}
	i := slices.IndexFunc(c.asked, func(a *ask) bool { return a.verb == verb })
	if i < 0 {
		return
	}
	a := c.asked[i]
	switch {
	case m.Verb == wire.Users, m.Verb == wire.Files:
		a.left, a.lines = m.Count, nil
		if verb == wire.Files && a.pattern == "" {
			c.show(Answer, "%s", m.Text)
		}
	case a.left == 0:
		return
	default:
		a.left--
		if verb == wire.Files && a.pattern == "" {
			c.show(Answer, "%s: %d bytes", m.Name, m.Size)
		} else {
			a.lines = append(a.lines, string(m.Name))
		}
	}
	if a.left > 0 {
		return
	}
	c.asked = slices.Delete(c.asked, i, i+1)
	switch {
	case verb == wire.Who:
		c.show(Answer, "%d here: %s", len(a.lines), strings.Join(a.lines, ", "))
	case a.pattern != "":
		c.wantMatches(a.pattern, a.lines)
	}
}

// refused says why a line was not carried out.
func (c *Chat) refused(m wire.Message) {
	verb := wire.Verb(m.Name)
	switch {
	case verb == wire.Get:
		c.getEnded(string(m.Code), string(m.Text))
		return
	case verb == wire.Stop: // the download had ended meanwhile
		return
	case string(m.Code) == wire.CodeTooSlow: // nothing is lost by that
		c.show(Answer, "server: %s", m.Text)
		return
	}
	if i := slices.IndexFunc(c.asked, func(a *ask) bool { return a.verb == verb }); i >= 0 {
		c.asked = slices.Delete(c.asked, i, i+1)
	}
	c.fail("%s", m.Text)
}

// show and fail are the only ways to the screen, so that nothing gets there unescaped.
func (c *Chat) show(kind Kind, format string, args ...any) {
	c.face.Show(Line{kind, Escape(fmt.Sprintf(format, args...))})
}

func (c *Chat) fail(format string, args ...any) {
	c.failed = true
	c.face.Complain(Complaint(fmt.Sprintf(format, args...)))
}

func (c *Chat) showMode() {
	mode := "all"
	if c.to != "" {
		mode = "to " + c.to
	}
	if c.away {
		mode += ", away"
	}
	c.face.Prompt(Escape(mode))
}
