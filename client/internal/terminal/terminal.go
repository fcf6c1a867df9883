// Package terminal is the client's face for a person: a line to type in at the bottom, and what happens printed above
// it, where it stays in the terminal's own scrollback.
package terminal

import (
	"fmt"
	"os"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"
	"golang.org/x/term"

	"parley/client/internal/chat"
)

const (
	frame    = 50 * time.Millisecond // from one print to the next
	readable = 100                   // messages printed in a frame, the newest: more than anyone reads
)

// A Face is a terminal.
type Face struct {
	// set at construction, never changed
	program *tea.Program
	typed   chan string
	running sync.WaitGroup

	mu     sync.Mutex // guards the following fields
	mode   string
	lines  []chat.Line // to be printed
	live   int         // of these, the messages and who came and went
	missed int         // of these, taken out since the last print
	due    bool        // a print is on its way
	closed bool
	err    error // what ended the program
}

// New takes the terminal over, until Close.
func New(in, out *os.File) *Face {
	f := &Face{typed: make(chan string, readable)}
	p := newPrompt(f.typed, f.take)
	if w, h, err := term.GetSize(int(out.Fd())); err == nil {
		p.resize(w, h)
	}
	f.program = tea.NewProgram(p, tea.WithInput(in), tea.WithOutput(out), tea.WithoutSignalHandler())
	f.running.Go(func() {
		_, f.err = f.program.Run()
		p.hangUp()
	})
	return f
}

// Input returns the lines that are typed. It is closed when the person wants to leave.
func (f *Face) Input() <-chan string { return f.typed }

// Close prints what is left and gives the terminal back as it was.
func (f *Face) Close() error {
	f.change(func() { f.closed = true })
	f.running.Wait()
	return f.err
}

// Show has a line printed with the next frame.
func (f *Face) Show(l chat.Line) {
	f.change(func() {
		f.lines = append(f.lines, l)
		if live(l) {
			f.live++
		}
		if f.live > 10*readable { // so that a flood between two frames costs no memory
			f.thinLocked()
		}
	})
}

// Prompt puts mode before the line that is typed.
func (f *Face) Prompt(mode string) { f.change(func() { f.mode = mode }) }

// Flush does nothing: a frame is soon enough.
func (f *Face) Flush() error { return nil }

// change does what do says, and has the outcome printed.
func (f *Face) change(do func()) {
	f.mu.Lock()
	do()
	wake := !f.due && f.program != nil
	f.due = true
	f.mu.Unlock()
	if wake {
		f.program.Send(print{})
	}
}

// live reports whether a line may be counted instead of printed when there are too many.
func live(l chat.Line) bool { return l.Kind == chat.Message || l.Kind == chat.Presence }

// thinLocked takes out and counts the live lines that nobody could read.
func (f *Face) thinLocked() {
	kept := f.lines[:0]
	for _, l := range f.lines {
		if live(l) && f.live > readable {
			f.live--
			f.missed++
			continue
		}
		kept = append(kept, l)
	}
	f.lines = kept
}

// take returns what there is to print and to put before the line, and whether the prompt is closed after that.
func (f *Face) take() (texts []string, mode string, closed bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.thinLocked()
	if f.missed > 0 {
		texts = append(texts, fmt.Sprintf("... %d messages not shown", f.missed))
	}
	for _, l := range f.lines {
		texts = append(texts, l.Text)
	}
	f.lines, f.live, f.missed = nil, 0, 0
	f.due = len(texts) > 0
	return texts, f.mode, f.closed
}
