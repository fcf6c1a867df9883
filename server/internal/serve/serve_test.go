package serve_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"parley/server/internal/asynclog"
	"parley/server/internal/files"
	"parley/server/internal/serve"
	"parley/server/wire"
)

// patience is how long a test waits for what must come.
const patience = time.Minute

// A server serves connections in this process. Its fields besides Server are made by start.
type server struct {
	*serve.Server
	t       testing.TB
	folder  string
	record  record
	serving sync.WaitGroup
	network net.Listener // of a server that does not serve pipes
	device  *tls.Config  // of clients that speak TLS
}

// start returns a server with one file in its folder. change may change it before it serves.
func start(t testing.TB, change func(*serve.Server)) *server { return startAudited(t, true, change) }

// startAudited does so with texts of messages in the log or without.
func startAudited(t testing.TB, text bool, change func(*serve.Server)) *server {
	s := &server{t: t, folder: t.TempDir()}
	if err := os.WriteFile(filepath.Join(s.folder, "a.txt"), []byte("hello"), 0o644); err != nil {
		t.Fatal(err)
	}
	folder, err := files.Open(s.folder, func() {})
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(&s.record, nil))
	s.Server = &serve.Server{Folder: folder, Log: log, Show: func(string) {},
		Guard: func() {}, Idle: time.Hour}
	if change != nil {
		change(s.Server)
	}
	audit := serve.Audit{Log: log, Lines: asynclog.NewBudget(&s.record, 0), Text: text, Show: s.Show,
		Event: s.Show, Warn: s.Show}
	if s.Limits.Sessions == 0 {
		s.Limits.Sessions = 5000
	}
	begin(s.Server, s.Limits.Sessions, audit.Record)
	t.Cleanup(func() {
		s.Hub.Close("the test ends", true)
		s.Wait()
		s.serving.Wait()
		folder.Close()
	})
	return s
}

// connect returns the client's end of a connection that is served, which is closed with the test.
func (s *server) connect() net.Conn {
	far := s.socket()
	if s.device != nil {
		return tls.Client(far, s.device)
	}
	return far
}

// socket is connect without TLS.
func (s *server) socket() net.Conn {
	near, far := net.Pipe()
	if s.network == nil {
		s.Start(near)
	} else {
		var err error
		far, err = net.Dial("tcp", s.network.Addr().String())
		if err == nil {
			near, err = s.network.Accept()
		}
		if err != nil {
			s.t.Fatal(err)
		}
		s.Start(near)
	}
	s.t.Cleanup(func() { far.Close() })
	return far
}

func TestBeforeJoining(t *testing.T) {
	tests := []struct {
		name       string
		send, want []string
	}{
		{"three lines", []string{"SAY x", "WHO", "PING 1", "more", "and more"}, []string{
			"ERROR SAY not-joined say HELLO parley/1 <name> <history> first",
			"ERROR WHO not-joined say HELLO parley/1 <name> <history> first",
			"ERROR PING not-joined say HELLO parley/1 <name> <history> first",
			"BYE too many lines that failed"}},
		{"not understood", []string{"GET / HTTP/1.1", "SAY \x1b[2J", "\xff"}, []string{
			`ERROR GET bad-arguments GET got "/" where a number belongs`,
			"ERROR - bad-text a control character at byte 5 of the line",
			"ERROR - bad-text a line that is not UTF-8",
			"BYE too many lines that failed"}},
		{"too long", []string{strings.Repeat("x", 10_000), "", "x"}, []string{
			"ERROR - too-long a line of 4097 or more bytes, at most 4096 are allowed",
			`ERROR - unknown-verb unknown verb ""`,
			`ERROR - unknown-verb unknown verb "x"`,
			"BYE too many lines that failed"}},
		{"wrong names", []string{
			"HELLO parley/1 con 0", "HELLO parley/1 ａｂｃ 0", "HELLO parley/2 abc 0",
		}, []string{
			`ERROR HELLO bad-name "con" cannot name a folder on every system: "_con" could`,
			`ERROR HELLO bad-name "ａｂｃ" is not in its normal form: use "abc"`,
			`ERROR HELLO bad-version unsupported protocol "parley/2": this server speaks parley/1`,
			"BYE too many lines that failed"}},
		{"taken, gone", []string{"HELLO parley/1 Taken 0", "RESUME parley/1 0123 0", "FILES"}, []string{
			"ERROR HELLO name-taken the name taken is taken: choose another",
			"ERROR RESUME gone this session cannot be resumed: join afresh",
			"ERROR FILES not-joined say HELLO parley/1 <name> <history> first",
			"BYE too many lines that failed"}},
		{"quit", []string{"QUIT"}, []string{"BYE goodbye"}},
	}
	s := start(t, nil)
	s.join("taken")
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := s.dial()
			c.t = t
			// which may fail at its end, as more is sent than is read
			io.WriteString(c.nc, strings.Join(test.send, "\n")+"\n")
			c.expectEnd(test.want...)
		})
	}
	c := s.dial() // two failures do not matter
	c.send("SAY x", "SAY y", "HELLO parley/1 alice 0")
	c.expect("ERROR SAY not-joined say HELLO parley/1 <name> <history> first",
		"ERROR SAY not-joined say HELLO parley/1 <name> <history> first",
		"WELCOME welcome to parley, alice: 2 people are here", "JOINED alice")
}

func TestAnswers(t *testing.T) {
	s := start(t, nil)
	bob := s.join("bob")
	alice := s.join("alice")
	tests := []struct {
		send string
		want []string
	}{
		{"PING 0", []string{"PONG"}},
		{"SAY hi all", []string{"OK"}},
		{"TELL BOB  hi bob", []string{"OK"}},
		{"TELL cleo hi", []string{"REFUSED no-user nobody here is called cleo; /who shows who is"}},
		{"TELL alice hi", []string{"REFUSED self that is you: choose someone else"}},
		{"WHO", []string{"USERS 2", "USER alice", "USER bob"}},
		{"FILES", []string{"FILES you may read the shared folder: 1 file 1", "FILE a.txt"}},
		{"STOP", []string{"ERROR STOP no-download no download is in progress"}},
		{"GET 0 - a.txt", []string{"SENDING a.txt", "DATA hello 5", "SENT a.txt"}},
		{"GET 0 - b.txt", []string{"ERROR GET no-file there is no file b.txt: /files lists what there is"}},
		{"HELLO parley/1 cleo 0", []string{"ERROR HELLO joined you have joined as alice"}},
		{"RESUME parley/1 0123 0", []string{"ERROR RESUME joined you have joined as alice"}},
		{"", []string{`ERROR - unknown-verb unknown verb ""`}},
		{"PING x", []string{`ERROR PING bad-arguments PING got "x" where a number belongs`}},
		{"SAY \xff", []string{"ERROR - bad-text a line that is not UTF-8"}},
		{"WHO\r", []string{"USERS 2", "USER alice", "USER bob"}},
	}
	for _, test := range tests {
		alice.send(test.send)
		alice.expect(test.want...)
	}
	bob.expect("JOINED alice", "SAID alice hi all", "TOLD alice  hi bob")
	bob.roundTrip()
	alice.send("QUIT")
	alice.expectEnd("BYE goodbye")
	bob.expect("LEFT alice")
}

// A line may be as long as the limit says, with its end, and arrives whole.
func TestLongestLine(t *testing.T) {
	s := start(t, nil)
	alice, bob := s.join("alice"), s.join("bob")
	alice.expect("JOINED bob")
	fits := strings.Repeat("x", wire.MaxLine-len("SAY \n"))
	alice.send("SAY "+fits, "SAY "+fits+"x", "SAY "+fits+"\r", "SAY "+fits[1:]+"\r", "SAY after")
	tooLong := fmt.Sprintf("ERROR - too-long a line of %d or more bytes, at most %[1]d are allowed",
		wire.MaxLine)
	alice.expect("OK")
	for range 2 {
		if m := alice.next(); m.Verb != wire.Error || string(m.Code) != wire.CodeTooLong {
			t.Errorf("%s, want %s", form(m), tooLong)
		}
	}
	alice.expect("OK", "OK")
	bob.expect("SAID alice "+fits, "SAID alice "+fits[1:], "SAID alice after")
	name := strings.Repeat("n", wire.MaxLine-len("TELL  x\n"))
	alice.send("TELL " + name + " x")
	if m := alice.next(); m.Verb != wire.Refused || len(m.Text) > 2100 {
		t.Errorf("%s of %d bytes, want that such a name is refused", m.Verb, len(m.Text))
	}
}

// A session goes on over another connection, and so does its download.
func TestResume(t *testing.T) {
	s := start(t, nil)
	alice, bob := s.join("alice"), s.join("bob")
	alice.expect("JOINED bob")
	alice.send("SAY one", "TELL nobody two", "nonsense")
	alice.expect("OK", "REFUSED no-user nobody here is called nobody; /who shows who is",
		`ERROR - unknown-verb unknown verb "nonsense"`)
	alice.nc.Close()
	bob.expect("SAID alice one", "LEFT alice connection lost")
	bob.send("SAY missed?", "TELL alice hello?")
	bob.expect("OK", "REFUSED away alice has lost the connection and is not back")
	again := s.dial()
	again.send(fmt.Sprintf("RESUME parley/1 %s %d", alice.token, alice.seq), "GET 2 - a.txt")
	again.expect("RESUMED welcome back, alice: 2 people are here 2", "SAID bob missed?", "JOINED alice",
		"SENDING a.txt", "DATA llo 3", "SENT a.txt")
	bob.expect("JOINED alice")
	taken := s.dial()
	taken.send(fmt.Sprintf("RESUME parley/1 %s %d", alice.token, again.seq))
	taken.expect("RESUMED welcome back, alice: 2 people are here 2")
	again.expectEnd("ERROR - moved this session goes on over another connection",
		"BYE the session can be resumed")
	bob.roundTrip()
}

// newPipe returns a pipe that is closed with the test.
func newPipe(t testing.TB) (near, far net.Conn) {
	near, far = net.Pipe()
	t.Cleanup(func() { near.Close(); far.Close() })
	return near, far
}
