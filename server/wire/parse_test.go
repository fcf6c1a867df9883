package wire_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"parley/server/wire"
)

// A line and the message it stands for. The two go both ways.
type example struct {
	line string
	want wire.Message
}

func b(s string) []byte { return []byte(s) }

var clientExamples = []example{
	{"HELLO parley/1 alice 0", wire.Message{Verb: wire.Hello, Name: b("alice")}},
	{"HELLO parley/1 Zoë 1000", wire.Message{Verb: wire.Hello, Name: b("Zoë"), Count: 1000}},
	{"TAKEOVER parley/1 alice 50", wire.Message{Verb: wire.Takeover, Name: b("alice"), Count: 50}},
	{"INVITE mfrggzdf", wire.Message{Verb: wire.Invite, Token: b("mfrggzdf")}},
	{"RESUME parley/1 0123abcd 77", wire.Message{Verb: wire.Resume, Token: b("0123abcd"), Seq: 77}},
	{"SAY hello", wire.Message{Verb: wire.Say, Text: b("hello")}},
	{"SAY  two  spaces ", wire.Message{Verb: wire.Say, Text: b(" two  spaces ")}},
	{"TELL bob how are you?", wire.Message{Verb: wire.Tell, Name: b("bob"), Text: b("how are you?")}},
	{"TELL bob  x", wire.Message{Verb: wire.Tell, Name: b("bob"), Text: b(" x")}},
	{"WHO", wire.Message{Verb: wire.Who}},
	{"FILES", wire.Message{Verb: wire.Files}},
	{"GET 0 - a file.txt", wire.Message{Verb: wire.Get, Version: b("-"), Name: b("a file.txt")}},
	{"GET 9223372036854775807 v1 sub/x", wire.Message{Verb: wire.Get, Offset: 1<<63 - 1, Version: b("v1"),
		Name: b("sub/x")}},
	{"STOP", wire.Message{Verb: wire.Stop}},
	{"PING 12", wire.Message{Verb: wire.Ping, Seq: 12}},
	{"QUIT", wire.Message{Verb: wire.Quit}},
}

var serverExamples = []example{
	{"WELCOME ab12 3 welcome, all", wire.Message{Verb: wire.Welcome, Token: b("ab12"), Seq: 3,
		Text: b("welcome, all")}},
	{"RESUMED 4 welcome back", wire.Message{Verb: wire.Resumed, Count: 4, Text: b("welcome back")}},
	{"JOINED 5 1700000000000 alice", wire.Message{Verb: wire.Joined, Seq: 5, Time: 1700000000000,
		Name: b("alice")}},
	{"LEFT 6 1 alice", wire.Message{Verb: wire.Left, Seq: 6, Time: 1, Name: b("alice")}},
	{"LEFT 6 1 alice connection lost", wire.Message{Verb: wire.Left, Seq: 6, Time: 1, Name: b("alice"),
		Text: b("connection lost")}},
	{"SAID 7 1 alice hi  there", wire.Message{Verb: wire.Said, Seq: 7, Time: 1, Name: b("alice"),
		Text: b("hi  there")}},
	{"TOLD 8 1 alice psst", wire.Message{Verb: wire.Told, Seq: 8, Time: 1, Name: b("alice"),
		Text: b("psst")}},
	{"OK 9", wire.Message{Verb: wire.OK, Seq: 9}},
	{"REFUSED 10 no-user nobody is", wire.Message{Verb: wire.Refused, Seq: 10, Code: b("no-user"),
		Text: b("nobody is")}},
	{"USERS 2", wire.Message{Verb: wire.Users, Count: 2}},
	{"USER bob", wire.Message{Verb: wire.User, Name: b("bob")}},
	{"FILES 1 you may", wire.Message{Verb: wire.Files, Count: 1, Text: b("you may")}},
	{"FILE 11 12 my file", wire.Message{Verb: wire.File, Size: 11, Time: 12, Name: b("my file")}},
	{"SENDING 13 14 v1 my file", wire.Message{Verb: wire.Sending, Size: 13, Offset: 14, Version: b("v1"),
		Name: b("my file")}},
	{"DATA 15", wire.Message{Verb: wire.Data, Count: 15}},
	{"SENT e3b0 16 my file", wire.Message{Verb: wire.Sent, Digest: b("e3b0"), Size: 16, Name: b("my file")}},
	{"PONG", wire.Message{Verb: wire.Pong}},
	{"NOTICE hear, hear", wire.Message{Verb: wire.Notice, Text: b("hear, hear")}},
	{"ERROR GET no-file there is none", wire.Message{Verb: wire.Error, Name: b("GET"), Code: b("no-file"),
		Text: b("there is none")}},
	{"ERROR - too-long a line", wire.Message{Verb: wire.Error, Name: b("-"), Code: b("too-long"),
		Text: b("a line")}},
	{"BYE see you", wire.Message{Verb: wire.Bye, Text: b("see you")}},
}

// sides are the two directions of the protocol.
var sides = []struct {
	name     string
	examples []example
	parse    func([]byte) (wire.Message, error)
	append   func(*wire.Message, []byte) []byte
}{
	{"client", clientExamples, wire.ParseClient, (*wire.Message).AppendClient},
	{"server", serverExamples, wire.ParseServer, (*wire.Message).AppendServer},
}

func TestEveryVerbBothWays(t *testing.T) {
	for _, side := range sides {
		for _, e := range side.examples {
			got, err := side.parse(b(e.line))
			if err != nil {
				t.Errorf("%s: parsing %q: %v", side.name, e.line, err)
			}
			if diff := cmp.Diff(e.want, got); diff != "" {
				t.Errorf("%s: parsing %q (-want +got):\n%s", side.name, e.line, diff)
			}
			line := string(side.append(&e.want, b("before ")))
			if diff := cmp.Diff("before "+e.line+"\n", line); diff != "" {
				t.Errorf("%s: appending (-want +got):\n%s", side.name, diff)
			}
		}
	}
}

// A line whose last argument may hold spaces must not lose an earlier one, so each line is cut after each of
// its words.
func TestLinesCutShort(t *testing.T) {
	for _, side := range sides {
		for _, e := range side.examples {
			for i, c := range e.line {
				if c != ' ' {
					continue
				}
				for _, short := range []string{e.line[:i], e.line[:i+1]} {
					m, err := side.parse(b(short))
					if err == nil && string(side.append(&m, nil)) != short+"\n" {
						t.Errorf("%s: %q was taken for %+v", side.name, short, m)
					}
				}
			}
		}
	}
}

func TestLinesThatCannotBeUnderstood(t *testing.T) {
	tests := []struct {
		line string
		verb wire.Verb
		code string
		text string
	}{
		{"", "-", wire.CodeUnknownVerb, `unknown verb ""`},
		{" ", "-", wire.CodeUnknownVerb, `unknown verb ""`},
		{" SAY x", "-", wire.CodeUnknownVerb, `unknown verb ""`},
		{"say x", "-", wire.CodeUnknownVerb, `unknown verb "say"`},
		{"SAID 1 1 bob x", "-", wire.CodeUnknownVerb, `unknown verb "SAID"`},
		{strings.Repeat("X", 4000), "-", wire.CodeUnknownVerb, `unknown verb "XXXXXXXXXXXXXXXXXXXX"`},
		{"SAY", wire.Say, wire.CodeArguments, "SAY takes 1 argument, got 0"},
		{"SAY ", wire.Say, wire.CodeArguments, "SAY got an empty argument 1"},
		{"TELL bob", wire.Tell, wire.CodeArguments, "TELL takes 2 arguments, got 1"},
		{"TELL bob ", wire.Tell, wire.CodeArguments, "TELL got an empty argument 2"},
		{"TELL  bob x", wire.Tell, wire.CodeArguments, "TELL got an empty argument 1"},
		{"WHO ", wire.Who, wire.CodeArguments, "WHO takes 0 arguments, got more"},
		{"WHO is", wire.Who, wire.CodeArguments, "WHO takes 0 arguments, got more"},
		{"PING 1 2", wire.Ping, wire.CodeArguments, "PING takes 1 argument, got more"},
		{"PING -1", wire.Ping, wire.CodeArguments, `PING got "-1" where a number belongs`},
		{"PING +1", wire.Ping, wire.CodeArguments, `PING got "+1" where a number belongs`},
		{"PING 1_0", wire.Ping, wire.CodeArguments, `PING got "1_0" where a number belongs`},
		{"PING 0x1", wire.Ping, wire.CodeArguments, `PING got "0x1" where a number belongs`},
		{"PING 9223372036854775808", wire.Ping, wire.CodeArguments,
			`PING got "9223372036854775808" where a number belongs`},
		{"HELLO parley/1 bob", wire.Hello, wire.CodeArguments, "HELLO takes 3 arguments, got 2"},
		{"HELLO parley/1 bob x", wire.Hello, wire.CodeArguments, `HELLO got "x" where a number belongs`},
		{"HELLO parley/2 bob 0", wire.Hello, wire.CodeVersion,
			`unsupported protocol "parley/2": this server speaks parley/1`},
		{"RESUME parley 0123 0", wire.Resume, wire.CodeVersion,
			`unsupported protocol "parley": this server speaks parley/1`},
	}
	for _, test := range tests {
		_, err := wire.ParseClient(b(test.line))
		var got *wire.ProtocolError
		if !errors.As(err, &got) {
			t.Errorf("%.40q: error %v, want a *ProtocolError", test.line, err)
			continue
		}
		if diff := cmp.Diff(&wire.ProtocolError{test.verb, test.code, test.text}, got); diff != "" {
			t.Errorf("%.40q (-want +got):\n%s", test.line, diff)
		}
	}
	for _, line := range []string{"HELLO parley/1 bob 0", "OK", "OK x", "LEFT 1 2 bob ", "DATA 1 2"} {
		if m, err := wire.ParseServer(b(line)); err == nil {
			t.Errorf("a client took %q for %+v", line, m)
		}
	}
}

func TestErrorAsMessage(t *testing.T) {
	e := wire.ProtocolError{wire.Get, wire.CodeNoFile, "no file\x1b[A\nhere"}
	m := e.Message()
	if diff := cmp.Diff("ERROR GET no-file no file [A here\n", string(m.AppendServer(nil))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(e.Text, e.Error()); diff != "" {
		t.Errorf("Error (-want +got):\n%s", diff)
	}
}

func TestCheckText(t *testing.T) {
	tests := []struct {
		text string
		want string // the error's text, or empty
	}{
		{"", ""},
		{"hello, wörld 🙂", ""},
		{"\u00a0 is no control character", ""},
		{"a\tb", "a control character at byte 2 of the line"},
		{"\x00", "a control character at byte 1 of the line"},
		{"del\x7f", "a control character at byte 4 of the line"},
		{"\u0080", "a control character at byte 1 of the line"},
		{"x\u009f", "a control character at byte 2 of the line"},
		{"a\r", "a control character at byte 2 of the line"},
		{"\xff", "a line that is not UTF-8"},
		{"\xc2", "a line that is not UTF-8"},
		{"\xed\xa0\x80", "a line that is not UTF-8"}, // a surrogate
	}
	for _, test := range tests {
		var want error
		if test.want != "" {
			want = &wire.ProtocolError{"-", wire.CodeText, test.want}
		}
		if diff := cmp.Diff(want, wire.CheckText(b(test.text))); diff != "" {
			t.Errorf("%q (-want +got):\n%s", test.text, diff)
		}
	}
}

// Wherever a byte lies among letters, it is found if it is not one of printable ASCII.
func TestCheckTextEveryByte(t *testing.T) {
	letters := strings.Repeat("x", 20) // several words of the processor, and a few bytes more
	for at := range letters {
		for c := range 0x100 {
			text := b(letters)
			text[at] = byte(c)
			err := wire.CheckText(text)
			if printable := c >= ' ' && c <= '~'; (err == nil) != printable {
				t.Errorf("byte %#x at %d: %v", c, at, err)
			}
		}
	}
}

func TestLine(t *testing.T) {
	const most = 2000 // what the comment of Line promises, the dots not counted
	tests := []struct{ text, want string }{
		{"as it is", "as it is"},
		{"two\nlines\u0085\x7f", "two lines  "},
		{"bad \xff", "bad \ufffd"},
		{strings.Repeat("x", most), strings.Repeat("x", most)},
		{strings.Repeat("x", most+1), strings.Repeat("x", most) + "..."},
		{strings.Repeat("é", most), strings.Repeat("é", most/2) + "..."},
		{strings.Repeat("x", most-1) + "é", strings.Repeat("x", most-1) + "..."},
	}
	for _, test := range tests {
		got := wire.Line(test.text)
		if diff := cmp.Diff(test.want, string(got)); diff != "" {
			t.Errorf("%.20q (-want +got):\n%s", test.text, diff)
		}
		if err := wire.CheckText(got); err != nil {
			t.Errorf("%.20q: %v", test.text, err)
		}
	}
}

// What a client may send must fit into a server's line, with all that stands before it.
func TestLongestLineFits(t *testing.T) {
	text := b(strings.Repeat("x", wire.MaxLine-len("SAY \n")))
	name := b(strings.Repeat("🙂", wire.MaxName)) // the longest in bytes
	m := wire.Message{Verb: wire.Said, Seq: 1<<63 - 1, Time: 1<<63 - 1, Name: name, Text: text}
	if n := len(m.AppendServer(nil)); n > wire.MaxServerLine {
		t.Errorf("SAID takes %d bytes, at most %d are allowed", n, wire.MaxServerLine)
	}
	m.Verb = wire.Told
	if n := len(m.AppendServer(nil)); n > wire.MaxServerLine {
		t.Errorf("TOLD takes %d bytes, at most %d are allowed", n, wire.MaxServerLine)
	}
}

// FuzzParse: what a line means survives being written and read again, in either direction, and nothing
// panics.
func FuzzParse(f *testing.F) {
	for _, side := range sides {
		for _, e := range side.examples {
			f.Add(b(e.line))
			f.Add(b(strings.ReplaceAll(e.line, " ", "  ")))
		}
	}
	f.Add(b("LEFT 1 2 bob  "))
	f.Add(b("PING 00012"))
	f.Fuzz(func(t *testing.T, line []byte) {
		for _, side := range sides {
			m, err := side.parse(line)
			if err != nil {
				if e := (*wire.ProtocolError)(nil); !errors.As(err, &e) || e.Code == "" || e.Text == "" {
					t.Fatalf("%s: error %#v", side.name, err)
				}
				continue
			}
			again, err := side.parse([]byte(strings.TrimSuffix(string(side.append(&m, nil)), "\n")))
			if err != nil {
				t.Fatalf("%s: parsing %q again: %v", side.name, line, err)
			}
			// No Reader returns another text, and longer words are cut.
			if wire.CheckText(line) != nil || len(line) > 256 {
				continue
			}
			if diff := cmp.Diff(m, again); diff != "" {
				t.Fatalf("%s: %q (-first +second):\n%s", side.name, line, diff)
			}
		}
	})
}

func BenchmarkParseClient(bench *testing.B) {
	line := b("SAY " + strings.Repeat("x", 60))
	bench.ReportAllocs()
	for bench.Loop() {
		if _, err := wire.ParseClient(line); err != nil {
			bench.Fatal(err)
		}
	}
}

func BenchmarkAppendServer(bench *testing.B) {
	m := wire.Message{Verb: wire.Said, Seq: 123456, Time: 1700000000000, Name: b("alice"),
		Text: b(strings.Repeat("x", 60))}
	line := make([]byte, 0, 256)
	bench.ReportAllocs()
	for bench.Loop() {
		line = m.AppendServer(line[:0])
	}
}
