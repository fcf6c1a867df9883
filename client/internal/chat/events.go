package chat

import (
	"errors"
	"fmt"
	"time"

	"parley/client/internal/link"
	"parley/server/wire"
)

// receive handles a line from the server.
func (c *Chat) receive(m wire.Message) {
	if c.phase == away { // left over from the lost connection
		return
	}
	c.losses = 0
	history := m.Seq <= c.session.Resume.Seq // or a line without a seq
	own, err := c.session.Take(m)
	if err != nil {
		c.lost(err)
		return
	}
	c.conn.MarkHandled(c.session.Resume.Seq)
	if !history {
		c.backlog.observe(m)
	}
	switch m.Verb {
	case wire.Joined:
		c.onJoined(m)
	case wire.Left:
		c.presence(m, "has left"+inBrackets(string(m.Text)))
	case wire.Said:
		if kind, show := c.backlog.classify(m, history, string(m.Name) == c.cfg.Name); show {
			c.message(kind, m, "")
		}
	case wire.Told:
		c.message(Message, m, User)
	case wire.OK:
		sent := wire.Message{Name: []byte(User), Time: c.backlog.serverTime(), Text: own.Text}
		c.message(Answer, sent, string(own.Name))
	case wire.Refused:
		c.fail("not sent: %s", m.Text)
	case wire.Users, wire.User:
		c.onList(c.lists[wire.Who], wire.MaxUsers, m)
	case wire.Files, wire.File:
		c.onList(c.lists[wire.Files], wire.MaxFiles, m)
	case wire.Notice:
		c.notice(m.Text)
	case link.Stalled:
		c.show("the disk does not respond: the download continues when it does")
	case wire.Error:
		c.onError(m)
	case wire.Bye:
		if c.phase != leaving {
			c.end("the server ended the session: %s", m.Text)
		}
		c.phase = over
	}
	if c.phase == leaving && (m.Verb == wire.OK || m.Verb == wire.Refused) {
		c.giveUp = time.After(goodbye) // the server first answers the lines sent before QUIT
	}
}

func (c *Chat) onJoined(m wire.Message) {
	own := string(m.Name) == c.cfg.Name
	if own && c.backlog.joinShown { // after a resume
		return
	}
	if own && c.cfg.Person && len(c.backlog.recent) > 0 && !c.backlog.rejoined {
		c.ui.Show(Line{Kind: Presence, Text: "--- new from here"})
	}
	c.backlog.joinShown = c.backlog.joinShown || own
	c.presence(m, "has joined")
}

// onError handles the refusal of a line other than SAY and TELL.
func (c *Chat) onError(m wire.Message) {
	verb, code, text := wire.Verb(m.Name), string(m.Code), string(m.Text)
	if verb == wire.Stop { // the download had ended meanwhile
		return
	}
	if code == wire.CodeMoved { // a delayed RESUME took the session from us
		c.lost(errors.New(text))
		return
	}
	if l := c.lists[verb]; l != nil && l.callbacks != nil {
		c.endList(verb)
		c.fail("%s", text)
		return
	}
	c.notice(m.Text)
	if code == wire.CodeTooSlow { // a resume makes up for it
		c.lost(errors.New(text))
	} else {
		c.failed = c.failed || !c.cfg.Person
	}
}

// message keeps a message and shows it. A script is shown only what others have just said.
func (c *Chat) message(kind Kind, m wire.Message, to string) {
	// making a key takes longer than all the rest
	if len(c.ignored) > 0 && c.ignored[wire.NameKey(string(m.Name))] != "" {
		return
	}
	l := Line{kind, time.UnixMilli(int64(m.Time)), Escape(string(m.Name)), Escape(to), Escape(string(m.Text))}
	c.backlog.keep(l)
	if kind == Message || c.cfg.Person {
		c.ui.Show(l)
	}
}

// presence shows a join or a leave, at once or with others. The user's own join is always shown at once.
func (c *Chat) presence(m wire.Message, what string) {
	c.lists[wire.Who].asOf = time.Time{}
	if c.quiet {
		return
	}
	name := string(m.Name)
	l := Line{Kind: Presence, At: time.UnixMilli(int64(m.Time)), Text: Escape(name + " " + what)}
	if c.cfg.EveryJoin || name == c.cfg.Name || c.crowd.add(m.Verb, name, l) {
		c.ui.Show(l)
	}
}

// showCrowd shows the joins and leaves that were not shown one by one.
func (c *Chat) showCrowd() {
	for _, l := range c.crowd.take() {
		if !c.quiet {
			c.ui.Show(l)
		}
	}
}

// show, notice and fail are, with message and presence, the only ways to the screen, so that nothing gets
// there unescaped.
func (c *Chat) show(format string, args ...any) {
	c.ui.Show(Line{Text: Escape(fmt.Sprintf(format, args...))})
}

// notice shows an announcement of the server, limited like messages, so that a flood stays readable.
func (c *Chat) notice(text []byte) {
	c.ui.Show(Line{Kind: Message, Text: Escape(fmt.Sprintf("server: %s", text))})
}

// fail shows an error.
func (c *Chat) fail(format string, args ...any) {
	c.complain(Failure, Complaint(fmt.Sprintf(format, args...)))
}

// complain shows an error, and has a script end with status 1.
func (c *Chat) complain(kind Kind, complaint string) {
	c.failed = c.failed || !c.cfg.Person
	c.ui.Show(Line{Kind: kind, Text: complaint})
}
