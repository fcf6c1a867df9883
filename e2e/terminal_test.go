package e2e

import (
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/creack/pty"
)

// A terminal is a pseudo-terminal with a screen.
type terminal struct {
	pty    *os.File
	screen *screen
}

// Write types what the screen answers to the program.
func (t *terminal) Write(p []byte) (int, error) { return t.pty.Write(p) }

// newOnTerminal starts cmd on a terminal.
func newOnTerminal(name string, cmd *exec.Cmd, cols, rows int) (*actor, error) {
	cmd.Env = append([]string{"TERM=xterm-256color", "LC_ALL=C.UTF-8"}, cmd.Env...)
	t := new(terminal)
	t.screen = newScreen(cols, rows, t)
	io.WriteString(t.screen, "$ client "+name+"\r\n") // the shell's line before it
	file, err := pty.StartWithSize(cmd, &pty.Winsize{Cols: uint16(cols), Rows: uint16(rows)})
	if err == nil {
		file, err = interruptible(file)
	}
	if err != nil {
		return nil, err
	}
	t.pty = file
	a := &actor{name: name, cmd: cmd, in: file, out: newStream(), term: t, done: make(chan struct{})}
	go func() {
		// fails when the program ends, which Wait tells better
		_, _ = io.Copy(io.MultiWriter(t.screen, a.out), file)
		_ = cmd.Wait() // its status is in cmd.ProcessState
		a.out.end()
		file.Close()
		close(a.done)
	}()
	return a, nil
}

// keys are the keys that have names. <Ctrl-A> to <Ctrl-Z> and <Alt-A> to <Alt-Z> are known too.
var keys = map[string]string{
	"Enter": "\r", "Tab": "\t", "Backspace": "\x7f", "Esc": "\x1b", "Delete": "\x1b[3~",
	"Up": "\x1b[A", "Down": "\x1b[B", "Right": "\x1b[C", "Left": "\x1b[D", "Home": "\x1b[H", "End": "\x1b[F",
}

var keyName = regexp.MustCompile(`<([A-Z][A-Za-z-]*)>`)

func term(c *call) {
	host, port := c.server()
	name := c.args[0]
	cols, rows := c.size(c.args[1])
	a := c.runOnTerminal(name, "client", cols, rows, append(c.args[2:], name, host, port)...)
	if kind := c.ts.Getenv("TERM"); kind == "dumb" || kind == "network" {
		c.awaitScreen(a, name+" has joined", a.term.screen.rows)
		return
	}
	c.awaitScreen(a, "[all] |", a.term.screen.promptOnly)
}

// runOnTerminal starts one of the programs on a terminal.
func (c *call) runOnTerminal(name, prog string, cols, rows int, args ...string) *actor {
	c.free(name)
	a, err := newOnTerminal(name, c.command(prog, args...), cols, rows)
	c.check(err)
	c.add(a)
	return a
}

// size reads a terminal's size, such as 80x24.
func (c *call) size(s string) (cols, rows int) {
	w, h, _ := strings.Cut(s, "x")
	cols, err := strconv.Atoi(w)
	c.check(err)
	rows, err = strconv.Atoi(h)
	c.check(err)
	return cols, rows
}

func press(c *call) {
	a := c.onTerminal()
	input := keyName.ReplaceAllStringFunc(c.text(1), func(k string) string {
		name := k[1 : len(k)-1]
		if letter, ok := strings.CutPrefix(name, "Ctrl-"); ok && len(letter) == 1 {
			return string(rune(letter[0] & 0x1f))
		}
		if letter, ok := strings.CutPrefix(name, "Alt-"); ok && len(letter) == 1 {
			return "\x1b" + strings.ToLower(letter)
		}
		seq, ok := keys[name]
		if !ok {
			c.fail("there is no key %s", k)
		}
		return seq
	})
	_, err := io.WriteString(a.in, input)
	c.check(err)
}

func paste(c *call) {
	a := c.onTerminal()
	text := strings.ReplaceAll(c.ts.ReadFile(c.args[1]), "\n", "\r")
	_, err := io.WriteString(a.in, "\x1b[200~"+text+"\x1b[201~")
	c.check(err)
}

func screenRow(c *call) {
	a := c.onTerminal()
	c.awaitScreen(a, c.text(1), a.term.screen.rows)
}

func lookOf(c *call) {
	a := c.onTerminal()
	c.awaitScreen(a, c.args[1], func() []string { return a.term.screen.looks(c.text(2)) })
}

func bells(c *call) {
	a := c.onTerminal()
	c.awaitScreen(a, c.args[1], a.term.screen.rung)
}

func prompt(c *call) {
	a := c.onTerminal()
	c.awaitScreen(a, c.text(1), a.term.screen.promptOnly)
}

func (s *screen) promptOnly() []string { return []string{s.prompt()} }

// awaitScreen waits until one of the rows is text, and sets the variables that the text names.
func (c *call) awaitScreen(a *actor, text string, rows func() []string) {
	want := pattern(text)
	deadline := time.After(patience())
	for {
		changed, ended := a.term.screen.changed(), a.hasEnded()
		for _, row := range rows() {
			if m := want.FindStringSubmatch(row); m != nil {
				c.keep(want, m)
				return
			}
		}
		if ended {
			c.fail("no %q: it has ended\n%s", text, a.describe())
		}
		select {
		case <-changed:
		case <-a.done:
		case <-deadline:
			c.fail("no %q in %v\n%s", text, patience(), a.describe())
		}
	}
}

func resize(c *call) {
	a := c.onTerminal()
	cols, rows := c.size(c.args[1])
	a.term.screen.resize(cols, rows)
	c.check(setSize(a.term.pty, cols, rows))
}
