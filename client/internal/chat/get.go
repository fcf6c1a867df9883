package chat

import (
	"path"
	"strings"

	"parley/client/internal/download"
	"parley/client/internal/link"
	"parley/server/wire"
)

// A stage is how far a download is.
type stage int

const (
	none      stage = iota
	preparing       // the store looks what is here already, or there is no connection
	asked           // GET is sent
	coming          // SENDING came
	saving          // SENT came, the store checks
	stopping        // STOP is sent
)

// getting is the downloads, one at a time.
type getting struct {
	stage
	name  string   // of the present one
	size  uint64   // of the whole file
	said  bool     // why it stops was said
	queue []string // those that come after
}

func (g *getting) idle() bool { return g.stage == none && len(g.queue) == 0 }

// want queues a file, or asks which there are when name is a pattern.
func (c *Chat) want(name string) {
	switch _, err := path.Match(name, ""); {
	case name == "":
		c.fail("/get needs the name of a file: /files shows them")
	case !strings.ContainsAny(name, "*?["):
		c.get.queue = append(c.get.queue, name)
		c.getNext()
	case err != nil:
		c.fail("%s is not a pattern: a [ needs its ]", name)
	default:
		c.question(wire.Files, name)
	}
}

// wantMatches queues the files that match: by their whole path, or by their last element if the pattern is of one.
func (c *Chat) wantMatches(pattern string, files []string) {
	before := len(c.get.queue)
	for _, name := range files {
		whole, _ := path.Match(pattern, name)
		last, _ := path.Match(pattern, path.Base(name))
		if whole || last && !strings.Contains(pattern, "/") || name == pattern {
			c.get.queue = append(c.get.queue, name)
		}
	}
	if len(c.get.queue) == before {
		c.fail("no file matches %s: /files shows them", pattern)
	}
	c.getNext()
}

func (c *Chat) getNext() {
	if c.get.stage == none && len(c.get.queue) > 0 {
		c.get = getting{stage: preparing, name: c.get.queue[0], queue: c.get.queue[1:]}
		c.files.Prepare(c.get.name)
	}
}

// getDone ends the present download and begins the next.
func (c *Chat) getDone() {
	c.get.stage = none
	c.getNext()
}

// report goes on after a step of the store.
func (c *Chat) report(r download.Report) {
	g := &c.get
	switch {
	case r.Name != g.name || g.stage == none: // of one that was stopped meanwhile
	case r.Kind == download.Saved:
		c.show(Answer, "%s: %d bytes, saved as %s, SHA-256 verified%s", g.name, g.size, r.Path, inBrackets(r.Note))
		c.getDone()
	case r.Kind == download.Failed:
		c.getFailed(r.Err.Error())
	case g.stage == preparing && !c.away:
		g.stage = asked
		c.link.Ask(c.connection, wire.Message{Verb: wire.Get, Offset: r.Offset, Version: []byte(r.Version), Name: []byte(g.name)})
	}
}

// receive takes what comes of a file.
func (c *Chat) receive(e link.Event) {
	g := &c.get
	switch {
	case e.Verb == wire.Data && g.stage == coming:
		c.files.Write(e.Piece)
	case e.Verb == wire.Data:
		c.link.Free(e.Piece)
	case e.Verb == wire.Sending && g.stage == asked:
		g.stage, g.size = coming, e.Size
		c.files.Begin(e.Size, e.Offset, string(e.Version))
		if e.Offset == 0 {
			c.show(Answer, "%s: downloading %d bytes", g.name, e.Size)
		} else {
			c.show(Answer, "%s: continuing at %d of %d bytes", g.name, e.Offset, e.Size)
		}
	case e.Verb == wire.Sent && g.stage == coming:
		g.stage, g.size = saving, e.Size
		c.files.Finish(e.Size, string(e.Digest))
	case e.Verb == wire.Sent && g.stage == stopping:
		c.getStopped()
	}
}

// getFailed says why the present download cannot go on, and has the server stop it.
func (c *Chat) getFailed(why string) {
	g := &c.get
	if !g.said {
		g.said = true
		c.fail("%s: %s", g.name, why)
	}
	switch g.stage {
	case asked, coming:
		c.getStop()
	case preparing, saving:
		c.getDone()
	}
}

// getEnded takes the ERROR that ends a download.
func (c *Chat) getEnded(code, text string) {
	switch c.get.stage {
	case stopping:
		c.getStopped()
	case asked, coming:
		c.files.Leave()
		c.fail("%s: %s", c.get.name, text)
		c.getDone()
	}
}

func (c *Chat) getStop() {
	c.get.stage = stopping
	c.link.Ask(c.connection, wire.Message{Verb: wire.Stop})
}

func (c *Chat) getStopped() {
	c.files.Leave()
	if !c.get.said {
		c.show(Answer, "%s: stopped", c.get.name)
	}
	c.getDone()
}

// cancel stops the present download and forgets the others.
func (c *Chat) cancel() {
	c.get.queue = nil
	switch c.get.stage {
	case none:
		c.fail("no download to stop")
	case preparing:
		c.getStopped()
	case asked, coming:
		c.getStop()
	}
}

// getLost and getBack go on over another connection, from what is here then.
func (c *Chat) getLost() {
	switch c.get.stage {
	case asked, coming:
		c.get.stage = preparing
	case stopping:
		c.getStopped()
	}
}

func (c *Chat) getBack() {
	if c.get.stage == preparing {
		c.files.Prepare(c.get.name)
	}
}
