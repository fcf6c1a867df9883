package chat

import (
	"fmt"
	"slices"
	"time"

	"parley/server/wire"
)

const (
	fresh       = time.Minute      // maximum age of a list that completes a name
	rowTime     = 30 * time.Second // the longest wait for the next row of a list
	maxUserName = 4 * wire.MaxName // bytes of a name in a list of users
	maxShown    = 1000             // names or files of a list that a person is shown: more are not read
	unreadable  = "?"              // stands for a name that breaks the protocol: it costs only its row
)

// A list is the server's answer to WHO or FILES.
type list struct {
	head      wire.Message   // the first line
	rows      []wire.Message // the others, as far as they have come
	asOf      time.Time      // when the list was complete; zero if it may have changed since
	callbacks []func()       // what waits for the answer under way; nil if there is none
}

// names returns the names of all rows, sorted.
func (l *list) names() (names []string) {
	for _, m := range l.rows {
		names = append(names, string(m.Name))
	}
	slices.Sort(names)
	return names
}

// unfinished reports whether only a part of the answer has come.
func (l *list) unfinished() bool { return l.callbacks != nil && l.head.Verb != "" }

// note says that there are more files than the server lists, if there may be.
func (l *list) note() string {
	if len(l.rows) < wire.MaxFiles || l.head.Verb != wire.Files {
		return ""
	}
	return fmt.Sprintf("only %d files are listed", wire.MaxFiles)
}

// query calls f once the list for verb is no older than maxAge, asking the server if necessary.
func (c *Chat) query(verb wire.Verb, maxAge time.Duration, f func()) {
	l := c.lists[verb]
	if l.callbacks == nil && time.Since(l.asOf) < maxAge {
		f()
		return
	}
	if l.callbacks == nil {
		*l = list{}
		c.conn.Send(wire.Message{Verb: verb})
	}
	l.callbacks = append(l.callbacks, f)
}

// onList takes one line of an answer, which may have up to limit rows.
func (c *Chat) onList(l *list, limit uint64, m wire.Message) {
	switch {
	case l.callbacks == nil: // nobody asked
		return
	case m.Count > limit:
		c.lost(wire.Errorf(m.Verb, wire.CodeArguments, "%d %s, at most %d are allowed",
			m.Count, m.Verb, limit))
		return
	case l.unfinished() && (m.Verb == wire.Users || m.Verb == wire.Files):
		c.lost(wire.Errorf(m.Verb, wire.CodeArguments, "%s within a list", m.Verb))
		return
	case m.Verb == wire.Users, m.Verb == wire.Files:
		l.head, l.rows = m, nil
	case l.unfinished():
		longest := map[wire.Verb]int{wire.User: maxUserName, wire.File: maxFileName}[m.Verb]
		if len(m.Name) == 0 || len(m.Name) > longest { // what cannot be used takes no memory
			m.Name = []byte(unreadable)
		}
		l.rows = append(l.rows, m)
	}
	c.rowDue.Reset(rowTime)
	if l.head.Verb == "" || uint64(len(l.rows)) < l.head.Count {
		return
	}
	callbacks := l.callbacks
	l.asOf, l.callbacks = time.Now(), nil
	for _, f := range callbacks {
		f()
	}
}

// onRowDue ends the wait for lists of which nothing has come for a while.
func (c *Chat) onRowDue() {
	for _, verb := range []wire.Verb{wire.Who, wire.Files} {
		if l := c.lists[verb]; l.unfinished() && c.phase != away {
			c.endList(verb)
			c.fail("the server sent only %d of %d rows of a list: ask again", len(l.rows), l.head.Count)
		}
	}
}

// endList gives up the list for verb, and the callbacks that need it.
func (c *Chat) endList(verb wire.Verb) {
	c.lists[verb].callbacks = nil
	if verb == wire.Files {
		c.takeSearches()
	}
}
