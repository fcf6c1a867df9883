package chat

import (
	"slices"
	"time"

	"parley/server/wire"
)

// User is how the user is called on their own screen; nobody can have that name.
const User = "you"

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
		own := string(m.Name) == c.cfg.Name
		c.names.add(string(m.Name))
		if !own || !c.here { // whoever comes back has not joined in their own eyes
			c.here = c.here || own
			c.presence(m, "has joined")
		}
	case wire.Left:
		c.names.remove(string(m.Name))
		c.presence(m, "has left"+inBrackets(string(m.Text)))
	case wire.Said:
		kind := Message
		if c.session.Earlier(m) {
			kind = Earlier
		}
		c.hear(kind, m, "")
	case wire.Told:
		c.hear(Message, m, User)
	case wire.OK:
		c.hear(Answer, wire.Message{Name: []byte(User), Time: uint64(time.Now().UnixMilli()), Text: own.Text}, string(own.Name))
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

// hear remembers a message, and shows it: one from before, or one's own, to a person only.
func (c *Chat) hear(kind Kind, m wire.Message, to string) {
	if c.ignore.has(string(m.Name)) {
		return
	}
	l := Line{kind, time.UnixMilli(int64(m.Time)), Escape(string(m.Name)), Escape(to), Escape(string(m.Text))}
	if c.known = append(c.known, l); len(c.known) > 2*maxKnown {
		c.known = append(c.known[:0], c.known[maxKnown:]...)
	}
	if kind == Message || c.cfg.Person {
		c.face.Show(l)
	}
}

// presence shows who came or went.
func (c *Chat) presence(m wire.Message, what string) {
	if !c.quiet {
		c.face.Show(Line{Kind: Presence, At: time.UnixMilli(int64(m.Time)), Text: Escape(string(m.Name) + " " + what)})
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
