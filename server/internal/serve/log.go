package serve

import (
	"strconv"
	"strings"
	"time"
)

// An entry is what one line in the log leaves for the next.
type entry struct {
	line  []byte
	at    int64  // milliseconds of Unix time
	stamp []byte // at as text
}

// logMessage writes the line of a message into the log. It looks as slog would write it; but slog takes longer for the line
// than the room for the message.
func (c *client) logMessage(kind string, seq uint64, to string, text []byte) {
	if c.entry == nil {
		c.entry = new(entry)
	}
	e, now := c.entry, time.Now()
	if at := now.UnixMilli(); at != e.at {
		e.at, e.stamp = at, now.AppendFormat(e.stamp[:0], "2006-01-02T15:04:05.000Z07:00")
	}
	b := append(append(e.line[:0], "time="...), e.stamp...)
	b = append(append(b, " level=INFO msg="...), kind...)
	b = strconv.AppendUint(append(b, " seq="...), seq, 10)
	b = appendValue(append(b, " from="...), c.conn.Name())
	if to != "" {
		b = appendValue(append(b, " to="...), to)
	}
	if c.Text {
		b = appendValue(append(b, " text="...), text)
	}
	e.line = append(b, '\n')
	c.Lines.Write(e.line)
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
