package terminal

import (
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
	"unsafe"

	tea "charm.land/bubbletea/v2"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/windows"

	"parley/client/internal/chat"
)

var (
	kernel       = windows.NewLazySystemDLL("kernel32.dll")
	freeConsole  = kernel.NewProc("FreeConsole")
	allocConsole = kernel.NewProc("AllocConsole")
	createBuffer = kernel.NewProc("CreateConsoleScreenBuffer")
	writeInput   = kernel.NewProc("WriteConsoleInputW")
	readOutput   = kernel.NewProc("ReadConsoleOutputCharacterW")
)

// A console is that of this process, or a new one, with a screen of its own that nobody sees.
type console struct {
	t       *testing.T
	in, out *os.File
}

// newConsole makes the console's input the standard one, as Bubble Tea reads no other. Everything is put back
// in the end.
func newConsole(t *testing.T) console {
	t.Helper()
	in, err := os.OpenFile("CONIN$", os.O_RDWR, 0)
	if err != nil { // there is no console, or it is one that only a child process could use
		freeConsole.Call()
		allocConsole.Call()
		in, err = os.OpenFile("CONIN$", os.O_RDWR, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	const text = 1
	out, _, err := createBuffer.Call(windows.GENERIC_READ|windows.GENERIC_WRITE, 0, 0, text, 0)
	if windows.Handle(out) == windows.InvalidHandle {
		t.Fatal(err)
	}
	c := console{t, in, os.NewFile(out, "screen")}
	was, stdin := c.mode(in), os.Stdin
	handle, _ := windows.GetStdHandle(windows.STD_INPUT_HANDLE)
	os.Stdin = in
	windows.SetStdHandle(windows.STD_INPUT_HANDLE, windows.Handle(in.Fd()))
	t.Cleanup(func() {
		windows.SetConsoleMode(windows.Handle(in.Fd()), was)
		windows.SetStdHandle(windows.STD_INPUT_HANDLE, handle)
		os.Stdin = stdin
		in.Close()
		c.out.Close()
	})
	return c
}

func (c console) mode(f *os.File) (mode uint32) {
	c.t.Helper()
	if err := windows.GetConsoleMode(windows.Handle(f.Fd()), &mode); err != nil {
		c.t.Fatal(err)
	}
	return mode
}

// until waits until something is so.
func (c console) until(what string, is func() bool) {
	c.t.Helper()
	for end := time.Now().Add(10 * time.Second); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			c.t.Fatalf("not within 10 s: %s; modes %#x and %#x", what, c.mode(c.in), c.mode(c.out))
		}
	}
}

// send has the program read UTF-16 units, as a console sends characters and, in sequences, keys. All are
// there at once, because Bubble Tea can mix up records that arrive while it handles earlier ones.
func (c console) send(text string) {
	c.t.Helper()
	type record struct {
		event, _                uint16
		down                    int32
		repeat, key, scan, unit uint16
		state                   uint32
	}
	const keyEvent = 1
	var records []record
	for _, unit := range utf16.Encode([]rune(text)) {
		records = append(records, record{event: keyEvent, down: 1, repeat: 1, unit: unit})
	}
	var n uint32
	ok, _, err := writeInput.Call(c.in.Fd(), uintptr(unsafe.Pointer(&records[0])), uintptr(len(records)),
		uintptr(unsafe.Pointer(&n)))
	if ok == 0 {
		c.t.Fatal(err)
	}
}

// info tells the size of the screen and of all that it scrolls to.
func (c console) info() (info windows.ConsoleScreenBufferInfo) {
	c.t.Helper()
	if err := windows.GetConsoleScreenBufferInfo(windows.Handle(c.out.Fd()), &info); err != nil {
		c.t.Fatal(err)
	}
	return info
}

// screen returns the text of the screen and of its scrollback.
func (c console) screen() string {
	c.t.Helper()
	info := c.info()
	cells, n := make([]uint16, int(info.Size.X)*int(info.Window.Bottom+1)), uint32(0)
	ok, _, err := readOutput.Call(c.out.Fd(), uintptr(unsafe.Pointer(&cells[0])), uintptr(len(cells)), 0,
		uintptr(unsafe.Pointer(&n)))
	if ok == 0 {
		c.t.Fatal(err)
	}
	return string(utf16.Decode(cells[:n]))
}

// A console is told to send and to understand sequences, shows and takes every character, and is given back
// as it was.
func TestConsole(t *testing.T) {
	c := newConsole(t)
	const usual = windows.ENABLE_PROCESSED_INPUT | windows.ENABLE_LINE_INPUT | windows.ENABLE_ECHO_INPUT |
		windows.ENABLE_INSERT_MODE | windows.ENABLE_QUICK_EDIT_MODE | windows.ENABLE_EXTENDED_FLAGS
	if err := windows.SetConsoleMode(windows.Handle(c.in.Fd()), usual); err != nil {
		t.Fatal(err)
	}
	in, out := c.mode(c.in), c.mode(c.out)

	f, typed := New(c.in, c.out, "alice")
	const reads = windows.ENABLE_VIRTUAL_TERMINAL_INPUT | windows.ENABLE_WINDOW_INPUT |
		windows.ENABLE_QUICK_EDIT_MODE
	const others = windows.ENABLE_PROCESSED_INPUT | windows.ENABLE_LINE_INPUT | windows.ENABLE_ECHO_INPUT
	c.until("sequences are read, and the mouse still marks",
		func() bool { return c.mode(c.in)&(reads|others) == reads })
	c.until("sequences are shown",
		func() bool { return c.mode(c.out)&windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING != 0 })

	const text = "café € Ж" // in no code page that consoles begin with
	f.Show(chat.Line{Kind: chat.Answer, Text: text})
	f.Flush(chat.Status{})
	c.until("a text is shown", func() bool { return strings.Contains(c.screen(), text) })

	tests := []struct {
		name, sent string
		want       []chat.Input
	}{
		{"left, Shift alone, left, End, Home", "é日👍x\x1b[D\x00\x1b[Dy\x1b[F!\x1b[H>\r",
			[]chat.Input{{Text: ">é日y👍x!"}}},
		{"a paste", "\x1b[200~one\r/quit\r\x1b[201~",
			[]chat.Input{{Text: "one", Pasted: true}, {Text: "/quit", Pasted: true}}},
		{"Ctrl-C twice, with Ctrl let go", "\x03\x00\x03", []chat.Input{{Text: "the end"}}},
	}
	for _, tt := range tests {
		c.send(tt.sent)
		var got []chat.Input
		for end := time.After(10 * time.Second); len(got) < len(tt.want); {
			select {
			case in, ok := <-typed:
				if !ok {
					in.Text = "the end"
				}
				got = append(got, in)
			case <-end:
				t.Fatalf("%s: not within 10 s: %+v, only %+v", tt.name, tt.want, got)
			}
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
	if _, err := f.Close(); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]uint32{in, out}, []uint32{c.mode(c.in), c.mode(c.out)}); diff != "" {
		t.Errorf("modes given back (-want +got):\n%s", diff)
	}
}

// A console tells how large all is that its window can be scrolled to, which must not be taken for the
// window.
func TestConsoleSize(t *testing.T) {
	c := newConsole(t)
	same := func(_ tea.Model, msg tea.Msg) tea.Msg { return msg }
	got := patched(c.in, c.out, same)(nil, tea.WindowSizeMsg{Width: 80, Height: 9001})
	window := c.info().Window
	want := tea.WindowSizeMsg{Width: int(window.Right-window.Left) + 1,
		Height: int(window.Bottom-window.Top) + 1}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
