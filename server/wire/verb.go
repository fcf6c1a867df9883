package wire

import "fmt"

// Verb is the first word of a line.
type Verb string

// The verbs; FILES goes both ways, with different arguments.
const (
	Hello    Verb = "HELLO"
	Resume   Verb = "RESUME"
	Takeover Verb = "TAKEOVER"
	Invite   Verb = "INVITE"
	Say      Verb = "SAY"
	Tell     Verb = "TELL"
	Who      Verb = "WHO"
	Files    Verb = "FILES"
	Get      Verb = "GET"
	Stop     Verb = "STOP"
	Ping     Verb = "PING"
	Quit     Verb = "QUIT"

	Welcome Verb = "WELCOME"
	Resumed Verb = "RESUMED"
	Joined  Verb = "JOINED"
	Left    Verb = "LEFT"
	Said    Verb = "SAID"
	Told    Verb = "TOLD"
	OK      Verb = "OK"
	Refused Verb = "REFUSED"
	Users   Verb = "USERS"
	User    Verb = "USER"
	File    Verb = "FILE"
	Sending Verb = "SENDING"
	Data    Verb = "DATA"
	Sent    Verb = "SENT"
	Pong    Verb = "PONG"
	Notice  Verb = "NOTICE"
	Error   Verb = "ERROR"
	Bye     Verb = "BYE"
)

// layouts has one row for each kind of line, by the side that sends it.
var layouts = [...][]layout{client: {
	{Hello, []field{fieldProtocol, fieldName, fieldCount}},
	{Takeover, []field{fieldProtocol, fieldName, fieldCount}},
	{Resume, []field{fieldProtocol, fieldToken, fieldSeq}},
	{Invite, []field{fieldToken}},
	{Say, []field{fieldText}},
	{Tell, []field{fieldName, fieldText}},
	{Who, nil},
	{Files, nil},
	{Get, []field{fieldOffset, fieldVersion, fieldName}},
	{Stop, nil},
	{Ping, []field{fieldSeq}},
	{Quit, nil},
}, server: {
	{Welcome, []field{fieldToken, fieldSeq, fieldText}},
	{Resumed, []field{fieldCount, fieldText}},
	{Joined, []field{fieldSeq, fieldTime, fieldName}},
	{Left, []field{fieldSeq, fieldTime, fieldName, fieldReason}},
	{Said, []field{fieldSeq, fieldTime, fieldName, fieldText}},
	{Told, []field{fieldSeq, fieldTime, fieldName, fieldText}},
	{OK, []field{fieldSeq}},
	{Refused, []field{fieldSeq, fieldCode, fieldText}},
	{Users, []field{fieldCount}},
	{User, []field{fieldName}},
	{Files, []field{fieldCount, fieldText}},
	{File, []field{fieldSize, fieldTime, fieldName}},
	{Sending, []field{fieldSize, fieldOffset, fieldVersion, fieldName}},
	{Data, []field{fieldCount}},
	{Sent, []field{fieldDigest, fieldSize, fieldName}},
	{Pong, nil},
	{Notice, []field{fieldText}},
	{Error, []field{fieldName, fieldCode, fieldText}},
	{Bye, []field{fieldText}},
}}

// A layout is one kind of line: its verb, and its arguments in order. The last argument may hold spaces if it
// is a name or text.
type layout struct {
	verb   Verb
	fields []field
}

// A side is one end of a connection.
type side byte

const (
	client side = iota
	server
)

// find returns the layout of a verb's line. It has no verb itself if that side sends no such line.
func find[V Verb | []byte](from side, verb V) *layout {
	for i := range layouts[from] {
		if l := &layouts[from][i]; string(l.verb) == string(verb) {
			return l
		}
	}
	return &layout{}
}

// count says how many arguments the line takes.
func (l *layout) count() string {
	if len(l.fields) == 1 {
		return "1 argument"
	}
	return fmt.Sprintf("%d arguments", len(l.fields))
}

// A field is one argument of a line.
type field byte

const (
	fieldProtocol field = iota // the constant Version
	fieldSeq
	fieldCount
	fieldSize
	fieldOffset
	fieldTime
	fieldName
	fieldToken
	fieldVersion
	fieldCode
	fieldDigest
	fieldText
	fieldReason // text that may be absent, with the space before it
)

// spaced reports whether the field may hold spaces where it is the last argument.
func (f field) spaced() bool { return f == fieldName || f == fieldText || f == fieldReason }

// A place is where a message holds a field: a number, or text. It is neither for a constant.
type place struct {
	number *uint64
	text   *[]byte
}

// place returns where m holds a field.
func (m *Message) place(f field) place {
	switch f {
	case fieldSeq:
		return place{number: &m.Seq}
	case fieldCount:
		return place{number: &m.Count}
	case fieldSize:
		return place{number: &m.Size}
	case fieldOffset:
		return place{number: &m.Offset}
	case fieldTime:
		return place{number: &m.Time}
	case fieldName:
		return place{text: &m.Name}
	case fieldToken:
		return place{text: &m.Token}
	case fieldVersion:
		return place{text: &m.Version}
	case fieldCode:
		return place{text: &m.Code}
	case fieldDigest:
		return place{text: &m.Digest}
	case fieldText, fieldReason:
		return place{text: &m.Text}
	}
	return place{}
}
