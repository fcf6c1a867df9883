//go:build unix

package terminal

import (
	"os"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/term"
)

// openTerminal returns both ends of a terminal.
func openTerminal(t *testing.T) (master, tty *os.File) {
	t.Helper()
	master, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		tty.Close()
		master.Close()
	})
	return master, tty
}

// A terminal is read in whole characters and sequences, and an Esc that nothing follows is a key.
func TestInput(t *testing.T) {
	master, tty := openTerminal(t)
	if _, err := term.MakeRaw(int(tty.Fd())); err != nil {
		t.Fatal(err)
	}
	in := input{File: tty}
	p := make([]byte, 4096)
	read := func(send string) string {
		if _, err := master.WriteString(send); err != nil {
			t.Fatal(err)
		}
		n, err := in.Read(p)
		if err != nil {
			t.Fatal(err)
		}
		return string(p[:n])
	}
	var got []string
	for _, piece := range []string{"a\xc3", "\xa9", "\x1b[1", ";5C", "\x1b", pasteStart + "b\x1b", "[201~"} {
		got = append(got, read(piece))
	}
	want := []string{"a", "é", "", "\x1b[1;5C", escKey, pasteStart + "b", pasteEnd}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A terminal that goes away ends the client, also when no signal tells of it: this one does not control the
// test.
func TestTerminalGone(t *testing.T) {
	master, tty := openTerminal(t)
	f, typed := New(tty, tty, "alice")
	master.Close()
	select {
	case in, ok := <-typed:
		if ok {
			t.Errorf("typed: %+v", in)
		}
	case <-time.After(10 * time.Second):
		t.Error("the client stays without a terminal")
	}
	if _, err := f.Close(); err == nil {
		t.Error("no error")
	}
}
