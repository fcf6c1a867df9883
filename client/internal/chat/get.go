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

// getting is the downloads, one at a time.
type getting struct {
	patterns []string           // whose files the server was asked for
	queue    []string           // names of the present one and those that come after
	cancel   context.CancelFunc // stops the present one; nil when there is none under way
	now      Progress           // of the present one
}

const (
	progressEvery = 100 * time.Millisecond // a download says how far it is
	stopTime      = 10 * time.Second       // for the server to answer STOP: then another connection is the way to stop it
)

// want queues a file, or asks which there are when name is a pattern.
func (c *Chat) want(name string) {
	switch _, err := path.Match(name, ""); {
	case name == "":
		c.fail("/get needs the name of a file: /files shows them")
	case !strings.ContainsAny(name, "*?["), err != nil: // such as a [ without its ]
		c.get.queue = append(c.get.queue, name)
		c.getNext()
	default:
		c.get.patterns = append(c.get.patterns, name)
		c.with(wire.Files, 0, c.wantMatches)
	}
}

// wantMatches queues the file of this very name, or those that match: by their whole path, or by their last element if
// the pattern is of one.
func (c *Chat) wantMatches(files *list) {
	for _, pattern := range c.get.patterns {
		before := len(c.get.queue)
		names := files.names()
		if slices.Contains(names, pattern) {
			names = []string{pattern}
		}
		for _, name := range names {
			whole, _ := path.Match(pattern, name)
			last, _ := path.Match(pattern, path.Base(name))
			if whole || last && !strings.Contains(pattern, "/") || name == pattern {
				c.get.queue = append(c.get.queue, name)
			}
		}
		if len(c.get.queue) == before {
			c.fail("no file matches %s: /files shows them", pattern)
		}
	}
	c.get.patterns = nil
	c.getNext()
}

// getNext begins the present download, or goes on with it, when there is a connection and nothing under way.
func (c *Chat) getNext() {
	g := &c.get
	if g.cancel != nil || len(g.queue) == 0 || c.conn == nil {
		return
	}
	ctx, cancel := context.WithCancel(c.ctx)
	g.cancel = cancel
	name, conn := g.queue[0], c.conn
	c.background(func() {
		saved, err := c.fetch(ctx, conn, name)
		c.post(func() {
			stopped := ctx.Err() != nil
			cancel()
			g.cancel, g.now = nil, Progress{}
			if !stopped && errors.Is(err, errLost) {
				if c.conn != conn { // over which it goes on
					c.getNext()
				}
				return
			}
			g.queue = g.queue[1:]
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
				c.get.now = now
			})
		default:
			err = part.Write(p.Bytes)
			if have := part.Have; time.Since(told) > progressEvery {
				told = time.Now()
				c.post(func() { c.get.now.Have = have })
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
	g := &c.get
	waiting := append(g.queue, g.patterns...)
	g.patterns = nil
	if len(waiting) > 1 {
		c.show("dropped: %d more that waited", len(waiting)-1)
	}
	switch {
	case len(waiting) == 0:
		c.fail("no download to stop")
	case g.cancel == nil: // it waits for a connection, or to know which files match
		g.queue = nil
		c.show("%s: stopped", waiting[0])
	default:
		g.queue = g.queue[:1]
		g.cancel()
	}
}
