package chat

import (
	"context"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"

	"parley/client/internal/download"
	"parley/server/wire"
)

const (
	shortDigest = 12                 // hexadecimal digits of a digest that a person compares
	maxFileName = wire.MaxLine - 512 // bytes; a GET needs the rest beside the name
	maxSize     = 1 << 50            // bytes of a file: more than any disk has, and the sum of a list fits
)

// A wantState says how much is known about a want's name.
type wantState uint8

const (
	typed     wantState = iota // it may name a file, or stand for some
	searching                  // the server's list has been asked for, to find out
	listed                     // it names a file on that list
)

// A want is a file to download, or a pattern or folder as it was typed.
type want struct {
	name    string
	state   wantState
	size    int64  // as the list said when it was searched; -1 if it did not
	verbose bool   // show the whole digest
	sure    bool   // however large it is
	group   *group // the files it was found with; nil if there are none
}

// small reports whether a file is worth asking for ahead.
func (w *want) small() bool { return w.size >= 0 && w.size <= smallFile }

// A group is the files that one pattern or folder stands for.
type group struct {
	typed           string // after /get
	all, left, here int    // files: wanted, not finished, downloaded
	bytes           uint64 // of those downloaded

	size uint64 // of all files, as the list says
	fits bool   // there is enough room for them; owned by the fetcher
}

// get queues the argument of /get, exactly as it was typed.
func (c *Chat) get(argument string) error {
	w := &want{name: argument, size: -1, verbose: !c.cfg.Person}
	for more := true; more; {
		switch flag, rest, _ := strings.Cut(w.name, " "); flag {
		case "-v":
			w.name, w.verbose = rest, true
		case "-y":
			w.name, w.sure = rest, true
		default:
			more = false
		}
	}
	switch {
	case w.name == "":
		return errors.New("/get needs the name of a file: /files shows them")
	case len(w.name) > maxFileName:
		return fmt.Errorf("a name of %d bytes is too long for a file", len(w.name))
	}
	c.queue = append(c.queue, w)
	if strings.ContainsAny(w.name, "*?") || strings.HasSuffix(w.name, "/") {
		c.search(w)
	}
	c.getNext()
	return nil
}

// search asks for the server's list to find the files that w stands for.
func (c *Chat) search(w *want) {
	w.state = searching
	c.query(wire.Files, 0, c.found)
}

// takeSearches removes the wants that are being searched for from the queue, and returns them.
func (c *Chat) takeSearches() (searches []*want) {
	c.queue = slices.DeleteFunc(c.queue, func(w *want) bool {
		if w.state == searching {
			searches = append(searches, w)
		}
		return w.state == searching
	})
	return searches
}

// found replaces the wants that are being searched for by their files on the list.
func (c *Chat) found() {
	searches, rows, note := c.takeSearches(), c.lists[wire.Files].rows, c.lists[wire.Files].note()
	if note != "" && len(searches) > 0 {
		c.show("only %d files are listed: get others by their exact names", len(rows))
	}
	sizes := make(map[string]int64)
	for _, row := range rows {
		sizes[string(row.Name)] = int64(min(row.Size, maxSize))
	}
	for _, w := range searches {
		names := slices.DeleteFunc(match(w.name, c.lists[wire.Files].names()), func(name string) bool {
			return name == unreadable
		})
		switch {
		case len(names) > 0:
		case note != "": // it may exist all the same
			names = []string{w.name}
			sizes[w.name] = -1
		default:
			c.fail("no file matches %s: /files shows them", w.name)
		}
		var all *group
		if len(names) > 1 {
			all = &group{typed: w.name, all: len(names), left: len(names)}
		}
		for _, name := range names {
			if all != nil {
				all.size += uint64(sizes[name])
			}
			c.queue = append(c.queue, &want{name, listed, sizes[name], w.verbose, w.sure, all})
		}
	}
	c.getNext()
}

// match returns the files that typed stands for: the one of this name; else those whose names look the same;
// else those in the folder of this name; else those that match it as a pattern, in which * stands for any
// characters and ? for one.
func match(typed string, names []string) []string {
	if slices.Contains(names, typed) {
		return []string{typed}
	}
	look := appearance(strings.TrimRight(typed, "/"))
	quoted := strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(regexp.QuoteMeta(look))
	pattern := regexp.MustCompile("^(?s:" + quoted + ")$")
	isPattern := strings.ContainsAny(typed, "*?")
	var same, below, matching []string
	for _, name := range names {
		switch key := appearance(name); {
		case key == look:
			same = append(same, name)
		case strings.HasPrefix(key, look+"/"):
			below = append(below, name)
		case isPattern && (pattern.MatchString(key) || pattern.MatchString(path.Base(key))):
			matching = append(matching, name)
		}
	}
	if same != nil {
		return same
	}
	if below != nil {
		return below
	}
	return matching
}

// appearance returns a path as a person sees it: in normal form, without blanks around its elements, and
// escaped.
func appearance(name string) string {
	elements := strings.Split(Escape(norm.NFC.String(name)), "/")
	for i, e := range elements {
		elements[i] = strings.TrimSpace(e)
	}
	return strings.Join(elements, "/")
}

// getNext starts the queued downloads if there is a connection and none is under way.
func (c *Chat) getNext() {
	if c.stop != nil || c.conn.Closed() { // in that case back calls it again
		return
	}
	search := func(w *want) bool { return w.state == searching }
	wants := slices.DeleteFunc(slices.Clone(c.queue), search)
	if len(wants) == 0 {
		return
	}
	ctx, stop := context.WithCancelCause(c.ctx)
	c.stop = func() { stop(errStopped) }
	f := &fetcher{chat: c, ctx: ctx, conn: c.conn, pieces: c.conn.Pieces(), wants: wants}
	c.background(func() {
		f.run()
		c.call(func() {
			stop(nil)
			c.stop, c.status.Getting = nil, Progress{}
			c.getNext()
		})
	})
}

// got shows how a download ended.
func (c *Chat) got(w *want, r result) {
	c.status.Getting = Progress{}
	i := slices.Index(c.queue, w)
	if i < 0 && r.err != nil { // cancelled
		return
	}
	refusal, _ := errors.AsType[*wire.ProtocolError](r.err)
	if refusal != nil && refusal.Code == wire.CodeNoFile && w.state == typed {
		c.search(w)
		return
	}
	if i >= 0 {
		c.queue = slices.Delete(c.queue, i, i+1)
	}
	digest := r.digest
	if !w.verbose && r.err == nil {
		digest = digest[:shortDigest]
	}
	switch {
	case refusal != nil && strings.Contains(refusal.Text, w.name):
		c.fail("%v", r.err)
	case r.err != nil:
		c.fail("%s: %v", w.name, r.err)
	case r.Already:
		c.show("have %s already as %s%s: %d bytes, SHA-256 %s", w.name, r.Path, inBrackets(r.Note), r.size,
			digest)
	default:
		c.show("saved %s as %s%s: %d bytes, SHA-256 %s", w.name, r.Path, inBrackets(r.Note), r.size, digest)
	}
	if w.group != nil {
		c.count(w.group, r)
	}
}

// refuse drops the files of a group, none of which was asked for.
func (c *Chat) refuse(g *group, err error) {
	c.queue = slices.DeleteFunc(c.queue, func(w *want) bool { return w.group == g })
	c.fail("%s: %v", g.typed, err)
}

// count adds a finished file to its group, and shows the sum after the last one.
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

// cancel stops all downloads.
func (c *Chat) cancel(string) error {
	wants := c.queue
	if len(wants) == 0 {
		return errors.New("no download to stop")
	}
	c.show("stopped %s", andMore(wants[0].name, len(wants)))
	c.queue, c.status.Getting = nil, Progress{}
	if c.stop != nil {
		c.stop()
	}
	c.background(func() {
		for _, w := range wants { // the fetcher has locked some parts, and drops them
			download.Remove(c.cfg.Folder, w.name)
		}
	})
	return nil
}

// showParts shows which downloads were not finished before a time, when the chat began.
func (c *Chat) showParts(began time.Time) {
	parts := download.Parts(c.cfg.Folder, began)
	if len(parts) == 0 {
		return
	}
	c.call(func() {
		const hint = "/get continues one, until its .parley-part is removed"
		c.show("unfinished downloads in %s: %s: %s", c.cfg.Folder, andMore(parts[0], len(parts)), hint)
	})
}
