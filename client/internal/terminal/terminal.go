// Package terminal is the client's face for a person: a line to type in at the bottom, and what happens
// printed above it, where it stays in the terminal's own scrollback.
package terminal

import (
	"os"
	"os/signal"
	"sync"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
	"golang.org/x/term"

	"parley/client/internal/chat"
)

// A Face is a terminal.
type Face struct {
	// set at construction, never changed
	program *tea.Program
	prompt  *prompt // not to be touched while the program runs
	typed   <-chan chat.Input
	out     *os.File
	told    chan news // for the prompt, which takes its time when the terminal is slow
	running sync.WaitGroup

	busy   bool     // the renderer draws views; owned by the goroutine that runs the program
	news   news     // to be told, and the status that was told last
	unsent []string // what the chat says at the end of texts that were not sent
	err    error    // what ended the program; set before running is done
}

// New takes the terminal over, until Close, for the user of that name. It returns the lines that are typed,
// too, which end when that person wants to leave. On Windows Bubble Tea has the console understand sequences,
// both ways, and it is read and written in UTF-16, whatever its code page; patched does the rest.
func New(in, out *os.File, name string) (*Face, <-chan chat.Input) {
	typed := make(chan chat.Input, readable)
	p := newPrompt(name, typed)
	f := &Face{prompt: p, typed: typed, out: out, told: make(chan news, 1)}
	// Bubble Tea tells it too late for the first lines
	if w, h, err := term.GetSize(int(out.Fd())); err == nil {
		p.resize(tea.WindowSizeMsg{Width: w, Height: h})
	}
	lipgloss.Writer.Profile = profile()
	f.program = tea.NewProgram(p, tea.WithInput(&input{File: in}), tea.WithOutput(out),
		tea.WithColorProfile(lipgloss.Writer.Profile), tea.WithoutSignalHandler(),
		tea.WithFilter(patched(in, out, f.filter)))
	p.send = f.program.Send
	resumed := make(chan os.Signal, 1) // the program was stopped from outside and goes on
	notifyResumed(resumed)
	f.running.Go(func() {
		for range resumed {
			f.program.Send(tea.ResumeMsg{})
		}
	})
	f.running.Go(func() {
		_, f.err = f.program.Run()
		signal.Stop(resumed)
		close(resumed)
		p.hangUp()
	})
	f.running.Go(func() {
		for n := range f.told {
			f.program.Send(n)
		}
	})
	return f, typed
}

// Close prints what is left and gives the terminal back as it was. It returns lines to be printed then, as
// they are, so that they can be copied: what was typed and not sent.
func (f *Face) Close() (unsent []string, err error) {
	f.news.last = true
	f.tell()
	close(f.told)
	f.running.Wait()
	return f.leftOver(), f.err
}

// Show has a line printed with what else there is.
func (f *Face) Show(l chat.Line) {
	if l.Kind == chat.Unsent {
		f.unsent = append(f.unsent, l.Text)
		return
	}
	f.news.lines = append(f.news.lines, l)
	if len(f.news.lines) == readable { // a flood costs no memory
		f.tell()
	}
}

// Flush has the prompt told what there is.
func (f *Face) Flush(s chat.Status) error {
	if len(f.news.lines) > 0 || s != f.news.status {
		f.news.status = s
		f.tell()
	}
	return nil
}

// tell has the prompt told the news, together with those that it could not take yet. It never waits.
func (f *Face) tell() {
	var n news
	select {
	case n = <-f.told:
	default:
	}
	n.add(f.news)
	f.told <- n
	f.news.lines = nil
}
