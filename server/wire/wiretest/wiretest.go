// Package wiretest plays one end of a connection in tests: a client of the server under test, or the server
// of the client under test.
package wiretest

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"parley/server/wire"
)

// Patience is how long a test waits for a line.
const Patience = time.Minute

// A Peer is the test's end of a connection. Where a method finds something else than it should, the test has
// failed, and the goroutine that called the method ends.
type Peer struct {
	net.Conn
	Token string // of the last WELCOME that was read
	Seq   uint64 // the highest that was read

	t            testing.TB
	sends, reads string // the steps of a script that this end takes
	lines        *bufio.Reader
	next         func() (line string, err error)
}

// NewClient returns a Peer that plays a client over conn, which the caller must close.
func NewClient(t testing.TB, conn net.Conn) *Peer { return newPeer(t, conn, ">", "<") }

// NewServer returns a Peer that plays the server over conn, which the caller must close.
func NewServer(t testing.TB, conn net.Conn) *Peer { return newPeer(t, conn, "<", ">") }

func newPeer(t testing.TB, conn net.Conn, sends, reads string) *Peer {
	p := &Peer{Conn: conn, t: t, sends: sends, reads: reads}
	p.lines = bufio.NewReaderSize(conn, wire.MaxServerLine)
	p.next = func() (string, error) {
		conn.SetReadDeadline(time.Now().Add(Patience))
		return p.receive()
	}
	return p
}

// ReadAhead starts to read up to 4,096 lines as they come, so that the other end of a [net.Pipe] need not
// wait for the test. After BYE it closes the connection, as clients do. It returns p.
func (p *Peer) ReadAhead() *Peer {
	lines := make(chan string, 1<<12)
	var ended error // set before lines is closed
	go func() {
		defer close(lines)
		for {
			line, err := p.receive()
			if err != nil {
				ended = err
				return
			}
			lines <- line
			if strings.HasPrefix(line, string(wire.Bye)) {
				p.Close()
			}
		}
	}()
	p.next = func() (string, error) {
		select {
		case line, ok := <-lines:
			if !ok {
				return "", ended
			}
			return line, nil
		case <-time.After(Patience):
			return "", os.ErrDeadlineExceeded
		}
	}
	return p
}

// Script carries out steps, one a line:
//
//	> LINE   the client sends this
//	< LINE   the server sends this
//	close    this end closes the connection
//	end      the other end has closed it
//
// What this end sends is sent as it is; the other end's lines are compared as by Expect.
func (p *Peer) Script(steps string) {
	p.t.Helper()
	for step := range strings.Lines(strings.TrimSpace(steps)) {
		verb, line, _ := strings.Cut(strings.TrimSpace(step), " ")
		switch verb {
		case p.sends:
			p.Send(line)
		case p.reads:
			p.Expect(line)
		case "close":
			p.Close()
		case "end":
			p.ExpectEnd()
		default:
			p.t.Fatalf("unknown step %q", step)
		}
	}
}

// Send sends lines.
func (p *Peer) Send(lines ...string) {
	p.t.Helper()
	p.SetWriteDeadline(time.Now().Add(Patience))
	defer p.SetWriteDeadline(time.Time{})
	if _, err := io.WriteString(p, strings.Join(lines, "\n")+"\n"); err != nil {
		p.t.Fatalf("sending %.100q: %v", lines, err)
	}
}

// Expect reads lines and compares their Format. A wanted line that ends with "..." needs only begin so.
func (p *Peer) Expect(want ...string) {
	p.t.Helper()
	var got []string
	for _, w := range want {
		line, err := p.Read()
		if err != nil {
			p.t.Fatalf("after %q the connection ended, want %q: %v", got, w, err)
		}
		line = Format(line)
		if beginning, ok := strings.CutSuffix(w, "..."); ok && strings.HasPrefix(line, beginning) {
			line = w
		}
		got = append(got, line)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		p.t.Fatalf("lines (-want +got):\n%s", diff)
	}
}

// ExpectEnd is Expect, and then the end of the connection.
func (p *Peer) ExpectEnd(want ...string) {
	p.t.Helper()
	p.Expect(want...)
	line, err := p.Read()
	if err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		p.t.Fatalf("%q, %v, want the end of the connection", line, err)
	}
}

// Read returns the next line as it came, without its end, or the error that ended the connection. A DATA line
// has its bytes after it, in quotes.
func (p *Peer) Read() (string, error) {
	line, err := p.next()
	if m, err := wire.ParseServer([]byte(line)); err == nil {
		p.Seq = max(p.Seq, m.Seq)
		if m.Verb == wire.Welcome {
			p.Token = string(m.Token)
		}
	}
	return line, err
}

// Next returns the server's next line as a message. It must come, and not be DATA.
func (p *Peer) Next() wire.Message {
	p.t.Helper()
	line, err := p.Read()
	if err != nil {
		p.t.Fatalf("the connection ended after seq %d: %v", p.Seq, err)
	}
	m, err := wire.ParseServer([]byte(line))
	if err != nil {
		p.t.Fatalf("%.100q: %v", line, err)
	}
	return m
}

func (p *Peer) receive() (string, error) {
	line, err := p.lines.ReadString('\n')
	line = strings.TrimRight(line, "\r\n")
	var size int64
	if n, _ := fmt.Sscanf(line, string(wire.Data)+" %d", &size); n == 1 && err == nil {
		var data []byte
		data, err = io.ReadAll(io.LimitReader(p.lines, size))
		line = fmt.Sprintf("%s %q", line, data)
	}
	return line, err
}

// varying matches the arguments that differ from run to run, and what is before them.
var varying = regexp.MustCompile(`^(WELCOME) \S+ \d+|^(JOINED|LEFT|SAID|TOLD) \d+ \d+|^(OK|REFUSED) \d+` +
	`|^(FILE \d+) \d+|^(SENDING \d+ \d+) \S+`)

// Format returns a line without its token, seq, time and file version: SAID bob hello.
func Format(line string) string { return varying.ReplaceAllString(line, "$1$2$3$4$5") }

// TCP returns both ends of a connection over TCP, which are closed with the test.
func TCP(t testing.TB) (server, client net.Conn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	client, err = net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	server, err = listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	return server, client
}

// FirstRecord returns what a client of TLS sends first.
func FirstRecord(t testing.TB, config *tls.Config) []byte {
	t.Helper()
	near, far := net.Pipe()
	defer far.Close()
	go func() {
		tls.Client(near, config).Handshake() // which fails
		near.Close()
	}()
	record := make([]byte, 4096)
	n, err := far.Read(record)
	if err != nil {
		t.Fatal(err)
	}
	return record[:n]
}
