package chat

import (
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"parley/server/wire"
)

// fresh is how long a list serves to complete what is typed, while nobody comes or goes.
const fresh = time.Minute

// A list is the server's answer to WHO or FILES.
type list struct {
	head wire.Message   // the first line
	rows []wire.Message // the others, as far as they have come
	bad  int            // rows that cannot be read
	asOf time.Time      // when all had; zero when it may be another by now
	then []func(*list)  // what waits for the answer that is under way; nil when none is
}

// cut reports whether the server has more files than it lists.
func (l *list) cut() bool { return l.head.Verb == wire.Files && l.head.Count == wire.MaxFiles }

// with does then when the list that verb asks for is here and younger than age, for which the server may have
// to be asked.
func (c *Chat) with(verb wire.Verb, age time.Duration, then func(*list)) {
	l := c.lists[verb]
	if l.then == nil && time.Since(l.asOf) < age {
		then(l)
		return
	}
	if l.then == nil {
		*l = list{}
		c.conn.Send(wire.Message{Verb: verb})
	}
	l.then = append(l.then, then)
}

// answer takes one line of an answer, which may have so many rows.
func (c *Chat) answer(l *list, most uint64, m wire.Message) {
	switch {
	case l.then == nil: // nobody asked
		return
	case m.Count > most:
		c.lost(wire.Errorf(m.Verb, wire.CodeArguments, "%d %s, at most %d are allowed", m.Count, m.Verb, most))
		return
	case m.Verb == wire.Users, m.Verb == wire.Files:
		l.head, l.rows, l.bad = m, nil, 0
	case uint64(len(l.rows)+l.bad) == l.head.Count: // more than was announced
	case len(m.Name) == 0, m.Verb == wire.User && len(m.Name) > wire.MaxName*utf8.UTFMax:
		l.bad++
	default:
		l.rows = append(l.rows, m)
	}
	if l.head.Verb != "" && uint64(len(l.rows)+l.bad) == l.head.Count {
		if what := map[wire.Verb]string{wire.Users: "name", wire.Files: "file"}[l.head.Verb]; l.bad > 0 {
			c.fail("%s cannot be shown: the server sent what cannot be read", Count(l.bad, what))
		}
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
