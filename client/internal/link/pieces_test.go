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
			"SENDING 0 0 v c\nSENT y 0 c\nSENT z 0 nothing\nSAID 11 0 bob x\n")
		wantPieces(t, pieces, "SENDING 1 0 v a", `DATA 1 "x"`, "SENT x 1 a", "ERROR GET no-file b",
			"SENDING 0 0 v c", "SENT y 0 c")
		want(t, c, "SAID 11 0 bob x")
	})
}

// What nobody asked for stops nobody, and is not taken for what is asked for next.
func TestNotAskedFor(t *testing.T) {
	bubble(t, func(t *testing.T, n *network) {
		c, p := n.join()
		defer c.Close()
		p.Send("SENDING 2 0 v1 a", "DATA 2\nab", "SENT x 2 a", "ERROR GET no-file x", "SAID 11 0 bob x")
		want(t, c, "SAID 11 0 bob x")
		pieces := c.get(wire.Message{Verb: wire.Get, Version: []byte("-"), Name: []byte("a")})
		p.Expect("GET 0 - a")
		p.Send("ERROR GET no-file y", "SENT x 2 a", "SAID 12 0 bob y")
		wantPieces(t, pieces, "ERROR GET no-file y")
		want(t, c, "SAID 12 0 bob y")
	})
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
		c.Get(get("c"), stalled) // by a receiver that has not noticed
		if _, ok := <-stalled; ok {
			t.Error("a piece came after the stall")
		}
		pieces := c.get(get("a"))
		p.Expect("GET 0 - a")
		go io.WriteString(p, "ERROR GET stopped a\nERROR GET stopped b\nSENDING 1 0 v a\nDATA 1\neSENT x 1 a\n")
		wantPieces(t, pieces, "SENDING 1 0 v a", `DATA 1 "e"`, "SENT x 1 a")
	})
}
