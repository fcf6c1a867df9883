package chat

import (
	"slices"
	"time"

	"parley/server/wire"
)

// fresh is how long a list serves to complete what is typed, while nobody comes or goes.
const fresh = time.Minute

// A list is the server's answer to WHO or FILES.
type list struct {
	head wire.Message   // the first line
	rows []wire.Message // the others, as far as they have come
	asOf time.Time      // when all had; zero when it may be another by now
	then []func()       // what waits for the answer that is under way; nil when none is
}

// with does then when the list that verb asks for is here and younger than age, for which the server may have to be asked.
func (c *Chat) with(verb wire.Verb, age time.Duration, then func()) {
	l := c.lists[verb]
	switch {
	case l.then != nil: // it was asked already
	case time.Since(l.asOf) < age:
		then()
		return
	default:
		*l = list{}
		c.ask(wire.Message{Verb: verb})
	}
	l.then = append(l.then, then)
}

// answer takes one line of an answer.
func (c *Chat) answer(l *list, m wire.Message) {
	switch {
	case l.then == nil: // nobody asked
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
			then()
		}
	}
}

// names returns the names in a list, in order.
func (l *list) names() (names []string) {
	for _, m := range l.rows {
		names = append(names, string(m.Name))
	}
	slices.Sort(names)
	return names
}
