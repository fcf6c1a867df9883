package serve

import (
	"strconv"
	"strings"
	"time"

	"parley/server/internal/room"
)

// An entry is what a session writes into the log at a time.
type entry struct {
	lines []byte
	at    int64  // milliseconds of Unix time
	stamp []byte // at as text
}

// logPost adds the line of a message to what flushLog writes. It looks as slog would write it; but slog takes longer for
// the line than the room for the message.
func (c *client) logPost(p *room.Post, now time.Time) {
	if c.entry == nil {
		c.entry = new(entry)
	}
	e := c.entry
	if at := now.UnixMilli(); at != e.at {
		e.at, e.stamp = at, now.AppendFormat(e.stamp[:0], "2006-01-02T15:04:05.000Z07:00")
	}
	kind := "broadcast"
	if p.To != nil {
		kind = "unicast"
	}
	b := append(append(e.lines, "time="...), e.stamp...)
	b = append(append(b, " level=INFO msg="...), kind...)
	b = strconv.AppendUint(append(b, " seq="...), p.Seq, 10)
	b = appendValue(append(b, " from="...), c.conn.Name())
	if p.To != nil {
		b = appendValue(append(b, " to="...), p.Peer)
	}
	if c.Text {
		b = appendValue(append(b, " text="...), p.Text)
	}
	e.lines = append(b, '\n')
}

// flushLog writes the lines of messages into the log.
func (c *client) flushLog() {
	if c.entry != nil {
		c.Lines.Write(c.entry.lines)
		c.entry.lines = c.entry.lines[:0]
	}
}

// appendValue appends the value of an attribute, in quotes where slog puts it in quotes.
func appendValue[T string | []byte](b []byte, value T) []byte {
	word := len(value) > 0
	for i := range len(value) {
		switch c := value[i]; {
		case c == ' ' || c == '=':
			word = false
		case c < ' ' || c > '~' || c == '"' || c == '\\':
			s := string(value)
			if q := strconv.Quote(s); len(q) > len(s)+2 || strings.ContainsAny(s, " =") {
				return append(b, q...)
			}
			return append(b, s...) // letters of any language
		}
	}
	if word {
		return append(b, value...)
	}
	return append(append(append(b, '"'), value...), '"')
}
