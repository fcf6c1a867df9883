package e2e

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestPattern(t *testing.T) {
	for _, c := range []struct {
		text, line string
		want       []string // nil when the line does not match, else the words kept
	}{
		{"alice → you: 1+1?", "alice → you: 1+1?", []string{}},
		{"alice: hello", "alice: hello world", nil},
		{"alice: hello", "xalice: hello", nil},
		{"connection from ...", "connection from 127.0.0.1:5000", []string{}},
		{"a...z", "az", []string{}},
		{"WELCOME {token} {seq} welcome...", "WELCOME 0f 12 welcome to parley", []string{"0f", "12"}},
		{"WELCOME {token}", "WELCOME two words", nil},
		{"{}", "{}", []string{}},
		{"lost…", "lost…", []string{}},
	} {
		var got []string
		if m := pattern(c.text).FindStringSubmatch(c.line); m != nil {
			got = append([]string{}, m[1:]...)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%q against %q (-want +got):\n%s", c.text, c.line, diff)
		}
	}
}

func TestSteady(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"WELCOME 0f0f 12 welcome\nSAID 13 1763828400000 bob hi\n",
			"WELCOME TOKEN 12 welcome\nSAID 13 MS bob hi\n"},
		{"SENDING 70000 0 18c-1f notes.txt", "SENDING 70000 0 VERSION notes.txt"},
		{"time=2026-11-22T16:20:00.000Z level=INFO msg=joined addr=127.0.0.1:40000",
			"time=TIME level=INFO msg=joined addr=127.0.0.1:PORT"},
		{"took=1.25ms left=2m0s n=12", "took=DURATION left=DURATION n=12"},
	} {
		if diff := cmp.Diff(c.want, steady(c.text)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", c.text, diff)
		}
	}
}

func TestStream(t *testing.T) {
	s := newStream()
	go func() {
		for _, p := range []string{"o", "ne\r\ntwo\nth", "ree\nfo", "ur"} {
			_, _ = s.Write([]byte(p))
		}
		s.end()
	}()
	for _, want := range []string{"one", "three", "four"} {
		if _, err := s.expect(pattern(want), time.Minute); err != nil {
			t.Errorf("%s: %v", want, err)
		}
	}
	if _, err := s.expect(pattern("two"), time.Minute); err != errEnded {
		t.Errorf("a line that was passed: %v, want %v", err, errEnded)
	}
	if _, err := newStream().expect(pattern("x"), time.Millisecond); err == nil {
		t.Error("a line that nobody wrote is found")
	}
}

func TestScreen(t *testing.T) {
	for _, c := range []struct {
		name, print  string
		want         []string
		prompt       string
		wantAnswered string
	}{
		{name: "lines", print: "one\r\ntwo", want: []string{"one", "two", ""}, prompt: "two|"},
		{name: "wrapped", print: "123456789012", want: []string{"1234567890", "12", ""}, prompt: "12|"},
		{name: "scrolled", print: "1\r\n2\r\n3\r\n4", want: []string{"2", "3", "4"}, prompt: "4|"},
		{name: "cursor in the line", print: "hello\x1b[3D", want: []string{"hello", "", ""},
			prompt: "he|llo"},
		{name: "wide", print: "日本\r\n\x1b[2C", want: []string{"日本", "", ""}, prompt: "  |"},
		{name: "wide and moved", print: "日本!\x1b[3G", want: []string{"日本!", "", ""}, prompt: "日|本!"},
		{name: "wide without room", print: "123456789日", want: []string{"123456789", "日", ""}, prompt: "日|"},
		{name: "accent of its own", print: "cafe\u0301!", want: []string{"cafe!", "", ""}, prompt: "cafe!|"},
		{name: "repeated", print: "a\x1b[3bz", want: []string{"aaaaz", "", ""}, prompt: "aaaaz|"},
		{name: "title and keyboard", print: "\x1b]0;title\x1b\\\x1b[>4;1m\x1b[=0;1u\x1b[2 qx",
			want: []string{"x", "", ""}, prompt: "x|"},
		{name: "line inserted", print: "a\r\nb\x1b[H\x1b[L", want: []string{"", "a", "b"}, prompt: "|"},
		{name: "drawn cursor", print: "\x1b[?25lab\x1b[7mc\x1b[md", want: []string{"abcd", "", ""},
			prompt: "ab|cd"},
		{name: "questions", print: "ab\x1b[6n\x1b[c\x1b[?2026$p\x1b[?2027$p", want: []string{"ab", "", ""},
			prompt:       "ab|",
			wantAnswered: "\x1b[1;3R\x1b[?62;22c\x1b[?2026;2$y\x1b[?2027;0$y"},
	} {
		for _, piece := range []int{len(c.print), 1} { // at once, and byte by byte
			var answer strings.Builder
			s := newScreen(10, 3, &answer)
			for i := 0; i < len(c.print); i += piece {
				if _, err := s.Write([]byte(c.print[i : i+piece])); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(c.want, s.rows()); diff != "" {
				t.Errorf("%s: rows (-want +got):\n%s", c.name, diff)
			}
			if diff := cmp.Diff(c.prompt, s.prompt()); diff != "" {
				t.Errorf("%s: prompt (-want +got):\n%s", c.name, diff)
			}
			if diff := cmp.Diff(c.wantAnswered, answer.String()); diff != "" {
				t.Errorf("%s: answer (-want +got):\n%s", c.name, diff)
			}
		}
	}
}

// echo starts a server that sends back what it gets.
func echo(t *testing.T) (addr string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_, _ = io.Copy(conn, conn) // ends with the connection
			}()
		}
	}()
	return l.Addr().String()
}

func TestCable(t *testing.T) {
	c, err := newCable(echo(t))
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	dial := func() net.Conn {
		conn, err := net.Dial("tcp", c.addr())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		return conn
	}
	exchange := func(conn net.Conn, text string) error {
		if _, err := io.WriteString(conn, text); err != nil {
			return err
		}
		_, err := io.ReadFull(conn, make([]byte, len(text)))
		return err
	}

	conn := dial()
	if err := exchange(conn, "hello"); err != nil {
		t.Errorf("plugged in: %v", err)
	}
	c.after(0, c.unplugLocked)
	conn.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
	if err := exchange(conn, "hello"); err == nil {
		t.Error("an unplugged cable carries")
	}
	c.plug()
	conn.SetReadDeadline(time.Time{})
	if _, err := io.ReadFull(conn, make([]byte, 5)); err != nil {
		t.Errorf("plugged in again: %v", err)
	}
	c.after(0, c.breakLocked)
	if err := exchange(conn, "hello"); err == nil {
		t.Error("a cut cable carries")
	}
	conn = dial()
	if err := exchange(conn, "hello"); err != nil {
		t.Errorf("a new connection after the cut: %v", err)
	}
	c.after(7, c.breakLocked)
	if err := exchange(conn, "hello"); err != nil {
		t.Errorf("before the cut: %v", err)
	}
	if err := exchange(conn, "hello"); err == nil {
		t.Error("carries more than until the cut")
	}
}

func TestDifference(t *testing.T) {
	long := strings.Repeat("x", 3<<20)
	for _, c := range []struct {
		a, b string
		want int64
	}{
		{"", "", -1}, {"abc", "abc", -1}, {"abc", "abd", 2}, {"abc", "ab", 2}, {"", "a", 0},
		{long, long, -1}, {long, long + "x", 3 << 20}, {long[:2<<20], long[:2<<20], -1},
		{long + "y", long + "z", 3 << 20},
	} {
		got, err := difference(strings.NewReader(c.a), strings.NewReader(c.b))
		if err != nil || got != c.want {
			t.Errorf("%d and %d bytes: %d, %v, want %d", len(c.a), len(c.b), got, err, c.want)
		}
	}
}

func TestBytesOf(t *testing.T) {
	for _, c := range []struct {
		text string
		want int64
	}{{"0", 0}, {"100", 100}, {"64K", 64 << 10}, {"3M", 3 << 20}, {"5G", 5 << 30}} {
		if got, err := bytesOf(c.text); err != nil || got != c.want {
			t.Errorf("%s: %d, %v, want %d", c.text, got, err, c.want)
		}
	}
	if _, err := bytesOf("many"); err == nil {
		t.Error("many is a size")
	}
}
