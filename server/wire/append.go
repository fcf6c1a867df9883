package wire

import (
	"bytes"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// AppendClient appends to b the line that a client sends for m, with its end.
func (m *Message) AppendClient(b []byte) []byte { return m.append(clientLayouts[m.Verb], b) }

// AppendServer appends to b the line that a server sends for m, with its end. [ParseServer] takes the line
// whatever m holds: what no line can hold is changed as little as possible, because a file's time, say, comes
// from elsewhere.
func (m *Message) AppendServer(b []byte) []byte {
	from := len(b)
	b = m.append(serverLayouts[m.Verb], b)
	if len(b)-from > MaxServerLine {
		b = append(whole(b[:from+MaxServerLine-1]), '\n')
	}
	return b
}

func (m *Message) append(fields layout, b []byte) []byte {
	const maxNumber = 1<<63 - 1 // which parse takes
	b = append(b, m.Verb...)
	for i, f := range fields {
		if f == reason && len(m.Text) == 0 {
			break
		}
		b = append(b, ' ')
		if number, word := m.place(f); word != nil {
			b = appendWord(b, *word, i == len(fields)-1)
		} else if number != nil {
			b = strconv.AppendUint(b, min(*number, maxNumber), 10)
		} else {
			b = append(b, Version...)
		}
	}
	return append(b, '\n')
}

// appendWord appends an argument, which may hold spaces if it is the last one. It has at least one byte, and
// is never longer than a word that has.
func appendWord(b, word []byte, last bool) []byte {
	const most = 256 // bytes of an argument before the last: names and digests have half of that
	switch {
	case len(word) == 0:
		return append(b, '-')
	case CheckText(word) == nil && (last || len(word) <= most && bytes.IndexByte(word, ' ') < 0):
		return append(b, word...)
	}
	if !last && len(word) > most {
		word = whole(word[:most])
	}
	return append(b, strings.Map(func(r rune) rune {
		if r == utf8.RuneError || r == ' ' && !last || unicode.IsControl(r) {
			return '_'
		}
		return r
	}, string(word))...)
}

// whole returns b without a character at its end that was cut.
func whole(b []byte) []byte {
	for range utf8.UTFMax - 1 {
		if r, n := utf8.DecodeLastRune(b); r != utf8.RuneError || n != 1 {
			break
		}
		b = b[:len(b)-1]
	}
	return b
}
