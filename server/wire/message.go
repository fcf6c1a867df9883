package wire

import (
	"bytes"
	"strconv"
	"unicode"
	"unicode/utf8"
)

// A Message is a line taken apart. The fields that its verb does not use are empty. Byte slices of a parsed
// message belong to the line that was parsed.
type Message struct {
	Verb    Verb
	Seq     uint64 // place in the order of the conversation
	Count   uint64 // number of sessions, files, messages, lines handled, or bytes of DATA
	Size    uint64 // bytes of the whole file
	Offset  uint64 // position in the file, in bytes
	Time    uint64 // Unix time in milliseconds
	Name    []byte // a user or a file; of an ERROR, the verb that failed
	Token   []byte // what RESUME needs; of INVITE, the code
	Version []byte // of a file
	Code    []byte // of an ERROR or REFUSED
	Digest  []byte // SHA-256 in lower case hex
	Text    []byte
}

// ParseClient takes apart a line that a client sent, without its end. Its error is a *ProtocolError.
func ParseClient(line []byte) (Message, error) { return parse(client, line) }

// ParseServer takes apart a line that a server sent, without its end. Its error is a *ProtocolError.
func ParseServer(line []byte) (Message, error) { return parse(server, line) }

var space = []byte{' '}

func parse(from side, line []byte) (Message, error) {
	word, rest, more := bytes.Cut(line, space)
	l := find(from, word)
	if l.verb == "" {
		return Message{}, Errorf("-", CodeUnknownVerb, "unknown verb %.20q", word)
	}
	m := Message{Verb: l.verb}
	for i, f := range l.fields {
		if !more && f == fieldReason {
			return m, nil
		}
		if !more {
			return m, Errorf(l.verb, CodeArguments, "%s takes %s, got %d", l.verb, l.count(), i)
		}
		arg := rest
		if i == len(l.fields)-1 && f.spaced() {
			more = false
		} else {
			arg, rest, more = bytes.Cut(rest, space)
		}
		if len(arg) == 0 {
			return m, Errorf(l.verb, CodeArguments, "%s got an empty argument %d", l.verb, i+1)
		}
		if p := m.place(f); p.number != nil {
			n, err := strconv.ParseUint(string(arg), 10, 63)
			if err != nil {
				return m, Errorf(l.verb, CodeArguments, "%s got %.20q where a number belongs", l.verb, arg)
			}
			*p.number = n
		} else if p.text != nil {
			*p.text = arg
		} else if string(arg) != Version {
			const format = "unsupported protocol %.20q: this server speaks %s"
			return m, Errorf(l.verb, CodeVersion, format, arg, Version)
		}
	}
	if more {
		return m, Errorf(l.verb, CodeArguments, "%s takes %s, got more", l.verb, l.count())
	}
	return m, nil
}

// AppendClient appends to b the line that a client sends for m, with its end.
func (m *Message) AppendClient(b []byte) []byte { return m.append(b, find(client, m.Verb).fields) }

// AppendServer appends to b the line that a server sends for m, with its end. [ParseServer] accepts the line
// whatever m holds: what no line can hold, such as the time of a strange file, is changed as little as
// possible.
func (m *Message) AppendServer(b []byte) []byte {
	from := len(b)
	b = m.append(b, find(server, m.Verb).fields)
	if len(b)-from > MaxServerLine {
		b = append(cut(b, from+MaxServerLine-1), '\n')
	}
	return b
}

func (m *Message) append(b []byte, fields []field) []byte {
	const maxNumber = 1<<63 - 1 // the largest that parse accepts
	b = append(b, m.Verb...)
	for i, f := range fields {
		if f == fieldReason && len(m.Text) == 0 {
			break
		}
		b = append(b, ' ')
		if p := m.place(f); p.number != nil {
			b = strconv.AppendUint(b, min(*p.number, maxNumber), 10)
		} else if p.text != nil {
			b = appendText(b, *p.text, i == len(fields)-1 && f.spaced())
		} else {
			b = append(b, Version...)
		}
	}
	return append(b, '\n')
}

// appendText appends an argument. It is never empty; only the last one may hold spaces and be long.
func appendText(b, text []byte, last bool) []byte {
	const most = 256 // bytes of an argument before the last: names and digests have half of that
	if len(text) == 0 {
		return append(b, '-')
	}
	if CheckText(text) == nil && (last || len(text) <= most && bytes.IndexByte(text, ' ') < 0) {
		return append(b, text...)
	}
	text = bytes.Map(func(r rune) rune {
		if r == utf8.RuneError || r == ' ' && !last || unicode.IsControl(r) {
			return '_'
		}
		return r
	}, text)
	if !last {
		text = cut(text, most)
	}
	return append(b, text...)
}
