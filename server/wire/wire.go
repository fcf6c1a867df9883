// Package wire is the protocol parley/1, the one package that server and client share. This comment is its
// specification: a client in any language can be written from it.
//
// # Flow
//
// Client and server talk over one TCP connection in lines of text that a person can read and type. The client
// names itself with HELLO; the server answers WELCOME and from then on sends the session's stream: who
// joined, who left, what was said. The client sends its own lines at any time and need not wait for answers.
// QUIT ends the session; the server answers BYE and closes.
//
// When a connection breaks, the session outlives it for a grace period. A client that comes back says RESUME
// with the token from WELCOME and the last seq that it saw, and the stream goes on after that seq. RESUMED
// tells how many of the session's SAY and TELL lines the server has handled; the client sends the others
// again.
//
// # Lines
//
// A line is UTF-8 text that ends with LF; CR LF is accepted. It holds no control characters (U+0000 to
// U+001F, U+007F to U+009F) but its end. A client's line has at most [MaxLine] bytes, its end included, a
// server's at most [MaxServerLine]. A line is a verb and its arguments, each after exactly one space:
//
//	VERB SP argument SP ... SP last argument may hold spaces LF
//
// Numbers are decimal without sign. A name is what [CheckName] accepts, and holds no spaces. A file name is a
// path below the shared folder with / between its elements. Times (ms) are Unix time in milliseconds.
//
// # Client to server
//
//	HELLO parley/1 <name> <history>     must be first: take a name, and get the newest history messages, at most 1000
//	RESUME parley/1 <token> <seq>       or this first: go on with a session that was cut off, from after seq
//	SAY <text>                          broadcast: to everyone but the sender
//	TELL <name> <text>                  unicast: to one
//	WHO                                 who is here
//	FILES                               open the shared folder and list it
//	GET <offset> <version> <file name>  download from offset; version says what the client has, see The stream
//	STOP                                stop the download in progress and those that wait behind it
//	PING <seq>                          alive, and everything up to seq has arrived
//	QUIT                                leave
//
// # Server to client
//
//	WELCOME <token> <seq> <text>        you are in; text is for the person
//	RESUMED <count> <text>              you are back; count of this session's SAY and TELL lines have been handled
//	JOINED <seq> <ms> <name>            to everyone, the one who joined included
//	LEFT <seq> <ms> <name> [reason]     to everyone else; no reason after QUIT
//	SAID <seq> <ms> <name> <text>       a broadcast
//	TOLD <seq> <ms> <name> <text>       a unicast to you
//	OK <seq>                            your SAY or TELL has its place in the order
//	REFUSED <seq> <code> <text>         your SAY or TELL was not taken
//	USERS <count>                       the answer to WHO, followed by count lines, at most [MaxUsers]:
//	USER <name>
//	FILES <count> <text>                access granted, text says so; followed by count lines, at most [MaxFiles]:
//	FILE <size> <ms> <file name>        ms is when the file was written, 0 also for a time before 1970
//	SENDING <size> <offset> <version> <file name>   a download begins: the file has size bytes, DATA starts at offset
//	DATA <n>                            n raw bytes follow the line; other lines may come between pieces
//	SENT <sha256> <size> <file name>    it is whole; this is the digest of the whole file, in lower case hex
//	PONG                                answer to PING
//	NOTICE <text>                       something from the server for the person
//	ERROR <verb> <code> <text>          why a line was not carried out; verb is the line's own, or -
//	BYE <text>                          the server closes now
//
// # The stream
//
// Seqs order the conversation: they ascend, gaps are allowed. Every SAY and TELL gets exactly one OK or
// REFUSED, in order. After WELCOME come the SAID lines of the history asked for: their seqs are not above
// WELCOME's and they are never resumed. Then comes one's own JOINED. Every later line with a seq belongs to
// the session's stream, which arrives complete, ascending and without repeats across any number of broken
// connections. A session that broke off has LEFT for the others; when it resumes it has JOINED again, for
// itself too. BYE ends the session, but after ERROR - too-slow and ERROR - moved only the connection. A
// RESUME may reach the server late, when its client has long come back over another connection: so a client
// that is told moved and did not expect it says RESUME again.
//
// A file's version is the word <ms>-<32 hex>, of at most 60 bytes: when the file was written, and digits that
// change with the content, and at times without. The version of a GET is one of
//
//   - "-", for whatever the file is now
//   - a version that an earlier SENDING gave
//   - sha256: and the SHA-256 of the first offset bytes, which the client has, in base64url without padding, as
//     43 characters
//
// SENDING starts at the offset that was asked for if the file has so many bytes and is that version, or
// begins with bytes of that digest; otherwise at 0. A file that only grows while it is sent is sent in the
// size that SENDING gave. GETs are served one after the other. A download that fails ends with ERROR GET, one
// that was stopped with ERROR GET stopped, in the place of SENT. The answers to FILES and GET come when the
// disk has them, so those to later lines may come before.
//
// # Errors
//
// An ERROR's code is one of the Code constants below. A line that cannot be understood gets an ERROR and
// changes nothing else: a SAY or TELL among them gets no OK or REFUSED and is not counted as handled. Until
// HELLO or RESUME succeeds, every other line gets ERROR <verb> not-joined, and the connection ends after the
// third line that fails, or after 10 seconds.
//
// # Versions
//
// The version is the second word of HELLO and RESUME. A server that does not speak it answers ERROR with code
// bad-version and names the one it does. Within a version, verbs may be added: a client ignores a line whose
// verb it does not know, a server answers ERROR unknown-verb. A FILE or USER line that a client cannot read
// costs it this row; after any other such line the two are out of step.
package wire

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Version is the protocol's name, as HELLO and RESUME carry it.
const Version = "parley/1"

// Limits of the protocol.
const (
	// bytes of a client's line, its end included: several screens of text, and bounded memory for each reader
	MaxLine = 4096
	// bytes of a server's line, its end included: a client's line with seq, time and name before it fits
	MaxServerLine = 8192
	// USER lines of one answer: more than a server on one machine has, and bounded memory for a client
	MaxUsers = 100_000
	MaxFiles = 10_000 // FILE lines of one answer: more than a person looks through, and the same
	// messages that HELLO can ask for: more than anyone reads back, and a burst of at most 4 MiB
	MaxHistory = 1000
)

// Verb is the first word of a line.
type Verb string

// The verbs; FILES goes both ways, with different arguments.
const (
	Hello  Verb = "HELLO"
	Resume Verb = "RESUME"
	Say    Verb = "SAY"
	Tell   Verb = "TELL"
	Who    Verb = "WHO"
	Files  Verb = "FILES"
	Get    Verb = "GET"
	Stop   Verb = "STOP"
	Ping   Verb = "PING"
	Quit   Verb = "QUIT"

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

// The codes of ERROR and REFUSED.
const (
	CodeUnknownVerb = "unknown-verb"  // no such verb
	CodeArguments   = "bad-arguments" // the verb takes other arguments
	CodeText        = "bad-text"      // not UTF-8, or with control characters
	CodeTooLong     = "too-long"      // a line over its limit
	CodeVersion     = "bad-version"   // another version of the protocol
	CodeNotJoined   = "not-joined"    // HELLO or RESUME must come first
	CodeJoined      = "joined"        // HELLO or RESUME came before
	CodeBadName     = "bad-name"      // not a name, see CheckName
	CodeNameTaken   = "name-taken"    // someone here has the name
	CodeFull        = "full"          // no more sessions
	CodeTimeout     = "timeout"       // no HELLO in time
	CodeGone        = "gone"          // the session cannot be resumed
	CodeNoUser      = "no-user"       // nobody here has the name
	CodeAway        = "away"          // the one who has the name is cut off, and may come back
	CodeSelf        = "self"          // a TELL to oneself
	CodeTooSlow     = "too-slow"      // the session lags too far behind what is sent to it; it can be resumed
	CodeMoved       = "moved"         // the session goes on over another connection
	CodeNoFile      = "no-file"       // no such file in the shared folder
	CodeFileFailed  = "file-failed"   // the shared folder or a file in it cannot be read
	CodeChanged     = "changed"       // the file changed while it was sent
	CodeStopped     = "stopped"       // the download was stopped
	CodeNoDownload  = "no-download"   // nothing to stop
	CodeBusy        = "busy"          // too many downloads or lists wait
)

// A Message is a line taken apart. The fields that its verb does not use are empty. Byte slices of a parsed
// message belong to the line that was parsed.
type Message struct {
	Verb    Verb
	Seq     uint64 // place in the order of the conversation
	Count   uint64 // how many: sessions, files, messages, lines handled, bytes of DATA
	Size    uint64 // bytes of the whole file
	Offset  uint64 // bytes of the file that come before
	Time    uint64 // Unix time in milliseconds
	Name    []byte // a user or a file; of an ERROR, the verb that failed
	Token   []byte // what RESUME needs
	Version []byte // of a file
	Code    []byte // of an ERROR or REFUSED
	Digest  []byte // SHA-256 in lower case hex
	Text    []byte
}

// A field is one argument of a verb's layout.
type field byte

const (
	protocol field = iota // the constant Version
	seq
	count
	size
	offset
	millis
	name
	token
	version
	code
	digest
	text
	reason // text that may be absent, with the space before it
)

// A layout is the order of a verb's arguments. The last one takes the rest of the line when it is a name,
// text or reason.
type layout []field

var clientLayouts = map[Verb]layout{
	Hello: {protocol, name, count}, Resume: {protocol, token, seq}, Say: {text}, Tell: {name, text}, Who: {}, Files: {},
	Get: {offset, version, name}, Stop: {}, Ping: {seq}, Quit: {},
}

var serverLayouts = map[Verb]layout{
	Welcome: {token, seq, text}, Resumed: {count, text}, Joined: {seq, millis, name}, Left: {seq, millis, name, reason},
	Said: {seq, millis, name, text}, Told: {seq, millis, name, text}, OK: {seq}, Refused: {seq, code, text},
	Users: {count}, User: {name}, Files: {count, text}, File: {size, millis, name},
	Sending: {size, offset, version, name}, Data: {count}, Sent: {digest, size, name}, Pong: {}, Notice: {text},
	Error: {name, code, text}, Bye: {text},
}

// A verbLayout is what one word at the begin of a line means.
type verbLayout struct {
	verb   Verb
	layout layout
}

// clientVerbs and serverVerbs find the verb in a line without taking memory.
var clientVerbs, serverVerbs = byWord(clientLayouts), byWord(serverLayouts)

func byWord(layouts map[Verb]layout) map[string]verbLayout {
	words := make(map[string]verbLayout)
	for verb, layout := range layouts {
		words[string(verb)] = verbLayout{verb, layout}
	}
	return words
}

// A ProtocolError says why a line is not carried out. It is what the ERROR or REFUSED that answers the line
// says.
type ProtocolError struct {
	Verb Verb   // the line's own, or "-" when it has none that is known
	Code string // one of the Code constants
	Text string // what came and what is allowed
}

func (e *ProtocolError) Error() string { return e.Text }

// Errorf returns a ProtocolError with a formatted text.
func Errorf(verb Verb, code, format string, args ...any) *ProtocolError {
	return &ProtocolError{verb, code, fmt.Sprintf(format, args...)}
}

// Message returns the ERROR that tells e to the client.
func (e *ProtocolError) Message() Message {
	return Message{Verb: Error, Name: []byte(e.Verb), Code: []byte(e.Code), Text: Line(e.Text)}
}

// ParseClient takes apart a line that a client sent, without its end. Its error is a *ProtocolError.
func ParseClient(line []byte) (Message, error) { return parse(clientVerbs, line) }

// ParseServer takes apart a line that a server sent, without its end. Its error is a *ProtocolError.
func ParseServer(line []byte) (Message, error) { return parse(serverVerbs, line) }

var space = []byte{' '}

func parse(verbs map[string]verbLayout, line []byte) (Message, error) {
	word, rest, more := bytes.Cut(line, space)
	known, ok := verbs[string(word)]
	if !ok {
		return Message{}, Errorf("-", CodeUnknownVerb, "unknown verb %.20q", word)
	}
	m, fields := Message{Verb: known.verb}, known.layout
	bad := func(format string, args ...any) (Message, error) {
		return Message{Verb: m.Verb}, Errorf(m.Verb, CodeArguments, format, args...)
	}
	for i, f := range fields {
		if f == reason && !more {
			return m, nil
		}
		if !more {
			return bad("%s takes %d arguments, got %d", m.Verb, len(fields), i)
		}
		arg := rest
		if last := i == len(fields)-1; last && (f == text || f == reason || f == name) {
			more = false
		} else {
			arg, rest, more = bytes.Cut(rest, space)
		}
		switch {
		case len(arg) == 0:
			return bad("%s got an empty argument %d", m.Verb, i+1)
		case f == protocol && string(arg) != Version:
			return m, Errorf(m.Verb, CodeVersion, "protocol %.20q is not spoken here, %s is", arg, Version)
		}
		if number, word := m.place(f); word != nil {
			*word = arg
		} else if number != nil {
			var err error
			*number, err = strconv.ParseUint(string(arg), 10, 63)
			if err != nil || arg[0] == '+' {
				return bad("%s got %.20q where a number belongs", m.Verb, arg)
			}
		}
	}
	if more {
		return bad("%s takes %d arguments, got more", m.Verb, len(fields))
	}
	return m, nil
}

// place returns where m holds the field f: a number or a word.
func (m *Message) place(f field) (number *uint64, word *[]byte) {
	switch f {
	case seq:
		return &m.Seq, nil
	case count:
		return &m.Count, nil
	case size:
		return &m.Size, nil
	case offset:
		return &m.Offset, nil
	case millis:
		return &m.Time, nil
	case name:
		return nil, &m.Name
	case token:
		return nil, &m.Token
	case version:
		return nil, &m.Version
	case code:
		return nil, &m.Code
	case digest:
		return nil, &m.Digest
	case text, reason:
		return nil, &m.Text
	}
	return nil, nil // the constant protocol
}

// CheckText returns a *ProtocolError when text is not UTF-8 or has control characters, and nil otherwise.
func CheckText(text []byte) error {
	ascii := true
	for i, c := range text {
		ascii = ascii && c < utf8.RuneSelf
		if c < ' ' || c >= 0x7f && (c == 0x7f || c == 0xc2 && i+1 < len(text) && text[i+1] < 0xa0) {
			return Errorf("-", CodeText, "a control character at byte %d of the line", i+1)
		}
	}
	if !ascii && !utf8.Valid(text) {
		return Errorf("-", CodeText, "a line that is not UTF-8")
	}
	return nil
}

// Line makes text of any origin safe as the last argument of a server's line: one line, UTF-8, at most 2,000
// bytes and dots.
func Line(text string) []byte {
	const most = 2000 // bytes: far below MaxServerLine, and no message to a person needs more
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text)
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "..." // which may have been cut within a character
	}
	return []byte(text)
}
