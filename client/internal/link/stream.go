package link

import (
	"fmt"
	"io"
	"net"
	"time"

	"parley/server/wire"
)

// emit hands on an event, or drops it when nobody wants any more.
func (l *Link) emit(e Event) bool {
	select {
	case l.events <- e:
		return true
	case <-l.ctx.Done():
		if e.Piece != nil {
			l.Free(e.Piece)
		}
		return false
	}
}

// write sends what there is to send until it fails, or until stop is closed. It is never quiet for long, so that the
// server knows that this side is alive, and has something to answer.
func (l *Link) write(c *conn, stop <-chan struct{}) {
	longest := min(l.cfg.Idle/3, heartbeat)
	quiet := time.NewTimer(longest)
	defer quiet.Stop()
	var b []byte
	for {
		if b = l.outgoing(b[:0]); len(b) == 0 {
			select {
			case <-l.wake:
			case <-quiet.C:
				l.acknowledge()
			case <-stop:
				return
			}
			continue
		}
		if _, err := c.Write(b); err != nil {
			return // reading ends by itself, after what the server has said last
		}
		quiet.Reset(longest)
	}
}

// outgoing appends to b the lines that wait, as many as one write should have.
func (l *Link) outgoing(b []byte) []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.out) > 0 && len(b) < maxBuffer {
		l.out[0].tried = true
		b = l.out[0].AppendClient(b)
		l.out = l.out[1:]
	}
	if l.ack {
		b = (&wire.Message{Verb: wire.Ping, Seq: l.seq}).AppendClient(b)
		l.ack = false
	}
	return b
}

func (l *Link) acknowledge() {
	l.mu.Lock()
	l.ack = true
	l.mu.Unlock()
	l.wakeWriter()
}

// read hands on what comes until the connection breaks.
func (l *Link) read(c *conn) error {
	for {
		m, err := c.next()
		if err != nil {
			return err
		}
		switch m.Verb {
		case wire.Data:
			err = l.readData(c, m)
		case wire.Bye:
			if l.slow {
				continue // the connection was cut, not the session
			}
			return &fatalError{fmt.Sprintf("the server ended the session: %s", m.Text)}
		case wire.Pong:
			l.progress = true
		case wire.Welcome, wire.Resumed:
		default:
			err = l.handOn(m)
		}
		if err != nil {
			return err
		}
	}
}

// handOn hands on a line, and keeps count of the stream.
func (l *Link) handOn(m wire.Message) error {
	e := Event{Message: m, Connection: l.connection}
	stream := false
	switch m.Verb {
	case wire.Error:
		l.slow = l.slow || string(m.Code) == wire.CodeTooSlow
	case wire.OK, wire.Refused:
		if e.Own = l.answer(); e.Own == nil {
			return &fatalError{fmt.Sprintf("the server does not follow %s: %s for a message that was not sent", wire.Version, m.Verb)}
		}
		stream = true
	case wire.Said:
		e.History = m.Seq <= l.joined
		stream = !e.History
	case wire.Joined, wire.Left, wire.Told:
		stream = true
	}
	if !l.emit(e) {
		return net.ErrClosed
	}
	if stream {
		l.mu.Lock()
		l.seq = m.Seq
		l.mu.Unlock()
		l.progress = true
		if l.since++; l.since == ackEvery {
			l.since = 0
			l.acknowledge()
		}
	}
	return nil
}

// answer takes the oldest message that was not answered.
func (l *Link) answer() *wire.Message {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.pending) == 0 {
		return nil
	}
	p := l.pending[0]
	l.pending = l.pending[1:]
	l.answered++
	return &p.Message
}

// readData hands on the bytes that follow a DATA line, in buffers that are used over and over.
func (l *Link) readData(c *conn, m wire.Message) error {
	for left := m.Count; left > 0; {
		var piece []byte
		select {
		case piece = <-l.free:
		case <-l.ctx.Done():
			return net.ErrClosed
		}
		if piece == nil {
			piece = make([]byte, pieceSize)
		}
		n, err := io.ReadFull(c.r, piece[:min(left, pieceSize)])
		if n == 0 {
			l.Free(piece)
			return err
		}
		if !l.emit(Event{Message: m, Connection: l.connection, Piece: piece[:n]}) {
			return net.ErrClosed
		}
		if err != nil {
			return err
		}
		left -= uint64(n)
		l.progress = true
	}
	return nil
}
