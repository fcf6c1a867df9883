package chat

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"parley/client/internal/download"
	"parley/client/internal/link"
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

// with does then when the list that verb asks for is here and younger than age, for which the server may have to be asked.
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

// errLost says that the connection broke before a file was whole.
var errLost = errors.New("connection lost")

const (
	progressEvery = 100 * time.Millisecond // a download says how far it is
	stopTime      = 10 * time.Second       // for the server to answer STOP: then another connection is the way to stop it
)

// want queues a file, or all that match when name is a pattern.
func (c *Chat) want(name string) {
	switch _, err := path.Match(name, ""); {
	case name == "":
		c.fail("/get needs the name of a file: /files shows them")
	case !strings.ContainsAny(name, "*?["), err != nil: // such as a [ without its ]
		c.queue = append(c.queue, name)
		c.getNext()
	default:
		c.patterns = append(c.patterns, name)
		c.with(wire.Files, 0, c.wantMatches)
	}
}

// wantMatches queues the file of this very name, or those that match, by their whole path or by its last element.
func (c *Chat) wantMatches(files *list) {
	for _, pattern := range c.patterns {
		found := slices.DeleteFunc(files.names(), func(name string) bool {
			whole, _ := path.Match(pattern, name)
			last, _ := path.Match(pattern, path.Base(name))
			return !whole && !last
		})
		if slices.Contains(files.names(), pattern) {
			found = []string{pattern}
		}
		if len(found) == 0 {
			c.fail("no file matches %s: /files shows them", pattern)
		}
		c.queue = append(c.queue, found...)
	}
	c.patterns = nil
	c.getNext()
}

// getNext begins the present download, or goes on with it, when there is a connection and nothing under way.
func (c *Chat) getNext() {
	if c.stop != nil || len(c.queue) == 0 || c.now.Away {
		return
	}
	ctx, cancel := context.WithCancel(c.ctx)
	c.stop = cancel
	name, conn := c.queue[0], c.conn
	c.background(func() {
		saved, err := c.fetch(ctx, conn, name)
		c.post(func() {
			stopped, lost := ctx.Err() != nil, errors.Is(err, errLost)
			cancel()
			c.stop, c.now.Getting = nil, Progress{}
			if lost && !stopped {
				if c.conn != conn { // over which it goes on
					c.getNext()
				}
				return
			}
			switch no, _ := errors.AsType[*wire.ProtocolError](err); {
			case err == nil:
				c.show("%s: %s", name, saved)
			case stopped:
				c.show("%s: stopped", name)
			case no != nil && strings.Contains(no.Text, name):
				c.fail("%v", err)
			default:
				c.fail("%s: %v", name, err)
			}
			c.queue = c.queue[1:]
			c.getNext()
		})
	})
}

// fetch downloads a file over conn, from what is here of it, and says where it is then. It runs beside Run.
func (c *Chat) fetch(ctx context.Context, conn *link.Conn, name string) (saved string, err error) {
	part, err := download.Open(c.cfg.Folder, name)
	if err != nil {
		return "", err
	}
	defer part.Close()
	pieces := conn.Get(wire.Message{Verb: wire.Get, Offset: part.Have, Version: []byte(part.Version), Name: []byte(name)})
	ended, end := context.WithCancel(context.Background())
	defer end()
	stop := func() {
		conn.Send(wire.Message{Verb: wire.Stop})
		late := time.AfterFunc(stopTime, conn.Close)
		context.AfterFunc(ended, func() { late.Stop() })
	}
	defer context.AfterFunc(ctx, stop)()
	var now Progress   // as it was when it began
	var told time.Time // when it was said how far it is
	for p := range pieces {
		switch p.Verb {
		case wire.Error:
			return "", &wire.ProtocolError{Verb: wire.Get, Code: string(p.Code), Text: string(p.Text)}
		case wire.Sent:
			path, note, err := part.Save(p.Size, string(p.Digest))
			return fmt.Sprintf("%d bytes, saved as %s%s, SHA-256 verified: %s", p.Size, path, inBrackets(note), p.Digest), err
		case wire.Data:
			err = part.Write(p.Bytes)
			if have := part.Have; time.Since(told) > progressEvery {
				told = time.Now()
				c.post(func() { c.now.Getting.Have = have })
			}
		case wire.Sending:
			if now.Name != "" {
				err = errors.New("the server begins a second time")
				break
			}
			if err = part.Begin(p.Size, p.Offset, string(p.Version)); err != nil {
				break
			}
			how := fmt.Sprintf("downloading %d bytes", p.Size)
			if p.Offset > 0 {
				how = fmt.Sprintf("continuing at %d of %d bytes", p.Offset, p.Size)
			}
			now = Progress{Name: Escape(name), Have: p.Offset, Size: p.Size, From: p.Offset, Began: time.Now()}
			c.post(func() {
				c.show("%s: %s", name, how)
				c.now.Getting = now
			})
		}
		if err != nil {
			stop()
			for p := range pieces { // until the server has stopped
				if p.Verb == wire.Sent || p.Verb == wire.Error {
					break
				}
			}
			return "", err
		}
	}
	return "", errLost
}

// cancel stops the present download and forgets the others.
func (c *Chat) cancel() {
	waiting := append(c.queue, c.patterns...)
	c.patterns = nil
	if len(waiting) > 1 {
		c.show("dropped: %d more that waited", len(waiting)-1)
	}
	switch {
	case len(waiting) == 0:
		c.fail("no download to stop")
	case c.stop == nil: // it waits for a connection, or to know which files match
		c.queue = nil
		c.show("%s: stopped", waiting[0])
	default:
		c.queue = c.queue[:1]
		c.stop()
	}
}
