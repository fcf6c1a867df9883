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
	c.losses = 0
	own, err := c.session.Take(m)
	if err != nil {
		c.end("the server does not follow %s: %v", wire.Version, err)
		return
	}
	c.conn.Seen(c.session.Seq)
	switch m.Verb {
	case wire.Joined:
		if own := string(m.Name) == c.cfg.Name; !own || !c.joined { // whoever comes back has not joined in their own eyes
			if own && c.cfg.Person && len(c.known) > 0 {
				c.face.Show(Line{Kind: Presence, Text: "--- new from here"})
			}
			c.joined = c.joined || own
			c.presence(m, "has joined")
		}
	case wire.Left:
		c.presence(m, "has left"+inBrackets(string(m.Text)))
	case wire.Said:
		if !c.session.Earlier(m) {
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
		if c.stage != leaving {
			c.end("the server ended the session: %s", m.Text)
		}
		c.stage = over
	}
	if c.stage == leaving && (m.Verb == wire.OK || m.Verb == wire.Refused) {
		c.patience = time.After(goodbye) // the server comes to QUIT after what was sent before
	}
}

// hear remembers a message, and shows it: one from before, or one's own, to a person only.
func (c *Chat) hear(kind Kind, m wire.Message, to string) {
	if len(c.ignore) > 0 && c.ignore[wire.NameKey(string(m.Name))] != "" { // to make a key takes longer than all the rest
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
	c.lists[wire.Who].asOf = time.Time{}
	if !c.quiet {
		c.face.Show(Line{Kind: Presence, At: time.UnixMilli(int64(m.Time)), Text: Escape(string(m.Name) + " " + what)})
	}
}

// refused says why a line was not carried out.
func (c *Chat) refused(m wire.Message) {
	verb := wire.Verb(m.Name)
	l := c.lists[verb]
	asked := l != nil && l.then != nil
	if asked {
		l.then, c.get.patterns = nil, nil
	}
	switch {
	case verb == wire.Stop: // the download had ended meanwhile
	case string(m.Code) == wire.CodeMoved: // by a RESUME that lay in the network
		c.lost(errors.New(string(m.Text)))
	case string(m.Code) == wire.CodeTooSlow: // nothing is lost by that
		c.show("server: %s", m.Text)
		c.lost(errors.New(string(m.Text)))
	case asked:
		c.fail("%s", m.Text)
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
	switch {
	case l.then != nil: // it was asked already
	case time.Since(l.asOf) < age:
		then(l)
		return
	default:
		*l = list{most: l.most}
		c.ask(wire.Message{Verb: verb})
	}
	l.then = append(l.then, then)
}

// answer takes one line of an answer.
func (c *Chat) answer(l *list, m wire.Message) {
	switch {
	case l.then == nil: // nobody asked
		return
	case m.Count > l.most:
		c.end("the server does not follow %s: %d %s, at most %d are allowed", wire.Version, m.Count, m.Verb, l.most)
		return
	case m.Verb == wire.User && len(m.Name) > wire.MaxName*utf8.UTFMax:
		c.end("the server does not follow %s: a name of %d bytes", wire.Version, len(m.Name))
		return
	case m.Verb == wire.Users, m.Verb == wire.Files:
		l.head, l.rows = m, nil
	case uint64(len(l.rows)) < l.head.Count:
		l.rows = append(l.rows, m)
	}
	if l.head.Verb != "" && uint64(len(l.rows)) == l.head.Count {
		waiting := l.then
		l.asOf, l.then = time.Now(), nil
		for _, then := range waiting {
			then(l)
		}
	}
}

// shown returns how many of n rows are shown, and what stands for the others.
func (c *Chat) shown(n int) (most int, more []string) {
	if !c.cfg.Person || n <= maxShown {
		return n, nil
	}
	return maxShown, []string{fmt.Sprintf("... %d more", n-maxShown)}
}

// names returns the names in a list, in order.
func (l *list) names() (names []string) {
	for _, m := range l.rows {
		names = append(names, string(m.Name))
	}
	slices.Sort(names)
	return names
}
