//go:build unix

package terminal

import (
	"testing"

	"github.com/creack/pty"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/term"
)

// A terminal is read in the same way, and an Esc that nothing follows is a key.
func TestInput(t *testing.T) {
	master, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer tty.Close()
	defer master.Close()
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
	got := []string{read("a\xc3"), read("\xa9"), read("\x1b[1"), read(";5C"), read("\x1b")}
	if diff := cmp.Diff([]string{"a", "é", "", "\x1b[1;5C", escKey}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	master.Close()
	if n, err := in.Read(p); err == nil || n != 0 {
		t.Errorf("of a terminal that is gone %d bytes are read, without an error", n)
	}
}
