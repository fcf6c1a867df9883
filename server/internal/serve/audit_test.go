package serve

import (
	"bytes"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"parley/server/internal/asynclog"
	"parley/server/internal/room"
)

// Values look in every line of the log as they do in those that slog writes.
func TestValuesLookAlike(t *testing.T) {
	for _, value := range []string{
		"word", "", "two words", "a=b", `say "x"`, "Jürgen", "zwölf Äpfel", "漢字", "a\u00a0b", "\u2028",
		"bell\a", "😀", "{}[]~!", "\xff", "tab\t",
	} {
		checkAlike(t, value)
	}
}

// The same for every character that there is a rule for, alone, between letters and between words, and for
// every byte.
func TestCharactersLookAlike(t *testing.T) {
	check := func(c string) {
		for _, value := range []string{
			c, "a" + c, c + "a", "a" + c + "b", "a " + c, c + "=", c + c, "é" + c,
		} {
			checkAlike(t, value)
		}
	}
	for r := range rune(0x300) {
		check(string(r))
	}
	for _, r := range []rune{
		'\u0300', '\u1680', '\u2000', '\u200b', '\u200d', '\u200e', '\u2028', '\u2029', '\u202e', '\u2060',
		'\u3000', '\ufeff', '\ufffd', '\uffff', '\ue000', '語', '😀', '\U000e0041', '\U0010ffff',
	} {
		check(string(r))
	}
	for c := range 256 {
		check(string([]byte{byte(c)}))
	}
	check("\xe2\x82") // the first bytes of a character
}

// checkAlike checks that value is written as slog writes it, as a string and as bytes.
func checkAlike(t *testing.T, value string) {
	t.Helper()
	var b bytes.Buffer
	slog.New(slog.NewTextHandler(&b, nil)).Info("", "text", value)
	_, want, _ := strings.Cut(strings.TrimSuffix(b.String(), "\n"), "text=")
	if strings.Contains(value, "\x7f") {
		want = strconv.Quote(value) // slog leaves it as it is, which a terminal obeys
	}
	text, raw := appendValue([]byte("x"), value), appendValue([]byte("x"), []byte(value))
	if diff := cmp.Diff([]string{"x" + want, "x" + want}, []string{string(text), string(raw)}); diff != "" {
		t.Errorf("%q (-slog +ours):\n%s", value, diff)
	}
}

// What the operator has done is in the log and on the terminal, and so is what cannot be done.
func TestOrders(t *testing.T) {
	key := bytes.Repeat([]byte{7}, 32)
	fingerprint := "SHA256:BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc"
	bob := room.Entry{Kind: room.Join, Name: []byte("bob"), Token: []byte("t"), Device: key,
		Addr: []byte("10.0.0.1")}
	lost := room.Entry{Kind: room.Detach, Session: 1, Number: 1, Text: []byte("connection lost")}
	var log bytes.Buffer
	var shown []string
	show := func(line string) { shown = append(shown, line) }
	a := Audit{Log: slog.New(slog.NewTextHandler(&log, nil)), Lines: asynclog.NewBudget(&log, 0), Show: show,
		Event: show, Warn: func(line string) { show("server: " + line) }}
	r := room.New()
	for _, test := range []struct {
		e     room.Entry
		log   string // without time and level
		shown []string
	}{
		{bob, `msg=joined name=bob addr=10.0.0.1:5000 key=` + fingerprint,
			[]string{"bob has joined"}},
		{lost, `msg=left name=bob reason="connection lost"`,
			[]string{"bob has left (connection lost)"}},
		{room.Entry{Kind: room.Kick, Name: []byte("BOB")}, "msg=kicked whom=BOB",
			[]string{"BOB was away, and cannot come back to that session"}},
		{room.Entry{Kind: room.Kick, Name: []byte("bob")}, "",
			[]string{"server: nobody here is called bob: /who shows who is"}},
		{room.Entry{Kind: room.Ban, Device: key}, "msg=banned whom=" + fingerprint,
			[]string{fingerprint + " is banned"}},
		{room.Entry{Kind: room.Unban, Device: key}, "msg=unbanned whom=" + fingerprint,
			[]string{fingerprint + " is not banned any more"}},
		{room.Entry{Kind: room.Ban, Addr: []byte("10.0.0.1")}, "msg=banned whom=10.0.0.1",
			[]string{"10.0.0.1 is banned"}},
		{room.Entry{Kind: room.Unban, Name: []byte("x")}, "",
			[]string{"server: there is no such ban: /bans shows those that there are"}},
		{room.Entry{Kind: room.Close}, "msg=closed",
			[]string{"closed: only owners of names and those you invite come in"}},
		{room.Entry{Kind: room.Open}, "msg=opened", []string{"open to everyone"}},
		{room.Entry{Kind: room.Invite, Name: []byte("carol"), Token: []byte("secret")},
			"msg=invited whom=carol", nil},
		{room.Entry{Kind: room.Forget, Name: []byte("bob")}, "msg=forgotten whom=bob",
			[]string{"bob belongs to nobody now"}},
	} {
		log.Reset()
		shown = nil
		o := r.Apply(test.e)
		a.Record(&test.e, &o, &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 5000})
		_, got, _ := strings.Cut(strings.TrimSpace(log.String()), "level=INFO ")
		if got != test.log {
			t.Errorf("logged %q, want %q", got, test.log)
		}
		if diff := cmp.Diff(test.shown, shown); diff != "" {
			t.Errorf("shown (-want +got):\n%s", diff)
		}
	}
}

// All addresses of one machine are one, whatever port it uses and whichever of its IPv6 addresses.
func TestAddress(t *testing.T) {
	for addr, want := range map[string]string{
		"10.0.0.1:5000": "10.0.0.1", "10.0.0.1": "10.0.0.1", "[::ffff:10.0.0.1]:5000": "10.0.0.1",
		"[2001:db8:1:2:3:4:5:6]:5000": "2001:db8:1:2::/64", "2001:db8:1:2::": "2001:db8:1:2::/64",
		"2001:db8:1:2::/64": "2001:db8:1:2::/64", "[fe80::1%eth0]:5000": "fe80::/64",
		"[::1]:5000": "::1", "[::ffff:127.0.0.1]:1": "127.0.0.1", "pipe": "pipe", "": "",
	} {
		if got := Address(addr); got != want {
			t.Errorf("%q: %q, want %q", addr, got, want)
		}
	}
}

// What people do is at the expense of the address from which they came: messages as those of members, joins
// and leaves as those of strangers.
func TestFloodInLog(t *testing.T) {
	var out bytes.Buffer
	lines := asynclog.NewBudget(&out, 1<<20)
	a := Audit{Log: slog.New(lines.Handler(Address)), Lines: lines, Text: true, Event: func(string) {}}
	r := room.New()
	apply := func(e room.Entry, port int) {
		e.Time = uint64(time.Now().UnixMilli())
		o := r.Apply(e)
		a.Record(&e, &o, &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: port})
	}
	const people, messages = 20, 10
	long := bytes.Repeat([]byte("x"), 4000)
	for i := range people {
		name := strconv.Itoa(i)
		apply(room.Entry{Kind: room.Join, Name: []byte(name), Token: []byte(name),
			Addr: []byte("10.0.0.1")}, i)
	}
	for i := range messages {
		number := uint64(2*i + 1)
		apply(room.Entry{Kind: room.Say, Session: 1, Number: number, Text: long}, 0)
		apply(room.Entry{Kind: room.Tell, Session: 1, Number: number + 1, Name: []byte("nobody")}, 0)
	}
	for i := range people {
		apply(room.Entry{Kind: room.Leave, Session: uint64(i + 1), Number: 1}, 0)
	}
	lines.Close()
	text := out.String()
	for what, most := range map[string]int{"joined": 5, "broadcast": 5, "refused": 5, "left": 0} {
		n := strings.Count(text, " msg="+what+" ")
		if n > most || n == 0 && most > 0 {
			t.Errorf("%d lines about what was %s, want a few: at most %d", n, what, most)
		}
	}
	if !strings.Contains(text, `from="10.0.0.1: `) {
		t.Errorf("the log does not say from where what was left out came: %s", text)
	}
}
