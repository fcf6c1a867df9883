package main

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"parley/server/wire/wiretest"
)

// The operator's lines do what the manual says; the end of them is not the end of the server.
func TestConsole(t *testing.T) {
	p := launch(t, nil)
	fmt.Fprintln(p.stdin, "/who")
	p.stdout.wait(t, `nobody is here\n`)
	alice, bob := p.join("alice"), p.join("bob")
	alice.Expect("JOINED bob")
	fmt.Fprint(p.stdin, "\n  /who  \n/say  hear, hear\n/kick BOB\n/kick carl\nhello\n"+
		"/who now\n/say\n/quit now\n")
	for _, c := range []*wiretest.Peer{alice, bob} {
		c.Expect("NOTICE hear, hear")
	}
	bob.ExpectEnd("BYE you were kicked by the server's operator")
	bob.Close()
	p.stdout.wait(t, `bob has left \(kicked\)\n`)
	p.stderr.wait(t, "/quit: end")
	fmt.Fprintln(p.stdin, "/quit")
	alice.ExpectEnd("LEFT bob kicked", "NOTICE the server is shutting down", "BYE ...")
	alice.Close()
	p.ended(0, "server: nobody here is called carl: /who shows who is\n"+
		"server: unknown command \"hello\": /help lists the commands\n"+
		"server: use it as in /who: who is here, from where and since when\n"+
		"server: use it as in /say TEXT: tell everyone something\n"+
		"server: use it as in /quit: end the server and the conversation\n")
	want := fmt.Sprintf("sharing %s, which was missing and has been created\n"+
		"the server's key is KEY\nlistening on %s\nnobody is here\n"+
		"connection from %s\nalice has joined\nconnection from %s\nbob has joined\n"+
		"2 here:\n  alice from 127.0.0.1 since TIME\n  bob from 127.0.0.1 since TIME\n"+
		"bob has left (kicked)\nshutting down\n",
		filepath.Join(p.dir, "shared"), p.addr, alice.LocalAddr(), bob.LocalAddr())
	keys := regexp.MustCompile(`SHA256:[\w+/]{43}`)
	times := regexp.MustCompile(`since [-0-9]+ [0-9:]+`)
	shown := times.ReplaceAllString(p.stdout.String(), "since TIME")
	if diff := cmp.Diff(want, keys.ReplaceAllString(shown, "KEY")); diff != "" {
		t.Errorf("stdout (-want +got):\n%s", diff)
	}
	wantLog := []string{
		`level=INFO msg=listening addr=` + p.addr + ` key=KEY`,
		fmt.Sprintf(`level=INFO msg=connection addr=%s`, alice.LocalAddr()),
		fmt.Sprintf(`level=INFO msg=joined name=alice addr=%s`, alice.LocalAddr()),
		fmt.Sprintf(`level=INFO msg=connection addr=%s`, bob.LocalAddr()),
		fmt.Sprintf(`level=INFO msg=joined name=bob addr=%s`, bob.LocalAddr()),
		`level=INFO msg=notice text="hear, hear"`,
		`level=INFO msg=left name=bob reason=kicked`,
		`level=INFO msg=shutdown reason=operator`,
		`level=INFO msg=ended`,
	}
	log := p.log()
	log[0] = keys.ReplaceAllString(log[0], "KEY")
	if diff := cmp.Diff(wantLog, log); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
}

// A bomb is input that panics when it is told to, in the goroutine that reads it.
type bomb chan struct{}

func (b bomb) Read([]byte) (int, error) {
	<-b
	panic("out of luck")
}

// A panic ends the server with all that an orderly end has: everyone is told, the log is complete and says
// where it was.
func TestCrash(t *testing.T) {
	b := make(bomb)
	p := launch(t, b)
	alice, bob := p.join("alice"), p.join("bob")
	alice.Send("SAY last words", "PING 0")
	alice.Expect("JOINED bob", "OK", "PONG") // so it is logged
	bob.Expect("SAID alice last words")
	close(b)
	const crashed = "NOTICE the server crashed and is shutting down: the conversation goes on when it is back"
	bob.ExpectEnd(crashed)
	alice.ExpectEnd(crashed)
	alice.Close()
	bob.Close()
	log := p.stdout // read after the end
	p.ended(2, "server: crashed: out of luck: the stack is in "+p.dir+"/log\n")
	if !strings.HasSuffix(log.String(), "\nshutting down\n") {
		t.Errorf("stdout %q", log)
	}
	lines := p.log()
	i := slices.IndexFunc(lines, func(s string) bool {
		return strings.HasPrefix(s, "level=ERROR msg=crash")
	})
	if i < 0 || !strings.Contains(lines[i], `reason="out of luck"`) ||
		!strings.Contains(lines[i], "bomb.Read") {
		t.Errorf("no crash with its stack is in the log:\n%s", strings.Join(lines, "\n"))
	}
	want := []string{"level=INFO msg=shutdown reason=crash", "level=INFO msg=ended"}
	if diff := cmp.Diff(want, lines[i+1:]); diff != "" {
		t.Errorf("the log after the crash (-want +got):\n%s", diff)
	}
	if !slices.Contains(lines, `level=INFO msg=broadcast seq=3 from=alice text="last words"`) {
		t.Errorf("what came before the crash is not in the log:\n%s", strings.Join(lines, "\n"))
	}
}

// A connection that has not joined, and one that does not close, do not keep the server from its end for
// long.
func TestEndDoesNotWaitForStrangers(t *testing.T) {
	p := launch(t, nil)
	stranger := p.dial()
	stranger.Send("WHO")
	stranger.Expect("ERROR WHO not-joined ...")
	began := time.Now()
	fmt.Fprintln(p.stdin, "/quit")
	p.ended(0, "")
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("the end took %v", took)
	}
	if log := p.log(); slices.Contains(log, `level=ERROR msg="some connections did not end in time"`) {
		t.Errorf("the log tells of an error:\n%s", strings.Join(log, "\n"))
	}
}

// More than a line of the operator's input may hold is an error to say, and not the end of what can be typed.
func TestLongLineOfOperator(t *testing.T) {
	p := launch(t, nil)
	written := make(chan error, 1)
	go func() {
		_, err := io.WriteString(p.stdin, "/say "+strings.Repeat("x", 100_000)+"\n/who\n/quit\n")
		written <- err
	}()
	p.stdout.wait(t, `nobody is here\n`)
	if err := <-written; err != nil && !errors.Is(err, io.ErrClosedPipe) {
		t.Error(err)
	}
	<-p.status
}

// A stopped is a terminal after Ctrl-S.
type stopped chan struct{}

func (s stopped) Write(p []byte) (int, error) {
	<-s
	return len(p), nil
}

// A terminal that takes no errors does not keep the server from its end.
func TestStoppedTerminal(t *testing.T) {
	t.Parallel() // it takes 5 s, in which nothing happens
	terminal := make(stopped)
	defer close(terminal)
	dir := t.TempDir()
	args := []string{"-log", filepath.Join(dir, "log"), "-files", filepath.Join(dir, "shared"),
		"-state", filepath.Join(dir, "state"), "127.0.0.1:0"}
	status := make(chan int, 1)
	go func() {
		status <- run(args, strings.NewReader("what\n/kick nobody\n/quit\n"), io.Discard, terminal)
	}()
	select {
	case got := <-status:
		if got != 0 {
			t.Errorf("status %d, want 0", got)
		}
	case <-time.After(patience):
		t.Fatal("the server does not end")
	}
}

// Connections beyond the limit are closed at once; those there go on.
func TestMaxClients(t *testing.T) {
	p := launch(t, nil, "-max-clients", "2")
	alice := p.join("alice")
	p.join("bob")
	carl := p.dial()
	carl.Send("HELLO parley/1 carl 0")
	carl.Expect("ERROR HELLO full the server is full: 2 people are here, try again later")
	alice.Send("QUIT")
	alice.Expect("JOINED bob", "BYE ...")
	alice.Close()
	carl.Send("HELLO parley/1 carl 0")
	carl.Expect("WELCOME ...")
	carl.Close()
	p.stdout.wait(t, `carl has left \(connection lost\)\n`)
	fmt.Fprintln(p.stdin, "/quit")
	p.ended(0, "")
}
