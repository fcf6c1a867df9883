package chat

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"parley/client/internal/download"
	"parley/client/internal/link"
	"parley/server/wire"
)

// errLost says that the connection broke before a file was whole.
var errLost = errors.New("connection lost")

// A wanted is a file to download, or, when it is its turn, all that match.
type wanted struct {
	name    string
	pattern bool
}

const (
	progressEvery = 100 * time.Millisecond // a download says how far it is
	stopTime      = 10 * time.Second       // for the server to answer STOP: then another connection is the way to stop it
)

// want queues a file, or those whose names match when name is a pattern.
func (c *Chat) want(name string) {
	if name == "" {
		c.fail("/get needs the name of a file: /files shows them")
		return
	}
	_, err := path.Match(name, "") // fails for such as a [ without its ]
	c.queue = append(c.queue, wanted{name, err == nil && strings.ContainsAny(name, "*?[")})
	c.getNext()
}

// expand puts in the place of a pattern the file of this very name, or those that match by their path or its last element.
func (c *Chat) expand(files *list) {
	if len(c.queue) == 0 || !c.queue[0].pattern { // it was dropped meanwhile
		return
	}
	pattern, names := c.queue[0].name, files.names()
	c.queue = c.queue[1:]
	var found []wanted
	for _, name := range names {
		whole, _ := path.Match(pattern, name)
		last, _ := path.Match(pattern, path.Base(name))
		if whole || last {
			found = append(found, wanted{name: name})
		}
	}
	if slices.Contains(names, pattern) {
		found = []wanted{{name: pattern}}
	}
	if len(found) == 0 {
		c.fail("no file matches %s: /files shows them", pattern)
	}
	c.queue = append(found, c.queue...)
	c.getNext()
}

// getNext begins the present download, or goes on with it, when there is a connection and nothing under way.
func (c *Chat) getNext() {
	if c.stop != nil || len(c.queue) == 0 || c.now.Away {
		return
	}
	name, conn := c.queue[0].name, c.conn
	if c.queue[0].pattern {
		c.with(wire.Files, 0, c.expand)
		return
	}
	ctx, cancel := context.WithCancel(c.ctx)
	c.stop = cancel
	c.background(func() {
		saved, err := c.fetch(ctx, conn, name)
		c.post(func() {
			stopped := ctx.Err() != nil
			cancel()
			c.stop, c.now.Getting = nil, Progress{}
			if !stopped && errors.Is(err, errLost) {
				if c.conn != conn { // over which it goes on
					c.getNext()
				}
				return
			}
			c.queue = c.queue[1:]
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
	var told time.Time
	begun := false
	for p := range pieces {
		switch last := p.Verb == wire.Sent || p.Verb == wire.Error; {
		case last && err != nil:
			return "", err
		case p.Verb == wire.Error:
			return "", &wire.ProtocolError{Verb: wire.Get, Code: string(p.Code), Text: string(p.Text)}
		case p.Verb == wire.Sent:
			path, note, err := part.Save(p.Size, string(p.Digest))
			return fmt.Sprintf("%d bytes, saved as %s%s, SHA-256 verified: %s", p.Size, path, inBrackets(note), p.Digest), err
		case err != nil: // comes until the server has stopped
			continue
		case p.Verb == wire.Sending && begun:
			err = errors.New("the server begins a second time")
		case p.Verb == wire.Sending:
			if err = part.Begin(p.Size, p.Offset, string(p.Version)); err != nil {
				break
			}
			begun = true
			how := fmt.Sprintf("downloading %d bytes", p.Size)
			if p.Offset > 0 {
				how = fmt.Sprintf("continuing at %d of %d bytes", p.Offset, p.Size)
			}
			now := Progress{Name: Escape(name), Have: p.Offset, Size: p.Size, From: p.Offset, Began: time.Now()}
			c.post(func() {
				c.show("%s: %s", name, how)
				c.now.Getting = now
			})
		default:
			err = part.Write(p.Bytes)
			if have := part.Have; time.Since(told) > progressEvery {
				told = time.Now()
				c.post(func() { c.now.Getting.Have = have })
			}
		}
		if err != nil {
			stop()
		}
	}
	return "", cmp.Or(err, errLost)
}

// cancel stops the present download and forgets the others.
func (c *Chat) cancel() {
	if len(c.queue) > 1 {
		c.show("dropped: %d more that waited", len(c.queue)-1)
	}
	switch {
	case len(c.queue) == 0:
		c.fail("no download to stop")
	case c.stop == nil: // it waits for a connection, or to know which files match
		c.show("%s: stopped", c.queue[0].name)
		c.queue = nil
	default:
		c.queue = c.queue[:1]
		c.stop()
	}
}
