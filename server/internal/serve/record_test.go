package serve_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"parley/server/internal/serve"
	"parley/server/wire"
)

// A record is a log in memory, without times.
type record struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, rest, _ := bytes.Cut(p, []byte(" ")) // after time=...
	r.text.Write(rest)
	return len(p), nil
}

func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

// All that sessions do is in the log; texts only when they are wanted there, and contents of files never.
func TestRecord(t *testing.T) {
	for _, text := range []bool{true, false} {
		var mu sync.Mutex
		var shown []string
		s := startAudited(t, text, func(s *serve.Server) {
			s.Show = func(line string) {
				mu.Lock()
				defer mu.Unlock()
				shown = append(shown, line)
			}
		})
		bob := s.join("bob")
		c := s.dial()
		c.send("WHO", "HELLO parley/1 alice 0")
		c.expect("ERROR WHO not-joined say HELLO parley/1 <name> <history> first",
			"WELCOME welcome to parley, alice: 2 people are here", "JOINED alice")
		for _, line := range []string{
			"SAY good morning", "TELL Bob psst", "TELL nobody x",
			"FILES", "GET 0 - a.txt", "nonsense", "PING 0",
		} {
			c.send(line)
		}
		waiting := map[wire.Verb]bool{wire.Pong: true, wire.File: true, wire.Sent: true}
		for len(waiting) > 0 {
			delete(waiting, c.next().Verb)
		}
		bob.expect("JOINED alice", "SAID alice good morning", "TOLD alice psst")
		c.send("QUIT")
		c.expectEnd("BYE goodbye")
		said, told := ` text="good morning"`, " text=psst"
		if !text {
			said, told = "", ""
		}
		want := strings.Join([]string{
			`level=INFO msg=connection addr=pipe`,
			`level=INFO msg=joined name=bob addr=pipe`,
			`level=INFO msg=connection addr=pipe`,
			`level=INFO msg=refused addr=pipe code=not-joined ` +
				`text="say HELLO parley/1 <name> <history> first"`,
			`level=INFO msg=joined name=alice addr=pipe`,
			`level=INFO msg=left name=alice`,
			`level=INFO msg=broadcast seq=3 from=alice` + said,
			`level=INFO msg=unicast seq=4 from=alice to=bob` + told,
			`level=INFO msg=refused name=alice code=no-user to=nobody`,
			`level=INFO msg="folder listed" name=alice files=1`,
			`level=INFO msg="download begun" name=alice file=a.txt size=5 offset=0`,
			`level=INFO msg="download ended" name=alice file=a.txt bytes=5 how=complete`,
			`level=WARN msg="bad line" name=alice code=unknown-verb text="unknown verb \"nonsense\""`,
		}, "\n") + "\n"
		// The download goes on while other lines are carried out, so its place is not always the
		// same.
		if diff := cmp.Diff(sorted(want), sorted(s.record.String())); diff != "" {
			t.Errorf("text %v (-want +got):\n%s", text, diff)
		}
		mu.Lock()
		if diff := cmp.Diff([]string{"connection from pipe", "bob has joined",
			"connection from pipe", "alice has joined", "alice has left"}, shown); diff != "" {
			t.Errorf("shown (-want +got):\n%s", diff)
		}
		mu.Unlock()
	}
}

// A list of thousands is whole, and the stream goes on after it.
func TestLongList(t *testing.T) {
	const count = 3000
	s := start(t, nil)
	want := []string{fmt.Sprintf("FILES you may read the shared folder: %d files %[1]d", count+1)}
	for i := range count {
		name := fmt.Sprintf("%04d %s", i, strings.Repeat("n", 200))
		if err := os.WriteFile(filepath.Join(s.folder, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
		want = append(want, "FILE "+name)
	}
	c := s.join("alice")
	c.send("FILES")
	c.expect(append(want, "FILE a.txt")...)
	c.roundTrip()
}

func sorted(text string) []string {
	lines := strings.Split(text, "\n")
	slices.Sort(lines)
	return lines
}

// When too many connections wait to join, one of the oldest makes room; those who have joined are none of
// them.
func TestLobby(t *testing.T) {
	const most = 1024
	s := start(t, nil)
	member := s.join("member")
	oldest := s.dial()
	half := func(nc net.Conn) { // of a line, which is taken in the lobby
		if _, err := io.WriteString(nc, "x"); err != nil {
			t.Fatal(err)
		}
	}
	half(oldest.nc)
	for range most - 1 {
		half(s.connect())
	}
	half(oldest.nc) // still there
	late := s.join("late")
	oldest.expectEnd()
	member.expect("JOINED late")
	late.roundTrip()
}

// What a PING acknowledges is not kept any longer.
func TestPingAcknowledges(t *testing.T) {
	s := start(t, nil)
	alice, bob := s.join("alice"), s.join("bob")
	alice.expect("JOINED bob")
	before := alice.seq
	bob.send("TELL alice one", "TELL alice two")
	alice.expect("TOLD bob one", "TOLD bob two")
	alice.send(fmt.Sprintf("PING %d", alice.seq))
	alice.expect("PONG")
	alice.nc.Close()
	bob.expect("OK", "OK", "LEFT alice connection lost")
	again := s.dial()
	again.send(fmt.Sprintf("RESUME parley/1 %s %d", alice.token, before))
	again.expect("ERROR RESUME gone this session cannot be resumed: join afresh")
}
