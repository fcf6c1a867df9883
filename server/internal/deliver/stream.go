package deliver

import (
	"bytes"

	"parley/server/wire"
)

const (
	// bytes of a chunk: thousands of messages an allocation, and little kept by a cursor that stays behind
	chunkSize = 64 << 10
	retention = 16 << 20 // bytes of the stream that sessions can resume from and that history comes from
)

// A chunk is a piece of the stream. Its bytes, once appended, never change, so they are read without a lock
// and handed to the kernel without a copy; the garbage collector frees a chunk when neither the stream nor a
// cursor holds it.
type chunk struct {
	base uint64 // position of buf[0] in the stream
	seq  uint64 // above that of every line before
	buf  []byte
	next *chunk
}

// A stream is the conversation: every event that concerns everyone, as the line that goes on the wire. A
// position in it is the number of bytes before. The hub's mutex guards it; only the bytes themselves are
// read without.
type stream struct {
	first, last *chunk
	end         uint64                // position after the last line
	seq         uint64                // of the last line
	history     [wire.MaxHistory]span // the newest broadcasts, a ring
	said        int                   // broadcasts that went into history
	forgotten   int                   // broadcasts that the stream, and so history, no longer holds
}

// A span is a run of lines within one chunk.
type span struct {
	chunk    *chunk
	from, to int
}

func (s span) pos() uint64   { return s.chunk.base + uint64(s.from) }
func (s span) lines() []byte { return s.chunk.buf[s.from:s.to:s.to] }

// newStream returns an empty stream that goes on after seq.
func newStream(seq uint64) stream {
	c := &chunk{seq: seq + 1, buf: make([]byte, 0, chunkSize)}
	return stream{first: c, last: c, seq: seq}
}

// restore makes lines the history of a stream to which nothing was appended yet. They are not part of the
// stream itself. It returns false if they are no such lines.
func (l *stream) restore(lines []byte) bool {
	c := &chunk{buf: lines}
	for from := 0; from < len(lines); {
		size := bytes.IndexByte(lines[from:], '\n') + 1
		m, err := wire.ParseServer(lines[from:max(from+size-1, from)])
		if err != nil || m.Seq > l.seq {
			return false
		}
		l.remember(span{c, from, from + size})
		from += size
	}
	return true
}

// append adds the line of m, which is one of the history or not. It tells where the line is, and whether it
// began a chunk.
func (l *stream) append(m *wire.Message, history bool) (s span, rolled bool) {
	c := l.last
	if len(c.buf)+atMost(m) > cap(c.buf) {
		c = &chunk{base: l.end, seq: l.seq + 1, buf: make([]byte, 0, chunkSize)}
		l.last.next, l.last = c, c
		l.forget()
		rolled = true
	}
	from := len(c.buf)
	c.buf = m.AppendServer(c.buf)
	s = span{c, from, len(c.buf)}
	l.end += uint64(s.to - s.from)
	l.seq = m.Seq
	if history {
		l.remember(s)
	}
	return s, rolled
}

// remember makes a line the newest of the history.
func (l *stream) remember(s span) {
	l.history[l.said%len(l.history)] = s
	l.said++
	l.forgotten = max(l.forgotten, l.said-len(l.history))
}

// atMost returns as many bytes as the line of m can have.
func atMost(m *wire.Message) int {
	const frame = 80 // bytes, more than a verb, two numbers and the spaces between take
	return len(m.Name) + len(m.Code) + len(m.Text) + frame
}

// forget lets go of the chunks that lie before the retention.
func (l *stream) forget() {
	for l.end-l.first.next.base > retention {
		l.first = l.first.next
	}
	for l.forgotten < l.said {
		s := &l.history[l.forgotten%len(l.history)]
		if s.chunk.base >= l.first.base {
			break
		}
		*s = span{}
		l.forgotten++
	}
}

// forgetHistory leaves nothing for newcomers.
func (l *stream) forgetHistory() {
	clear(l.history[:])
	l.forgotten = l.said
}

// newest returns the newest n broadcasts that the stream still holds, oldest first, in as few spans as they
// fit.
func (l *stream) newest(n int) []span {
	var spans []span
	for i := max(l.said-n, l.forgotten); i < l.said; i++ {
		s := l.history[i%len(l.history)]
		if n := len(spans) - 1; n >= 0 && spans[n].chunk == s.chunk && spans[n].to == s.from {
			spans[n].to = s.to
		} else {
			spans = append(spans, s)
		}
	}
	return spans
}

// reaches reports whether the stream still holds every line whose seq is above seq.
func (l *stream) reaches(seq uint64) bool { return seq+1 >= l.first.seq }

// after returns a cursor to the first line whose seq is above seq, and false when the stream no longer
// reaches back to it.
func (l *stream) after(seq uint64) (cursor, bool) {
	if !l.reaches(seq) {
		return cursor{}, false
	}
	c := l.first
	for c.next != nil && c.next.seq <= seq+1 {
		c = c.next
	}
	at := cursor{c, 0}
	for at.off < len(c.buf) {
		line := c.buf[at.off:]
		line = line[:bytes.IndexByte(line, '\n')]
		m, err := wire.ParseServer(line)
		if err != nil {
			panic("deliver: malformed line in the stream: " + err.Error())
		}
		if m.Seq > seq {
			break
		}
		at.off += len(line) + 1
	}
	return at, true
}

// A cursor is a place in the stream, from which a session reads on.
type cursor struct {
	chunk *chunk
	off   int
}

func (c cursor) pos() uint64 { return c.chunk.base + uint64(c.off) }

// next returns what the stream holds from the cursor on, within one chunk and before the position limit.
func (c *cursor) next(limit uint64) []byte {
	if c.off == len(c.chunk.buf) && c.chunk.next != nil {
		*c = cursor{c.chunk.next, 0}
	}
	n := min(uint64(len(c.chunk.buf)-c.off), limit-c.pos())
	return c.chunk.buf[c.off : c.off+int(n)]
}
