package link

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"parley/server/wire"
)

// A network has a server that the test plays itself, a line at a time. Its time is synctest's.
type network struct {
	t     *testing.T
	conns chan net.Conn // the server's ends of new connections
	down  error         // what dialing answers instead, when set
}

func newNetwork(t *testing.T) *network { return &network{t: t, conns: make(chan net.Conn, 1)} }

func (n *network) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	if n.down != nil {
		return nil, n.down
	}
	client, server := net.Pipe()
	n.conns <- server
	return client, nil
}

func (n *network) config() Config {
	return Config{Address: "chat:12000", Name: "alice", History: 2, Idle: 45 * time.Second, Reconnect: 2 * time.Minute, Dial: n.dial}
}

// open opens a Link whose HELLO is answered, with token "tok" and seq 10.
func (n *network) open(cfg Config) (*Link, *peer) {
	n.t.Helper()
	served := make(chan *peer)
	go func() {
		p := n.accept()
		p.expect("HELLO parley/1 alice 2")
		p.send("WELCOME tok 10 hi")
		served <- p
	}()
	l, err := Open(n.t.Context(), cfg)
	if err != nil {
		n.t.Fatal(err)
	}
	return l, <-served
}

// A peer is the server's end of a connection.
type peer struct {
	t *testing.T
	net.Conn
	r *bufio.Reader
}

func (n *network) accept() *peer {
	c := <-n.conns
	return &peer{n.t, c, bufio.NewReader(c)}
}

func (p *peer) expect(lines ...string) {
	p.t.Helper()
	for _, want := range lines {
		got, err := p.r.ReadString('\n')
		if diff := cmp.Diff(want+"\n", got); diff != "" {
			p.t.Fatalf("the client's next line (-want +got), error %v:\n%s", err, diff)
		}
	}
}

func (p *peer) send(lines ...string) {
	p.t.Helper()
	if _, err := io.WriteString(p, strings.Join(lines, "\n")+"\n"); err != nil {
		p.t.Fatal(err)
	}
}

// describe puts an event in words, and frees its piece.
func describe(l *Link, e Event) string {
	switch e.Kind {
	case Lost:
		return "lost"
	case Back:
		return fmt.Sprint("back on ", e.Connection)
	case Afresh:
		return fmt.Sprint("afresh on ", e.Connection)
	case Unsure:
		return fmt.Sprintf("unsure %s", e.Text)
	case Ended:
		return fmt.Sprint("ended: ", e.Err)
	}
	s := strings.TrimSpace(string(e.AppendServer(nil)))
	if e.History {
		s += " (history)"
	}
	if e.Own != nil {
		s += fmt.Sprintf(" for %s", e.Own.Text)
	}
	if e.Piece != nil {
		s += fmt.Sprintf(" %q", e.Piece)
		l.Free(e.Piece)
	}
	return s
}

// want checks the next events.
func want(t *testing.T, l *Link, events ...string) {
	t.Helper()
	for _, want := range events {
		e, ok := <-l.Events()
		if !ok {
			t.Fatalf("no more events, want %q", want)
		}
		if diff := cmp.Diff(want, describe(l, e)); diff != "" {
			t.Fatalf("next event (-want +got):\n%s", diff)
		}
	}
}

func say(text string) wire.Message { return wire.Message{Verb: wire.Say, Text: []byte(text)} }

// bubble runs a test in which time is only what the test waits for, and which fails if a goroutine is left behind.
func bubble(t *testing.T, f func(t *testing.T, n *network)) {
	synctest.Test(t, func(t *testing.T) { f(t, newNetwork(t)) })
}

func TestJoin(t *testing.T) {
	bubble(t, func(t *testing.T, n *network) {
		l, p := n.open(n.config())
		defer l.Close()
		p.send("SAID 3 0 bob old", "SAID 10 0 bob older", "JOINED 11 0 alice", "SAID 12 0 bob new", "SOMETHING new", "TOLD 13 0 bob you")
		want(t, l, "WELCOME tok 10 hi", "SAID 3 0 bob old (history)", "SAID 10 0 bob older (history)", "JOINED 11 0 alice",
			"SAID 12 0 bob new", "TOLD 13 0 bob you")
		l.Send(say("hello"))
		p.expect("SAY hello")
		p.send("REFUSED 14 no-user why")
		want(t, l, "REFUSED 14 no-user why for hello")
		l.Quit()
		p.expect("QUIT")
		p.send("BYE bye")
		want(t, l, "ended: <nil>")
	})
}

func TestCannotJoin(t *testing.T) {
	tests := []struct {
		name   string
		down   error
		answer string
		want   string
	}{
		{"refused", syscall.ECONNREFUSED, "", "cannot connect to chat:12000: connection refused: is the server running?"},
		{"unknown", &net.DNSError{Name: "chat", IsNotFound: true}, "", "cannot connect to chat:12000: host chat is unknown: check the host's name"},
		{"unreachable", &net.OpError{Err: errors.New("no route to host")}, "", "cannot connect to chat:12000: no route to host: is the address right?"},
		{"taken", nil, "ERROR HELLO name-taken alice is here already\n", "cannot join as alice: alice is here already"},
		{"shut down", nil, "NOTICE wait\nBYE full\n", "cannot join as alice: full"},
		{"other protocol", nil, "SSH-2.0-OpenSSH\r\n", `cannot connect to chat:12000: it answers "SSH-2.0-OpenSSH": is it a parley server?`},
		{"other order", nil, "SAID 1 2 bob x\n", `cannot connect to chat:12000: it answers "SAID 1 2 bob x": is it a parley server?`},
		{"binary", nil, "\x16\x03\x01\n", `cannot connect to chat:12000: it answers "\x16\x03\x01": is it a parley server?`},
		{"closed", nil, "-", "cannot connect to chat:12000: closed without a word: is it a parley server?"},
		{"silent", nil, "", "cannot connect to chat:12000: no answer in time: is it a parley server?"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, n *network) {
				n.down = tt.down
				if tt.down == nil {
					go func() {
						p := n.accept()
						p.expect("HELLO parley/1 alice 2")
						switch tt.answer {
						case "": // silence
						case "-":
							p.Close()
						default:
							io.WriteString(p, tt.answer)
						}
					}()
				}
				l, err := Open(t.Context(), n.config())
				if err == nil {
					l.Close()
				}
				if diff := cmp.Diff(tt.want, fmt.Sprint(err)); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestResume(t *testing.T) {
	bubble(t, func(t *testing.T, n *network) {
		l, p := n.open(n.config())
		defer l.Close()
		for _, text := range []string{"one", "two", "three"} {
			l.Send(say(text))
		}
		p.expect("SAY one", "SAY two", "SAY three")
		p.send("JOINED 11 0 alice", "OK 12")
		want(t, l, "WELCOME tok 10 hi", "JOINED 11 0 alice", "OK 12 for one")
		p.Close()
		want(t, l, "lost")
		l.Send(say("four"))
		p = n.accept()
		p.expect("RESUME parley/1 tok 12")
		l.Send(say("five"))
		p.send("RESUMED 2 welcome back") // two was handled: its OK is in the stream
		want(t, l, "back on 2")
		p.expect("SAY three", "SAY four", "SAY five")
		p.send("OK 13", "OK 14", "OK 15", "OK 16")
		want(t, l, "OK 13 for two", "OK 14 for three", "OK 15 for four", "OK 16 for five")
		p.Close() // and once more: the count goes on from HELLO
		want(t, l, "lost")
		l.Send(say("six"))
		p = n.accept()
		p.expect("RESUME parley/1 tok 16")
		p.send("RESUMED 5 welcome back")
		p.expect("SAY six")
	})
}

func TestGone(t *testing.T) {
	bubble(t, func(t *testing.T, n *network) {
		l, p := n.open(n.config())
		defer l.Close()
		l.Send(say("sure"))
		l.Send(say("unsure"))
		p.expect("SAY sure", "SAY unsure")
		p.send("OK 12")
		p.Close()
		want(t, l, "WELCOME tok 10 hi", "OK 12 for sure", "lost")
		l.Send(say("later"))
		p = n.accept()
		p.expect("RESUME parley/1 tok 12")
		p.send("ERROR RESUME gone no such session")
		p.expect("HELLO parley/1 alice 0")
		p.send("WELCOME tok2 3 hi")
		want(t, l, "afresh on 2", "unsure unsure")
		p.expect("SAY later")
		p.send("JOINED 4 0 alice", "OK 5")
		want(t, l, "JOINED 4 0 alice", "OK 5 for later")
		p.Close()
		want(t, l, "lost")
		p = n.accept()
		p.expect("RESUME parley/1 tok2 5")
		p.send("ERROR RESUME gone no such session")
		p.expect("HELLO parley/1 alice 0")
		p.send("ERROR HELLO name-taken alice is here already")
		want(t, l, "ended: the session is gone and cannot start afresh: alice is here already")
	})
}

// A question is only for the connection that it was meant for.
func TestAsk(t *testing.T) {
	bubble(t, func(t *testing.T, n *network) {
		l, p := n.open(n.config())
		defer l.Close()
		l.Ask(1, wire.Message{Verb: wire.Who})
		p.expect("WHO")
		p.Close()
		want(t, l, "WELCOME tok 10 hi", "lost")
		p = n.accept()
		p.expect("RESUME parley/1 tok 10")
		p.send("RESUMED 0 hi")
		want(t, l, "back on 2")
		l.Ask(1, wire.Message{Verb: wire.Who})
		l.Ask(2, wire.Message{Verb: wire.Files})
		p.expect("FILES")
	})
}

func TestHeartbeat(t *testing.T) {
	bubble(t, func(t *testing.T, n *network) {
		l, p := n.open(n.config())
		defer l.Close()
		start := time.Now()
		p.expect("PING 10")
		p.send("PONG")
		p.expect("PING 10", "PING 10") // which nobody answers
		want(t, l, "WELCOME tok 10 hi", "lost")
		if diff := cmp.Diff(15*time.Second+45*time.Second, time.Since(start)); diff != "" {
			t.Errorf("a dead connection was noticed after (-want +got):\n%s", diff)
		}
		p = n.accept() // the server may still think that it has the old one
		p.expect("RESUME parley/1 tok 10")
		p.send("RESUMED 0 hi")
		want(t, l, "back on 2")
	})
}

func TestAcknowledge(t *testing.T) {
	bubble(t, func(t *testing.T, n *network) {
		l, p := n.open(n.config())
		defer l.Close()
		want(t, l, "WELCOME tok 10 hi")
		go func() {
			for range 256 {
				<-l.Events()
			}
		}()
		for seq := range 256 {
			p.send(fmt.Sprintf("SAID %d 0 bob x", 11+seq))
		}
		p.expect("PING 266")
	})
}

func TestBye(t *testing.T) {
	bubble(t, func(t *testing.T, n *network) {
		l, p := n.open(n.config())
		defer l.Close()
		p.send("ERROR - too-slow you lag", "BYE cut")
		p.Close()
		want(t, l, "WELCOME tok 10 hi", "ERROR - too-slow you lag", "lost")
		p = n.accept()
		p.expect("RESUME parley/1 tok 10")
		p.send("RESUMED 0 hi", "NOTICE shutting down", "BYE closed")
		want(t, l, "back on 2", "NOTICE shutting down", "ended: the server ended the session: closed")
	})
}

func TestGiveUp(t *testing.T) {
	bubble(t, func(t *testing.T, n *network) {
		l, p := n.open(n.config())
		defer l.Close()
		want(t, l, "WELCOME tok 10 hi")
		n.down = syscall.ECONNREFUSED
		start := time.Now()
		p.Close()
		want(t, l, "lost", "ended: connection to chat:12000 lost and not back after 2m0s: connection refused")
		if diff := cmp.Diff(2*time.Minute, time.Since(start)); diff != "" {
			t.Errorf("it gave up after (-want +got):\n%s", diff)
		}
	})
}

func TestNoReconnect(t *testing.T) {
	bubble(t, func(t *testing.T, n *network) {
		cfg := n.config()
		cfg.Reconnect = 0
		l, p := n.open(cfg)
		defer l.Close()
		p.Close()
		want(t, l, "WELCOME tok 10 hi", "ended: connection to chat:12000 lost: closed without a word")
	})
}

func TestQuitWhileAway(t *testing.T) {
	bubble(t, func(t *testing.T, n *network) {
		l, p := n.open(n.config())
		n.down = syscall.ECONNREFUSED
		p.Close()
		want(t, l, "WELCOME tok 10 hi", "lost")
		l.Quit()
		l.Close()
	})
}

func TestData(t *testing.T) {
	bubble(t, func(t *testing.T, n *network) {
		l, p := n.open(n.config())
		defer l.Close()
		go func() {
			for _, b := range []byte("SENDING 9 0 v1 a b\nDATA 4\n\nSA\nSAID 11 0 bob x\nDATA 5\nID 7\n") { // byte by byte
				p.Write([]byte{b})
			}
			p.send("DATA 300000")
			p.Write(make([]byte, 10))
			p.Close()
		}()
		want(t, l, "WELCOME tok 10 hi", "SENDING 9 0 v1 a b", `DATA 4 "\nSA\n"`, "SAID 11 0 bob x", `DATA 5 "ID 7\n"`,
			`DATA 300000 "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"`, "lost")
	})
}

// A server that does not keep to the protocol is left; to come back would not help.
func TestOutOfStep(t *testing.T) {
	for _, line := range []string{"OK 11", "SAID x y bob hi", "DATA -1", strings.Repeat("x", wire.MaxServerLine)} {
		t.Run(line[:min(len(line), 10)], func(t *testing.T) {
			bubble(t, func(t *testing.T, n *network) {
				l, p := n.open(n.config())
				defer l.Close()
				go io.WriteString(p, line+"\n")
				want(t, l, "WELCOME tok 10 hi")
				e := <-l.Events()
				if e.Kind != Ended || !strings.HasPrefix(fmt.Sprint(e.Err), "the server does not follow parley/1: ") {
					t.Errorf("after %.20q: %v", line, describe(l, e))
				}
			})
		})
	}
}

// FuzzServer feeds a Link what no server should send: it must neither panic nor hang.
func FuzzServer(f *testing.F) {
	f.Add([]byte("SAID 11 0 bob hi\nDATA 3\nabcOK 5\nBYE x\n"))
	f.Add([]byte("ERROR - too-slow x\nBYE y\n\xff\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		client, server := net.Pipe()
		go func() {
			bufio.NewReader(server).ReadString('\n')
			io.WriteString(server, "WELCOME t 1 hi\n")
			go io.Copy(io.Discard, server)
			server.Write(b)
			server.Close()
		}()
		cfg := Config{Address: "x:1", Name: "alice", Idle: time.Minute,
			Dial: func(context.Context, string, string) (net.Conn, error) { return client, nil }}
		l, err := Open(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		l.Send(say("x"))
		for e := range l.Events() {
			describe(l, e)
		}
	})
}
