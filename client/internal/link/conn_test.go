package link

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"parley/server/wire"
	"parley/server/wire/wiretest"
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
	return Config{Addresses: []string{"chat:12000"}, Name: "alice", History: 2, Idle: 45 * time.Second,
		Reconnect: 2 * time.Minute, Dial: n.dial}
}

// A client is a connection that is used.
type client struct {
	*Conn
	broke chan error // by what, in the end
}

func use(c *Conn) *client {
	used := &client{c, make(chan error, 1)}
	go c.Transmit()
	go func() { used.broke <- c.Receive() }()
	return used
}

// join joins with a HELLO that is answered.
func (n *network) join() (*client, *wiretest.Peer) {
	n.t.Helper()
	served := make(chan *wiretest.Peer)
	go func() {
		p := n.accept()
		p.Script(`
			> HELLO parley/1 alice 2
			< WELCOME tok 10 hi
		`)
		served <- p
	}()
	c, welcome, err := Join(n.t.Context(), n.config())
	if err != nil {
		n.t.Fatal(err)
	}
	if diff := cmp.Diff("WELCOME tok 10 hi\n", string(welcome.AppendServer(nil))); diff != "" {
		n.t.Errorf("(-want +got):\n%s", diff)
	}
	return use(c), <-served
}

// accept returns the server's end of the next connection.
func (n *network) accept() *wiretest.Peer { return wiretest.NewServer(n.t, <-n.conns) }

// want checks the next lines.
func want(t *testing.T, c *client, lines ...string) {
	t.Helper()
	for _, want := range lines {
		m := <-c.Lines()
		if diff := cmp.Diff(want+"\n", string(m.AppendServer(nil))); diff != "" {
			t.Fatalf("next line (-want +got):\n%s", diff)
		}
	}
}

// bubble runs a test in which time is only what the test waits for, and which fails if a goroutine is left
// behind.
func bubble(t *testing.T, f func(t *testing.T, n *network)) {
	synctest.Test(t, func(t *testing.T) { f(t, newNetwork(t)) })
}

func TestJoin(t *testing.T) {
	bubble(t, func(t *testing.T, n *network) {
		c, p := n.join()
		defer c.Close()
		p.Send("SAID 3 0 bob old", "JOINED 11 0 alice", "SOMETHING new", "TOLD 13 0 bob you")
		want(t, c, "SAID 3 0 bob old", "JOINED 11 0 alice", "TOLD 13 0 bob you")
		c.Send(say("hello"))
		c.Send(wire.Message{Verb: wire.Quit})
		p.Expect("SAY hello", "QUIT")
	})
}

func TestCannotJoin(t *testing.T) {
	tests := []struct {
		name   string
		down   error
		answer string
		want   string
	}{
		{"refused", syscall.ECONNREFUSED, "",
			"cannot connect to chat:12000: connection refused: is the server running?"},
		{"unknown", &net.DNSError{Name: "chat", IsNotFound: true}, "",
			"cannot connect to chat:12000: host chat is unknown: check the host's name"},
		{"unreachable", &net.OpError{Op: "dial", Err: errors.New("no route to host")}, "",
			"cannot connect to chat:12000: no route to host: is the address right?"},
		{"taken", nil, "ERROR HELLO name-taken alice is here already\n",
			"cannot join as alice: alice is here already"},
		{"shut down", nil, "NOTICE wait\nBYE full\n", "cannot join as alice: full"},
		{"other protocol", nil, "SSH-2.0-OpenSSH\r\n",
			`cannot connect to chat:12000: it answers "SSH-2.0-OpenSSH": is it a parley server?`},
		{"other order", nil, "SAID 1 2 bob x\n",
			`cannot connect to chat:12000: it answers "SAID 1 2 bob x": is it a parley server?`},
		{"binary", nil, "\x16\x03\x01\n",
			`cannot connect to chat:12000: it answers "\x16\x03\x01": is it a parley server?`},
		{"closed", nil, "-",
			"cannot connect to chat:12000: the server closed the connection: is it a parley server?"},
		{"silent", nil, "", "cannot connect to chat:12000: no answer in time: is it a parley server?"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, n *network) {
				n.down = tt.down
				if tt.down == nil {
					go func() {
						p := n.accept()
						p.Expect("HELLO parley/1 alice 2")
						switch tt.answer {
						case "": // silence
						case "-":
							p.Close()
						default:
							io.WriteString(p, tt.answer)
						}
					}()
				}
				c, _, err := Join(t.Context(), n.config())
				if err == nil {
					c.Close()
				}
				if diff := cmp.Diff(tt.want, fmt.Sprint(err)); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
		})
	}
}

// back comes back after a connection broke by io.EOF, and returns the server's answer or what went wrong.
func (n *network) back(cfg Config) (*Conn, string) {
	resume := wire.Message{Verb: wire.Resume, Token: []byte("tok"), Seq: 12}
	c, answer, err := Reconnect(n.t.Context(), cfg, resume, io.EOF, 0, func(time.Time) {})
	if err != nil {
		return nil, err.Error()
	}
	return c, strings.TrimSpace(string(answer.AppendServer(nil)))
}

func TestReconnect(t *testing.T) {
	tests := []struct {
		name   string
		script string // after RESUME
		want   string
	}{
		{"resumed", `< RESUMED 2 hi`, "RESUMED 2 hi"},
		{"gone", `
			< ERROR RESUME gone no such session
			> HELLO parley/1 alice 1000
			< WELCOME tok2 3 hi
		`, "WELCOME tok2 3 hi"},
		{"taken", `
			< ERROR RESUME gone no such session
			> HELLO parley/1 alice 1000
			< ERROR HELLO name-taken alice is here already
		`, "the session is gone and cannot start afresh: alice is here already"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, n *network) {
				go func() {
					n.accept().Close() // the first attempt fails
					p := n.accept()
					p.Expect("RESUME parley/1 tok 12")
					p.Script(tt.script)
				}()
				c, got := n.back(n.config())
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				if c != nil {
					c.Close()
				}
			})
		})
	}
}

func TestGiveUp(t *testing.T) {
	for patience, want := range map[time.Duration]string{
		0:               "connection to chat:12000 lost: the server closed the connection",
		2 * time.Minute: "connection to chat:12000 lost and not back after 2m0s: connection refused",
	} {
		bubble(t, func(t *testing.T, n *network) {
			n.down = syscall.ECONNREFUSED
			cfg := n.config()
			cfg.Reconnect = patience
			start := time.Now()
			_, got := n.back(cfg)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(patience, time.Since(start)); diff != "" {
				t.Errorf("it gave up after (-want +got):\n%s", diff)
			}
		})
	}
}

func TestHeartbeat(t *testing.T) {
	bubble(t, func(t *testing.T, n *network) {
		c, p := n.join()
		defer c.Close()
		c.MarkHandled(10)
		start := time.Now()
		p.Script(`
			> PING 10
			< PONG
			> PING 10
			> PING 10
		`) // the last two are not answered
		want(t, c, "PONG")
		if err := <-c.broke; !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a dead connection broke by: %v", err)
		}
		if diff := cmp.Diff(15*time.Second+45*time.Second, time.Since(start)); diff != "" {
			t.Errorf("a dead connection was noticed after (-want +got):\n%s", diff)
		}
	})
}

func TestAcknowledge(t *testing.T) {
	bubble(t, func(t *testing.T, n *network) {
		c, p := n.join()
		defer c.Close()
		for seq := range uint64(ackEvery) {
			c.MarkHandled(11 + seq)
			c.MarkHandled(11 + seq) // as after a line that is not of the stream
		}
		p.Expect("PING 266")
	})
}

// A connection can be closed while nobody receives what comes over it.
func TestCloseWhileReading(t *testing.T) {
	bubble(t, func(t *testing.T, n *network) {
		c, p := n.join()
		c.get(wire.Message{Verb: wire.Get, Version: []byte("-"), Name: []byte("a")})
		p.Expect("GET 0 - a")
		p.Send("SENDING 2 0 v1 a")
		c.Close()
		c, p = n.join()
		for range lineQueue + 1 {
			p.Send("NOTICE x")
		}
		c.Close()
	})
}

// A server that does not keep to the protocol is left; to come back would not help.
func TestOutOfStep(t *testing.T) {
	for _, line := range []string{"SAID x y bob hi", "DATA -1", strings.Repeat("x", wire.MaxServerLine)} {
		t.Run(line[:min(len(line), 10)], func(t *testing.T) {
			bubble(t, func(t *testing.T, n *network) {
				c, p := n.join()
				go io.WriteString(p, line+"\n")
				err := <-c.broke
				if _, ok := errors.AsType[*wire.ProtocolError](err); !ok {
					t.Errorf("after %.20q: %v", line, err)
				}
				if n := len(c.Lines()); n > 0 {
					t.Errorf("%d lines from nowhere", n)
				}
			})
		})
	}
}

// A server that sends without end and takes nothing does not fill the memory with acknowledgements.
func TestServerThatTakesNothing(t *testing.T) {
	bubble(t, func(t *testing.T, n *network) {
		c, p := n.join()
		defer c.Close()
		for seq := range uint64(1000 * ackEvery) {
			c.MarkHandled(seq + 1)
		}
		synctest.Wait()
		c.mu.Lock()
		waiting := len(c.out)
		c.mu.Unlock()
		if waiting > 0 {
			t.Errorf("%d bytes wait for the server", waiting)
		}
		for seq := ""; seq != "PING 256000"; { // the last is told all the same
			line, err := p.Read()
			if err != nil {
				t.Fatal(err)
			}
			seq = line
		}
	})
}

// Of several servers, the first that lets the user in is joined. When its connection is lost, the client
// tries it first, and then the others.
func TestSeveralServers(t *testing.T) {
	bubble(t, func(t *testing.T, n *network) {
		var dialed []string
		full := map[string]bool{"a:1": true}
		cfg := n.config()
		cfg.Addresses = []string{"none:1", "a:1", "b:1"}
		cfg.Dial = func(_ context.Context, _, address string) (net.Conn, error) {
			dialed = append(dialed, address)
			if address == "none:1" {
				return nil, syscall.ECONNREFUSED
			}
			client, server := net.Pipe()
			go func() {
				p := wiretest.NewServer(t, server)
				line, err := p.Read()
				verb, _, _ := strings.Cut(line, " ")
				switch {
				case err != nil:
					t.Error(err)
				case full[address]:
					p.Send("ERROR " + verb + " full the server cannot reach NATS")
				default:
					p.Send(map[string]string{"HELLO": "WELCOME tok 10 hi", "RESUME": "RESUMED 0 hi"}[verb])
				}
			}()
			return client, nil
		}
		c, _, err := Join(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
		if c.Address() != "b:1" {
			t.Errorf("joined %s, want b:1", c.Address())
		}
		resume := wire.Message{Verb: wire.Resume, Token: []byte("tok"), Seq: 10}
		full["a:1"], full["b:1"] = false, true
		c, _, err = Reconnect(t.Context(), cfg.From(c.Address()), resume, io.EOF, 0, func(time.Time) {})
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
		want := []string{"none:1", "a:1", "b:1", "b:1", "none:1", "a:1"}
		if diff := cmp.Diff(want, dialed); diff != "" {
			t.Errorf("dialed (-want +got):\n%s", diff)
		}
	})
}
