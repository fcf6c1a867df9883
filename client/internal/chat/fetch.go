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
	progressEvery = 100 * time.Millisecond // between two reports of a download's progress
	stopTime      = 10 * time.Second       // for the server to answer STOP, before the connection is replaced
)

var (
	errLost    = errors.New("connection lost")
	errStopped = errors.New("stopped")
)

// openPart is download.Open; a test replaces it.
var openPart = download.Open

// A result is how a download ended.
type result struct {
	download.Saved
	size   uint64
	digest string
	err    error
}

// fetch downloads a file over conn. It runs beside Run. The part is kept unless ctx ends with errStopped.
func (c *Chat) fetch(ctx context.Context, conn *link.Conn, name string) result {
	part, err := openPart(c.cfg.Folder, name)
	if err != nil {
		return result{err: err}
	}
	defer part.Close()
	ask := wire.Message{Verb: wire.Get, Offset: part.Have, Version: []byte(part.Version), Name: []byte(name)}
	pieces := conn.Get(ask)
	var reported time.Time
	for err == nil {
		select {
		case <-ctx.Done():
			err = context.Cause(ctx)
		case p, ok := <-pieces:
			switch {
			case !ok:
				return result{err: errLost}
			case p.Verb == wire.Error:
				return result{err: &wire.ProtocolError{Verb: wire.Get, Code: string(p.Code),
					Text: string(p.Text)}}
			case p.Verb == wire.Data:
				err = part.Write(p.Bytes)
				if time.Since(reported) > progressEvery {
					reported = time.Now()
					have := part.Have
					c.call(func() { c.status.Getting.Have = have })
				}
			case string(p.Name) != name:
				err = fmt.Errorf("the server sends %s instead", p.Name)
			case p.Verb == wire.Sent:
				saved, err := part.Save(p.Size, string(p.Digest))
				return result{saved, p.Size, string(p.Digest), err}
			default:
				if err = part.Begin(p.Size, p.Offset, string(p.Version)); err == nil {
					c.begun(name, p.Size, p.Offset)
				}
			}
		}
	}
	if err == errStopped {
		part.Drop()
	}
	conn.Send(wire.Message{Verb: wire.Stop})
	defer time.AfterFunc(stopTime, conn.Close).Stop()
	for p := range pieces {
		if p.Verb == wire.Sent || p.Verb == wire.Error {
			break
		}
	}
	return result{err: err}
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
