package wire_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"parley/server/wire"
)

// What no line can hold is changed, so that the line is one all the same; what a line can hold is not.
func TestAppendWhatNoLineCanHold(t *testing.T) {
	long := strings.Repeat("é", wire.MaxServerLine)
	tests := []struct {
		m    wire.Message
		want string
	}{
		{wire.Message{Verb: wire.File, Time: 1<<64 - 1000, Name: b("old")}, "FILE 0 9223372036854775807 old"},
		{wire.Message{Verb: wire.OK, Seq: 1 << 63}, "OK 9223372036854775807"},
		{wire.Message{Verb: wire.User}, "USER -"},
		{wire.Message{Verb: wire.Bye}, "BYE -"},
		{wire.Message{Verb: wire.Left, Name: b("bob")}, "LEFT 0 0 bob"},
		{wire.Message{Verb: wire.Said, Name: b("a b"), Text: b("c d")}, "SAID 0 0 a_b c d"},
		{wire.Message{Verb: wire.Sending, Version: b("v 1"), Name: b("a b")}, "SENDING 0 0 v_1 a b"},
		{wire.Message{Verb: wire.File, Name: b("a\nb\x7f\u0085c")}, "FILE 0 0 a_b__c"},
		{wire.Message{Verb: wire.Notice, Text: b("caf\xe9")}, "NOTICE caf_"},
		{wire.Message{Verb: wire.Bye, Text: b(long)}, "BYE " + long[:wire.MaxServerLine-6]}, // and no half é
		{wire.Message{Verb: wire.Refused, Code: b(long), Text: b("x")}, "REFUSED 0 " + long[:256] + " x"},
	}
	for _, test := range tests {
		if diff := cmp.Diff(test.want+"\n", string(test.m.AppendServer(nil))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.m.Verb, diff)
		}
	}
}

// FuzzMessage: whatever a message holds, its line is one that the other side's reader and parser take, and
// stands for the same message when nothing had to be changed.
func FuzzMessage(f *testing.F) {
	f.Add(uint64(1<<64-1000), uint64(1<<63), "alice", "v1", "hello  there ")
	f.Add(uint64(0), uint64(1<<63-1), "a file", "", "\x1b[2J\n\u0085\xff")
	f.Add(uint64(1), uint64(2), "", " ", strings.Repeat("é", wire.MaxServerLine))
	f.Add(uint64(1), uint64(2), strings.Repeat("x", wire.MaxServerLine), strings.Repeat(" ", 1000), "\xc2")
	f.Fuzz(func(t *testing.T, one, two uint64, name, word, text string) {
		for _, side := range sides {
			for _, e := range side.examples {
				m := wire.Message{Verb: e.want.Verb, Seq: one, Count: two, Size: two, Offset: one, Time: one,
					Name: b(name), Token: b(word), Version: b(word), Code: b(word), Digest: b(word),
					Text: b(text)}
				line := side.append(&m, nil)
				limit := wire.MaxServerLine
				if side.name == "client" {
					// a server says that a line is too long: what a person wrote is never cut
					limit = len(line)
				}
				lines := wire.NewReader(strings.NewReader(string(line)), limit, limit)
				read, err := lines.ReadLine()
				if err != nil || len(read)+1 != len(line) {
					t.Fatalf("%s: %q is read as %q, %v", side.name, line, read, err)
				}
				got, err := side.parse(read)
				if err != nil {
					t.Fatalf("%s: %q: %v", side.name, line, err)
				}
				if again := side.append(&got, nil); string(again) != string(line) {
					t.Fatalf("%s: %q becomes %q", side.name, line, again)
				}
				checkKept(t, m, got)
			}
		}
	})
}

// checkKept checks that the line for m, which stands for got, holds all that lines can hold.
func checkKept(t *testing.T, m, got wire.Message) {
	t.Helper()
	numbers := [][2]uint64{
		{m.Seq, got.Seq}, {m.Count, got.Count}, {m.Size, got.Size}, {m.Offset, got.Offset},
		{m.Time, got.Time},
	}
	for _, n := range numbers {
		if n[1] != 0 && n[0] != n[1] && n[0] < 1<<63 {
			t.Errorf("%s: %d became %d", m.Verb, n[0], n[1])
		}
	}
	words := [][2][]byte{{m.Name, got.Name}, {m.Token, got.Token}, {m.Version, got.Version},
		{m.Code, got.Code},
		{m.Digest, got.Digest}, {m.Text, got.Text}}
	for _, w := range words {
		fits := len(w[0]) > 0 && len(w[0]) <= 256 && wire.CheckText(w[0]) == nil &&
			!bytes.ContainsRune(w[0], ' ')
		if fits && w[1] != nil && string(w[0]) != string(w[1]) {
			t.Errorf("%s: %q became %q", m.Verb, w[0], w[1])
		}
	}
}
