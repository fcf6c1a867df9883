// Package terminal is the client's UI for a person: a line to type in at the bottom, and everything else
// printed above it, where it stays in the terminal's own scrollback.
package terminal

import (
	"os"
	"sync"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
	"golang.org/x/term"

	"parley/client/internal/chat"
)

// A UI shows a chat on a terminal.
type UI struct {
	// set at construction, never changed
	program *tea.Program
	prompt  *prompt // owned by the program while it runs
	input   *input
	typed   <-chan chat.Input
	updates chan update // for the prompt, which is slow if the terminal is
	running sync.WaitGroup

	drawing bool     // the renderer runs fast; owned by the goroutine that runs the program
	pending update   // not sent yet, with the status that was sent last
	unsent  []string // lines of kind [chat.Unsent]
	err     error    // what ended the program; set before running is done
}

// New takes over the terminal until Close, for the user of that name. It returns the lines that are typed,
// too; their channel is closed when the user wants to leave. On Windows Bubble Tea has the console understand
// sequences both ways, and reads and writes it in UTF-16, whatever its code page; patched does the rest.
func New(in, out *os.File, name string) (*UI, <-chan chat.Input) {
	typed := make(chan chat.Input, readable)
	p := newPrompt(name, typed)
	u := &UI{prompt: p, input: &input{File: in}, typed: typed, updates: make(chan update, 1)}
	// Bubble Tea tells the size too late for the first lines
	if w, h, err := term.GetSize(int(out.Fd())); err == nil {
		p.resize(tea.WindowSizeMsg{Width: w, Height: h})
	}
	lipgloss.Writer.Profile = profile()
	u.program = tea.NewProgram(p, tea.WithInput(u.input), tea.WithOutput(out),
		tea.WithColorProfile(lipgloss.Writer.Profile), tea.WithoutSignalHandler(),
		tea.WithFilter(patched(in, out, u.filter)))
	p.send = u.program.Send
	u.running.Go(func() {
		_, u.err = u.program.Run()
		p.hangUp()
	})
	u.running.Go(func() {
		for up := range u.updates {
			u.program.Send(up)
		}
	})
	return u, typed
}

// Close prints what is left and gives the terminal back as it was. It returns the texts that were typed and
// not sent, as lines to be printed then, unwrapped, so that they can be copied.
func (u *UI) Close() (unsent []string, err error) {
	u.pending.last = true
	u.send()
	close(u.updates)
	u.running.Wait()
	return u.leftOver(), u.err
}

// leftOver returns a line for each unsent text: those that the chat had, and those that it never got. The
// program must have ended.
func (u *UI) leftOver() []string {
	var texts []string
	for in := range u.typed {
		if in.Complete == nil {
			texts = append(texts, in.Text)
		}
	}
	u.prompt.paste(u.input.unfinished())
	lines := u.unsent
	for _, text := range append(texts, u.prompt.unsent()...) {
		to := u.prompt.status.To
		if command(text) {
			to = ""
		}
		lines = append(lines, chat.NotSent(to, text))
	}
	return lines
}

// Show queues a line.
func (u *UI) Show(l chat.Line) {
	if l.Kind == chat.Unsent {
		u.unsent = append(u.unsent, l.Text)
		return
	}
	u.pending.lines = append(u.pending.lines, l)
	if len(u.pending.lines) == readable { // a flood takes no memory
		u.send()
	}
}

// Flush sends queued lines and the status to the prompt. It never fails.
func (u *UI) Flush(s chat.Status) error {
	if len(u.pending.lines) > 0 || s != u.pending.status {
		u.pending.status = s
		u.send()
	}
	return nil
}

// send hands the update over, merged with one not yet received. It never blocks.
func (u *UI) send() {
	var up update
	select {
	case up = <-u.updates:
	default:
	}
	up.add(u.pending)
	u.updates <- up
	u.pending.lines = nil
}
