package chat

import (
	"context"
	"errors"
	"fmt"
	"time"

	"parley/client/internal/download"
	"parley/client/internal/link"
	"parley/server/wire"
)

const (
	// GETs without an answer: small files come one right after the other
	ahead = 16
	// of these files: what comes after STOP, or has to wait for the disk
	aheadBytes    = 1 << 20
	unknownSize   = 1 << 62                // of a file that is not on the list
	getRoom       = 512                    // bytes that a GET needs beside the name
	progressEvery = 100 * time.Millisecond // a download says how far it is
	stopTime      = 10 * time.Second       // for the server to answer STOP: else another connection stops it
	diskTime      = 800 * time.Millisecond // for a disk that does not answer, when the user leaves
)

var (
	errLost    = errors.New("connection lost")
	errStopped = errors.New("stopped")
)

// openPart is download.Open, or stands for it in tests.
var openPart = download.Open

// A fetcher downloads files over one connection, in order. It runs beside Run.
type fetcher struct {
	chat *Chat
	ctx  context.Context // ends, by errStopped, when the downloads are stopped
	conn *link.Conn

	wants   []*want  // those not done
	opened  []opened // of the first wants, for which GET was sent
	pieces  <-chan link.Piece
	waiting int  // GETs that are not answered to their end
	lost    bool // the connection broke
}

// An opened is the part of a wanted file, or says why there is none.
type opened struct {
	part *download.Part
	size uint64 // as the want has it
	err  error
}

// run downloads all files, or ends early: when the downloads are stopped, the connection broke, or a file
// that the server still sends cannot be saved. To stop that one stops those after it, too, which are asked
// for once more.
func (f *fetcher) run() {
	defer f.end()
	for len(f.wants) > 0 {
		for f.mayAsk() {
			f.ask(f.wants[len(f.opened)])
		}
		w, left := f.wants[0], f.waiting
		r := f.fetch(w, f.opened[0])
		if r.err == errLost || r.err == errStopped {
			f.lost = r.err == errLost
			return
		}
		answered := f.waiting < left || f.opened[0].err != nil
		f.opened[0].part.Close()
		f.wants, f.opened = f.wants[1:], f.opened[1:]
		f.chat.post(func() { f.chat.got(w, r) })
		if !answered {
			return
		}
	}
}

// mayAsk reports whether it is time to ask for one more file.
func (f *fetcher) mayAsk() bool {
	n := len(f.opened)
	if n == 0 || n == len(f.wants) || n == ahead {
		return n == 0
	}
	bytes := f.wants[n].size
	for _, o := range f.opened {
		bytes += o.size
	}
	return bytes <= aheadBytes
}

// ask sends the GET for a file, from what is here of it.
func (f *fetcher) ask(w *want) {
	part, err := openPart(f.chat.cfg.Folder, w.name)
	f.opened = append(f.opened, opened{part, w.size, err})
	if err == nil {
		f.waiting++
		get := wire.Message{Verb: wire.Get, Offset: part.Have, Version: []byte(part.Version), Name: []byte(w.name)}
		f.pieces = f.conn.Get(get)
	}
}

// next returns the next piece of what the server sends.
func (f *fetcher) next() (link.Piece, error) {
	f.chat.receiving.Store(true)
	defer f.chat.receiving.Store(false)
	select {
	case p, ok := <-f.pieces:
		if !ok {
			return p, errLost
		}
		if p.Verb == wire.Sent || p.Verb == wire.Error {
			f.waiting--
		}
		return p, nil
	case <-f.ctx.Done():
		return link.Piece{}, errStopped
	}
}

// A result is how a download ended.
type result struct {
	download.Saved
	size   uint64
	digest string
	err    error
}

// fetch takes what the server sends of the file for which the first GET was sent.
func (f *fetcher) fetch(w *want, o opened) (r result) {
	if o.err != nil {
		return result{err: o.err}
	}
	begun, told := false, time.Time{}
	for r.err == nil {
		p, err := f.next()
		switch {
		case err != nil:
			return result{err: err}
		case p.Verb == wire.Error:
			r.err = &wire.ProtocolError{Verb: wire.Get, Code: string(p.Code), Text: string(p.Text)}
		case string(p.Name) != w.name && p.Verb != wire.Data:
			r.err = fmt.Errorf("the server sends %s instead", p.Name)
		case p.Verb == wire.Sent:
			r.Saved, r.err = o.part.Save(p.Size, string(p.Digest))
			r.size, r.digest = p.Size, string(p.Digest)
			return r
		case p.Verb == wire.Data:
			r.err = o.part.Write(p.Bytes)
			if time.Since(told) > progressEvery {
				told = time.Now()
				have := o.part.Have
				f.chat.post(func() { f.chat.now.Getting.Have = have })
			}
		case begun:
			r.err = errors.New("the server begins a second time")
		default:
			begun = true
			r.err = o.part.Begin(p.Size, p.Offset, string(p.Version))
			if r.err == nil {
				f.begun(w.name, p)
			}
		}
	}
	return r
}

// begun tells that a download begins. To a person, the prompt does.
func (f *fetcher) begun(name string, p link.Piece) {
	size, from := p.Size, p.Offset
	now := Progress{Name: Escape(name), Have: from, Size: size, From: from, Began: time.Now()}
	f.chat.post(func() {
		f.chat.now.Getting = now
		switch {
		case f.chat.cfg.Person, from == size && size > 0:
		case from > 0:
			f.chat.show("continuing %s: at %d of %d bytes", name, from, size)
		default:
			f.chat.show("downloading %s: %d bytes", name, size)
		}
	})
}

// end stops what the server still sends. Nothing is left of downloads that the user has stopped.
func (f *fetcher) end() {
	if f.waiting > 0 && !f.lost {
		f.conn.Send(wire.Message{Verb: wire.Stop})
	}
	for _, o := range f.opened {
		o.part.Close()
	}
	if context.Cause(f.ctx) == errStopped {
		for _, w := range f.wants {
			download.Remove(f.chat.cfg.Folder, w.name)
		}
	}
	late := time.AfterFunc(stopTime, f.conn.Close)
	defer late.Stop()
	for f.waiting > 0 && !f.lost {
		p, ok := <-f.pieces
		f.lost = !ok
		if p.Verb == wire.Sent || p.Verb == wire.Error {
			f.waiting--
		}
	}
}

// rest waits for what goes on beside Run, but not for a disk that does not answer.
func (c *Chat) rest() {
	done := make(chan struct{})
	go func() {
		c.work.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(diskTime):
	}
}

// patience returns how long to wait for the answer to QUIT. It comes after the file that is under way, whose
// bytes nobody takes while the disk does not answer.
func (c *Chat) patience() time.Duration {
	if c.stop != nil && !c.receiving.Load() {
		return diskTime
	}
	return goodbye
}
