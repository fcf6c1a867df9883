package link

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"parley/server/wire"
)

// get sends a GET and returns what comes for it.
func (c *client) get(m wire.Message) <-chan Piece {
	pieces := c.Pieces()
	c.Get(m, pieces)
	return pieces
}

// wantPieces checks the next pieces of a download.
func wantPieces(t *testing.T, pieces <-chan Piece, want ...string) {
	t.Helper()
	for _, want := range want {
		p, ok := <-pieces
		if !ok {
			t.Fatalf("no more pieces, want %q", want)
		}
		got := strings.TrimSpace(string(p.AppendServer(nil)))
		if p.Bytes != nil {
			got += fmt.Sprintf(" %q", p.Bytes)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("next piece (-want +got):\n%s", diff)
		}
	}
}

func TestData(t *testing.T) {
	bubble(t, func(t *testing.T, n *network) {
		c, p := n.join()
		defer c.Close()
		pieces := c.get(wire.Message{Verb: wire.Get, Version: []byte("-"), Name: []byte("a b")})
		p.Expect("GET 0 - a b")
		go func() {
			// byte by byte
			for _, b := range []byte("SENDING 9 0 v1 a b\nDATA 4\n\nSA\nSAID 11 0 bob x\nDATA 5\nID 7\n") {
				p.Write([]byte{b})
			}
			p.Send("DATA 300000")
			p.Write(make([]byte, 10))
			p.Close()
		}()
		wantPieces(t, pieces, "SENDING 9 0 v1 a b", `DATA 4 "\nSA\n"`, `DATA 5 "ID 7\n"`,
			`DATA 300000 "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"`)
		want(t, c, "SAID 11 0 bob x")
		if _, ok := <-pieces; ok {
			t.Error("a piece from nowhere")
		}
	})
}

// Files that were asked for together come one after the other.
func TestAhead(t *testing.T) {
	bubble(t, func(t *testing.T, n *network) {
		c, p := n.join()
		defer c.Close()
		var pieces <-chan Piece
		for _, name := range []string{"a", "b", "c"} {
			pieces = c.get(wire.Message{Verb: wire.Get, Version: []byte("-"), Name: []byte(name)})
		}
		p.Expect("GET 0 - a", "GET 0 - b", "GET 0 - c")
		go io.WriteString(p, "SENDING 1 0 v a\nDATA 1\nxSENT x 1 a\nERROR GET no-file b\n"+
			"SENDING 0 0 v c\nSENT y 0 c\nSAID 11 0 bob x\n")
		wantPieces(t, pieces, "SENDING 1 0 v a", `DATA 1 "x"`, "SENT x 1 a", "ERROR GET no-file b",
			"SENDING 0 0 v c", "SENT y 0 c")
		want(t, c, "SAID 11 0 bob x")
	})
}

// What nobody asked for ends the connection, but for an error: that is said.
func TestNotAskedFor(t *testing.T) {
	const asked = "GET 0 - a"
	tests := []struct {
		sent string // after GET, if it is not empty
		line string
		want string // the error; empty if the line is passed on
	}{
		{"", "SENDING 2 0 v1 a", "SENDING for no GET"},
		{"", "DATA 9000000000", "DATA for no GET"},
		{"", "SENT x 2 a", "SENT for no GET"},
		{"", "ERROR GET no-file x", ""},
		{asked, "DATA 2", "DATA before SENDING"},
		{asked, "SENT x 2 a", "SENT before SENDING"},
		{asked, "SENDING 2 0 v1 a\nSENDING 2 0 v1 a", "SENDING twice for a GET"},
		{asked, "ERROR GET no-file y\nDATA 2", "DATA for no GET"},
		{asked, "SENDING 0 0 v1 a\nSENT x 0 a\nSENT x 0 a", "SENT for no GET"},
	}
	for _, tt := range tests {
		bubble(t, func(t *testing.T, n *network) {
			c, p := n.join()
			defer c.Close()
			if tt.sent != "" {
				pieces := c.get(wire.Message{Verb: wire.Get, Version: []byte("-"), Name: []byte("a")})
				p.Expect(tt.sent)
				go func() {
					for range pieces {
					}
				}()
			}
			p.Send(tt.line)
			if tt.want == "" {
				want(t, c, tt.line)
				return
			}
			if diff := cmp.Diff(tt.want, fmt.Sprint(<-c.broke)); diff != "" {
				t.Errorf("%s, %s (-want +got):\n%s", tt.sent, tt.line, diff)
			}
		})
	}
}

// Downloads whose data nobody takes, because a disk hangs, are stopped: the chat goes on, and they can be
// asked for again.
func TestStalledDownload(t *testing.T) {
	bubble(t, func(t *testing.T, n *network) {
		c, p := n.join()
		defer c.Close()
		get := func(name string) wire.Message {
			return wire.Message{Verb: wire.Get, Version: []byte("-"), Name: []byte(name)}
		}
		stalled := c.get(get("a"))
		c.Get(get("b"), stalled)
		p.Expect("GET 0 - a", "GET 0 - b")
		go io.WriteString(p, "SENDING 4 0 v a\nDATA 2\nabSAID 11 0 bob x\nDATA 2\ncdSAID 12 0 bob y\n")
		wantPieces(t, stalled, "SENDING 4 0 v a", `DATA 2 "ab"`)
		want(t, c, "SAID 11 0 bob x", "stalled", "SAID 12 0 bob y")
		p.Expect("STOP")
		go io.WriteString(p, "DATA 2\nefSAID 13 0 bob z\n") // sent before the server has read STOP
		want(t, c, "SAID 13 0 bob z")
		c.Get(get("c"), stalled) // by a receiver that has not noticed
		if _, ok := <-stalled; ok {
			t.Error("a piece came after the stall")
		}
		pieces := c.get(get("a"))
		p.Expect("GET 0 - a")
		go io.WriteString(p, "ERROR GET stopped a\nERROR GET stopped b\n"+
			"SENDING 1 0 v a\nDATA 1\neSENT x 1 a\n")
		wantPieces(t, pieces, "SENDING 1 0 v a", `DATA 1 "e"`, "SENT x 1 a")
	})
}
