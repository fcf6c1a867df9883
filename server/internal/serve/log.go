package serve

import (
	"strconv"
	"strings"
	"time"

	"parley/server/internal/room"
)

// logPosts writes a line for each message into the log. It looks as slog would write it; but slog takes
// longer for the line than the room for the message.
func (c *client) logPosts(posts []room.Post) {
	var memory [32]byte
	stamp := time.Now().AppendFormat(memory[:0], "2006-01-02T15:04:05.000Z07:00")
	b := c.entries[:0]
	for _, p := range posts {
		if p.Refused != nil {
			c.log().Info("refused", "code", p.Refused.Code, "to", string(p.To))
			continue
		}
		kind := "broadcast"
		if p.To != nil {
			kind = "unicast"
		}
		b = append(append(b, "time="...), stamp...)
		b = append(append(b, " level=INFO msg="...), kind...)
		b = strconv.AppendUint(append(b, " seq="...), p.Seq, 10)
		b = appendValue(append(b, " from="...), c.conn.Name())
		if p.To != nil {
			b = appendValue(append(b, " to="...), p.Peer)
		}
		if c.Text {
			b = appendValue(append(b, " text="...), p.Text)
		}
		b = append(b, '\n')
	}
	c.Lines.Write(b)
	c.entries = b
}

// appendValue appends the value of an attribute, in quotes where slog puts it in quotes.
func appendValue[T string | []byte](b []byte, value T) []byte {
	word := len(value) > 0
	for i := range len(value) {
		switch c := value[i]; {
		case c > '=' && c <= '~' && c != '\\': // most are letters
		case c == ' ' || c == '=':
			word = false
		case c < ' ' || c > '~' || c == '"' || c == '\\':
			s := string(value)
			escaped := len(s) + len(`""`) + strings.Count(s, `\`) // if nothing else is
			if q := strconv.Quote(s); len(q) > escaped || strings.ContainsAny(s, " =\ufffd") {
				return append(b, q...)
			}
			return append(b, s...) // letters of any language, and backslashes
		}
	}
	if word {
		return append(b, value...)
	}
	return append(append(append(b, '"'), value...), '"')
}
