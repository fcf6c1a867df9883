package chat

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"parley/client/internal/download"
	"parley/client/internal/link"
	"parley/server/wire"
)

const (
	maxAhead      = 8                      // GETs without an answer: as many as a server lets wait
	smallFile     = 64 << 10               // bytes of a file that is asked for ahead
	unasked       = 1 << 20                // bytes that are taken whatever the list says and the disk has
	progressEvery = 100 * time.Millisecond // between two reports of a download's progress
	stopTime      = 10 * time.Second       // for the server to answer STOP, before the connection is replaced
)

var (
	errLost    = errors.New("connection lost")
	errStopped = errors.New("stopped")
)

// These use the disk. Tests replace them.
var (
	openPart  = download.Open
	isHere    = download.Here
	freeSpace = download.Free
)

// A result is how a download ended.
type result struct {
	download.Saved
	size   uint64
	digest string
	err    error
}

// A fetcher downloads files over one connection, in order. It runs beside Run. It asks for small files ahead,
// so that they do not cost a round trip each.
type fetcher struct {
	chat   *Chat
	ctx    context.Context // ends with errStopped if the user stops the downloads
	conn   *link.Conn
	pieces <-chan link.Piece
	wants  []*want          // not finished
	parts  []*download.Part // of the first wants, for which GET was sent
}

// run downloads all files, unless the downloads are stopped or the connection breaks.
func (f *fetcher) run() {
	defer f.closeParts()
	for f.ask() {
		w := f.wants[0]
		r, answered := f.fetch(w, f.parts[0])
		if r.err == errLost {
			return
		}
		if answered {
			f.parts[0].Close()
			f.parts = f.parts[1:]
		} else {
			f.halt()
		}
		if r.err == errStopped {
			return
		}
		f.wants = f.wants[1:]
		f.chat.call(func() { f.chat.got(w, r) })
	}
}

// ask sends GET for the next file, and for more while all of them are small. It returns false after the last
// file.
func (f *fetcher) ask() bool {
	for n := len(f.parts); n < len(f.wants); n = len(f.parts) {
		w := f.wants[n]
		if n == maxAhead || n > 0 && !(f.wants[0].small() && w.small()) {
			break
		}
		part, err := openPart(f.chat.cfg.Folder, w.name)
		if err != nil {
			f.wants = slices.Delete(f.wants, n, n+1)
			f.chat.call(func() { f.chat.got(w, result{err: err}) })
			continue
		}
		if g := w.group; g != nil && !g.fits {
			if err := f.fits(w, g.size); err != nil {
				part.Close()
				f.wants = slices.DeleteFunc(f.wants, func(w *want) bool { return w.group == g })
				f.chat.call(func() { f.chat.refuse(g, err) })
				continue
			}
			g.fits = true
		}
		f.parts = append(f.parts, part)
		f.conn.Get(wire.Message{Verb: wire.Get, Offset: part.Have, Version: []byte(part.Version),
			Name: []byte(w.name)}, f.pieces)
	}
	return len(f.parts) > 0
}

// fits returns an error, which says how to get it all the same, if so many bytes that nobody has agreed to
// would take more than half of the free space.
func (f *fetcher) fits(w *want, size uint64) error {
	room, known := freeSpace(f.chat.cfg.Folder)
	if !known || w.sure || size <= max(room/2, unasked) {
		return nil
	}
	name := w.name
	if w.group != nil {
		name = w.group.typed
	}
	return fmt.Errorf("it needs %s, %s are free: /get -y %s gets it all the same",
		Bytes(size), Bytes(room), name)
}

// accepts returns an error if the file that the server announces is much larger than its list says, as none
// is that has only grown meanwhile, or than what it leaves free.
func (f *fetcher) accepts(w *want, m wire.Message) error {
	listed, known := uint64(w.size), w.size >= 0
	if !known {
		listed, known = f.listed(w.name)
	}
	if known && !w.sure && m.Size > max(2*listed, listed+unasked) {
		return fmt.Errorf("it has %s, the list says %s: /get -y %s gets it all the same",
			Bytes(m.Size), Bytes(listed), w.name)
	}
	return f.fits(w, m.Size-min(m.Offset, m.Size))
}

// listed returns the size of a file that the newest list has, whoever asked for that.
func (f *fetcher) listed(name string) (size uint64, known bool) {
	found := make(chan []wire.Message, 1)
	f.chat.call(func() {
		rows := f.chat.lists[wire.Files].rows
		i := slices.IndexFunc(rows, func(row wire.Message) bool { return string(row.Name) == name })
		found <- rows[max(i, 0):max(i+1, 0)]
	})
	select {
	case rows := <-found:
		if len(rows) > 0 {
			return rows[0].Size, true
		}
	case <-f.chat.ctx.Done():
	}
	return 0, false
}

// fetch receives a file, up to the end of the server's answer or an error before that.
func (f *fetcher) fetch(w *want, part *download.Part) (r result, answered bool) {
	var reported time.Time
	for r.err == nil {
		var p link.Piece
		var more bool
		select {
		case <-f.ctx.Done():
			return result{err: errStopped}, false
		case p, more = <-f.pieces:
		}
		switch {
		case !more:
			return result{err: errLost}, false
		case p.Verb == wire.Error:
			return result{err: &wire.ProtocolError{Verb: wire.Get, Code: string(p.Code),
				Text: string(p.Text)}}, true
		case p.Verb == wire.Data:
			r.err = part.Write(p.Bytes)
			if time.Since(reported) > progressEvery {
				reported = time.Now()
				have := part.Have
				f.chat.call(func() { f.chat.status.Getting.Have = have })
			}
		case string(p.Name) != w.name:
			return result{err: fmt.Errorf("the server sends %s instead", p.Name)}, p.Verb == wire.Sent
		case p.Verb == wire.Sent:
			r.Saved, r.err = part.Save(p.Size, string(p.Digest))
			r.size, r.digest = p.Size, string(p.Digest)
			return r, true
		default:
			r.err = f.accepts(w, p.Message)
			if r.err == nil {
				r.err = part.Begin(p.Size, p.Offset, string(p.Version))
			}
			if r.err == nil {
				f.chat.begun(w.name, p.Size, p.Offset)
			}
		}
	}
	return r, false
}

// halt stops all files for which GET was sent, and waits until the server has. Those that are still wanted
// are asked for again.
func (f *fetcher) halt() {
	f.conn.Send(wire.Message{Verb: wire.Stop})
	defer time.AfterFunc(stopTime, f.conn.Close).Stop()
	for range f.parts {
		p := <-f.pieces // the zero Piece if the connection breaks
		for p.Verb == wire.Sending || p.Verb == wire.Data {
			p = <-f.pieces
		}
	}
	f.closeParts()
}

// closeParts ends work on the parts, and removes them if the user has stopped the downloads.
func (f *fetcher) closeParts() {
	for _, part := range f.parts {
		if context.Cause(f.ctx) == errStopped {
			part.Drop()
		}
		part.Close()
	}
	f.parts = nil
}

// begun reports the beginning of a download. A person sees it at the prompt.
func (c *Chat) begun(name string, size, from uint64) {
	now := Progress{Name: Escape(name), Have: from, Size: size, From: from, Began: time.Now()}
	c.call(func() {
		c.status.Getting = now
		switch {
		case c.cfg.Person, from == size && size > 0:
		case from > 0:
			c.show("continuing %s: at %d of %d bytes", name, from, size)
		default:
			c.show("downloading %s: %d bytes", name, size)
		}
	})
}
