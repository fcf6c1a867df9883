package chat

import (
	"context"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"parley/client/internal/download"
	"parley/server/wire"
)

// shortDigest is the hexadecimal digits of a digest that a person compares.
const shortDigest = 12

// A want is a file to download, or what stands for some.
type want struct {
	name    string // as the server calls it, or as it was typed
	listed  bool   // it is a name of the server's list
	size    uint64 // as the list says, or unknownSize
	verbose bool   // the whole digest is shown
	of      *group // what it was found with; nil for one alone
	err     error  // why the server has no file of this name, once it said so
}

// A group is the files that one pattern or folder stands for.
type group struct {
	all, left, here int    // files: those wanted, not done, and here in the end
	bytes           uint64 // of those that are here
}

// want queues what /get was given, exactly as it was typed.
func (c *Chat) want(typed string) {
	w := &want{size: unknownSize, verbose: !c.cfg.Person}
	if name, ok := strings.CutPrefix(typed, "-v "); ok {
		typed, w.verbose = name, true
	}
	w.name = typed
	switch {
	case typed == "":
		c.fail("/get needs the name of a file: /files shows them")
	case len(typed) > wire.MaxLine-getRoom:
		c.fail("a name of %d bytes is too long for a file", len(typed))
	case slices.ContainsFunc(c.queue, func(q *want) bool { return q.name == typed }):
		c.show("getting %s already", typed)
	case strings.ContainsAny(typed, "*?"), strings.HasSuffix(typed, "/"):
		c.look(w)
	default:
		c.queue = append(c.queue, w)
		c.getNext()
	}
}

// look asks for the server's list to find what w stands for.
func (c *Chat) look(w *want) {
	c.unlisted = append(c.unlisted, w)
	c.with(wire.Files, 0, c.wantFound)
}

// wantFound queues the files on the list that are wanted.
func (c *Chat) wantFound(files *list) {
	queued, sizes := make(map[string]bool), make(map[string]uint64)
	for _, row := range files.rows {
		sizes[string(row.Name)] = row.Size
	}
	for _, w := range c.queue {
		queued[w.name] = true
	}
	if files.cut() && len(c.unlisted) > 0 {
		c.show("only %d files are listed: any other can be had by its exact name", len(files.rows))
	}
	for _, w := range c.unlisted {
		all := meant(w.name, files.names())
		found := slices.DeleteFunc(slices.Clone(all), func(name string) bool { return queued[name] })
		var of *group
		if len(found) > 1 {
			of = &group{all: len(found), left: len(found)}
		}
		for _, name := range found {
			queued[name] = true
			c.queue = append(c.queue, &want{name, true, sizes[name], w.verbose, of, nil})
		}
		switch {
		case len(found) > 0:
		case len(all) > 0:
			c.show("getting %s already", w.name)
		case w.err != nil:
			c.failGet(w.name, w.err)
		case files.cut():
			c.queue = append(c.queue, &want{name: w.name, listed: true, size: unknownSize, verbose: w.verbose})
		default:
			c.fail("no file matches %s: /files shows them", w.name)
		}
	}
	c.unlisted = nil
	c.getNext()
}

// meant returns those of the names that typed stands for: itself, those that look like it, those in the
// folder of this name, or those that match it. For a * may stand any characters, for a ? any one.
func meant(typed string, names []string) []string {
	if slices.Contains(names, typed) {
		return []string{typed}
	}
	looks := seen(strings.TrimRight(typed, "/"))
	quoted := strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(regexp.QuoteMeta(looks))
	pattern := regexp.MustCompile("^(?s:" + quoted + ")$")
	some := strings.ContainsAny(typed, "*?")
	var same, below, match []string
	for _, name := range names {
		switch key := seen(name); {
		case key == looks:
			same = append(same, name)
		case strings.HasPrefix(key, looks+"/"):
			below = append(below, name)
		case some && (pattern.MatchString(key) || pattern.MatchString(path.Base(key))):
			match = append(match, name)
		}
	}
	for _, found := range [][]string{same, below} {
		if len(found) > 0 {
			return found
		}
	}
	return match
}

// seen returns what a person sees of a path: its normal form, without blanks around its elements.
func seen(name string) string {
	elements := strings.Split(norm.NFC.String(name), "/")
	for i, e := range elements {
		elements[i] = strings.TrimSpace(e)
	}
	return strings.Join(elements, "/")
}

// getNext begins the downloads that are queued, or goes on with them, when there is a connection and none is
// under way.
func (c *Chat) getNext() {
	if c.stop != nil || len(c.queue) == 0 || c.now.Away {
		return
	}
	ctx, stop := context.WithCancelCause(c.ctx)
	c.stop = func() { stop(errStopped) }
	f := &fetcher{chat: c, ctx: ctx, conn: c.conn, wants: slices.Clone(c.queue)}
	c.background(func() {
		f.run()
		c.post(func() {
			stop(nil)
			c.stop, c.now.Getting = nil, Progress{}
			if !f.lost || c.conn != f.conn { // else it goes on over the next one
				c.getNext()
			}
		})
	})
}

// got says how a download ended.
func (c *Chat) got(w *want, r result) {
	c.now.Getting = Progress{}
	i := slices.Index(c.queue, w)
	if i >= 0 {
		c.queue = slices.Delete(c.queue, i, i+1)
	}
	no, _ := errors.AsType[*wire.ProtocolError](r.err)
	digest := r.digest
	if !w.verbose && r.err == nil {
		digest = digest[:shortDigest]
	}
	switch {
	case r.err == nil && r.Already:
		c.show("have %s already as %s%s: %d bytes, SHA-256 %s", w.name, r.Path, inBrackets(r.Note), r.size, digest)
	case r.err == nil:
		c.show("saved %s as %s%s: %d bytes, SHA-256 %s", w.name, r.Path, inBrackets(r.Note), r.size, digest)
	case i < 0: // it was stopped
		return
	case no != nil && no.Code == wire.CodeNoFile && !w.listed:
		w.err = r.err
		c.look(w)
	default:
		c.failGet(w.name, r.err)
	}
	if w.of != nil {
		c.count(w.of, r)
	}
}

// count adds a file to a group, whose sum is shown after the last one.
func (c *Chat) count(g *group, r result) {
	g.left--
	if r.err == nil {
		g.here++
		g.bytes += r.size
	}
	if g.left > 0 {
		return
	}
	files := Count(g.all, "file")
	if g.here < g.all {
		files = fmt.Sprintf("%d of %s", g.here, files)
	}
	c.show("have %s, %s", files, Bytes(g.bytes))
}

// failGet says why there is no such download.
func (c *Chat) failGet(name string, err error) {
	if no, _ := errors.AsType[*wire.ProtocolError](err); no != nil && strings.Contains(no.Text, name) {
		c.fail("%v", err)
	} else {
		c.fail("%s: %v", name, err)
	}
}

// cancel stops the downloads, whether they are under way, queued, or not known yet.
func (c *Chat) cancel() {
	all := append(c.queue, c.unlisted...)
	c.queue, c.unlisted = nil, nil
	switch len(all) {
	case 0:
		c.fail("no download to stop")
		return
	case 1:
		c.show("stopped %s", all[0].name)
	default:
		c.show("stopped %s and %d more", all[0].name, len(all)-1)
	}
	c.now.Getting = Progress{}
	if c.stop != nil {
		c.stop()
		return
	}
	c.background(func() { // the connection is lost
		for _, w := range all {
			download.Remove(c.cfg.Folder, w.name)
		}
	})
}

// showParts says which downloads were not finished the last time.
func (c *Chat) showParts() {
	parts := download.Parts(c.cfg.Folder)
	if len(parts) == 0 {
		return
	}
	what := parts[0]
	if len(parts) > 1 {
		what += fmt.Sprintf(" and %d more", len(parts)-1)
	}
	c.post(func() {
		const hint = "/get goes on with one, until its .part is removed"
		c.show("unfinished downloads in %s: %s: %s", c.cfg.Folder, what, hint)
	})
}

// offerFiles answers how the name of a file goes on, and says when there are files that are not listed.
func (c *Chat) offerFiles(in Input, before, typed string, files *list) {
	if complete := in.Complete; files.cut() {
		in.Complete = func(answer Completion) {
			if len(answer.Words) == 0 {
				answer.Words = []string{"nothing begins like this"}
			}
			answer.Words = append(answer.Words, fmt.Sprintf("(only %d files are listed)", len(files.rows)))
			complete(answer)
		}
	}
	offer(in, before, typed, "", files.names())
}
