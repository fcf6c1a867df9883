package chat

import (
	"errors"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"parley/server/wire"
)

// User is how the user is called on their own screen; nobody can have that name.
const User = "you"

// line says what a line from the server means.
func (c *Chat) line(m wire.Message) {
	if c.now.Away { // what else came over a connection that was given up
		return
	}
	c.losses = 0
	earlier := m.Seq <= c.session.Seq
	own, err := c.session.Take(m)
	if err != nil {
		c.lost(err)
		return
	}
	c.conn.Seen(c.session.Seq)
	switch m.Verb {
	case wire.Joined:
		if own := string(m.Name) == c.cfg.Name; !own || !c.joined { // whoever comes back has not joined in their own eyes
			c.joined = c.joined || own
			c.presence(m, "has joined")
		}
	case wire.Left:
		c.presence(m, "has left"+inBrackets(string(m.Text)))
	case wire.Said:
		if !earlier {
			c.hear(Message, m, "")
		} else if c.older--; c.older >= 0 {
			c.hear(Earlier, m, "")
		}
	case wire.Told:
		c.hear(Message, m, User)
	case wire.OK:
		c.hear(Answer, wire.Message{Name: []byte(User), Time: uint64(time.Now().UnixMilli()), Text: own.Text}, string(own.Name))
	case wire.Refused:
		c.fail("not sent: %s", m.Text)
	case wire.Users, wire.User:
		c.answer(c.lists[wire.Who], m)
	case wire.Files, wire.File:
		c.answer(c.lists[wire.Files], m)
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
		c.leaving = time.After(goodbye) // the server comes to QUIT after what was sent before
	}
}

// hear remembers a message, and shows it: one from before, or one's own, to a person only.
func (c *Chat) hear(kind Kind, m wire.Message, to string) {
	if len(c.ignore) > 0 && c.ignore[wire.NameKey(string(m.Name))] != "" { // to make a key takes longer than all the rest
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
		l.then = nil
		c.fail("%s", m.Text)
		c.queue = slices.DeleteFunc(c.queue, func(w wanted) bool { return w.pattern })
		c.getNext()
	default:
		c.failed = c.failed || !c.cfg.Person
		c.told(m.Text)
	}
}

// fresh is how long a list serves to complete what is typed, while nobody comes or goes.
const fresh = time.Minute

// A list is the server's answer to WHO or FILES.
type list struct {
	most uint64         // rows that there may be
	head wire.Message   // the first line
	rows []wire.Message // the others, as far as they have come
	asOf time.Time      // when all had; zero when it may be another by now
	then []func(*list)  // what waits for the answer that is under way; nil when none is
}

// with does then when the list that verb asks for is here and younger than age, for which the server may have to be asked.
func (c *Chat) with(verb wire.Verb, age time.Duration, then func(*list)) {
	l := c.lists[verb]
	asked := l.then != nil
	if !asked && time.Since(l.asOf) < age {
		then(l)
		return
	}
	if l.then = append(l.then, then); !asked {
		c.conn.Send(wire.Message{Verb: verb})
	}
}

// answer takes one line of an answer.
func (c *Chat) answer(l *list, m wire.Message) {
	switch {
	case l.then == nil: // nobody asked
		return
	case m.Count > l.most:
		c.lost(wire.Errorf(m.Verb, wire.CodeArguments, "%d %s, at most %d are allowed", m.Count, m.Verb, l.most))
		return
	case m.Verb == wire.User && len(m.Name) > wire.MaxName*utf8.UTFMax:
		c.lost(wire.Errorf(m.Verb, wire.CodeArguments, "a name of %d bytes", len(m.Name)))
		return
	case m.Verb == wire.Users, m.Verb == wire.Files:
		l.head, l.rows = m, nil
	case uint64(len(l.rows)) < l.head.Count:
		l.rows = append(l.rows, m)
	}
	if uint64(len(l.rows)) == l.head.Count {
		waiting := l.then
		l.asOf, l.then = time.Now(), nil
		for _, then := range waiting {
			then(l)
		}
	}
}

// few returns of so many rows those that a person looks through, and what stands for the others.
func (c *Chat) few(rows []string) []string {
	if over := len(rows) - maxShown; over > 0 && c.cfg.Person {
		return append(rows[:maxShown], fmt.Sprintf("... %d more", over))
	}
	return rows
}

// names returns the names in a list, in order.
func (l *list) names() (names []string) {
	for _, m := range l.rows {
		names = append(names, string(m.Name))
	}
	slices.Sort(names)
	return names
}
