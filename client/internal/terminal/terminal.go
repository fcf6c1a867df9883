// Package terminal is the client's face for a person: a line to type in at the bottom, and what happens printed above
// it, where it stays in the terminal's own scrollback.
package terminal

import (
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
	typed   chan chat.Input
	running sync.WaitGroup

	mu   sync.Mutex // guards the following fields
	news            // to be taken by the prompt
	live int        // of the lines, the messages and who came and went
	due  bool       // a print is on its way
	err  error      // what ended the program
}

// New takes the terminal over, until Close, for the user of that name. On Windows Bubble Tea has the console understand
// sequences, both ways, and the os package reads and writes it in UTF-16, whatever its code page: nothing is left to do.
func New(in, out *os.File, name string) *Face {
	f := &Face{typed: make(chan chat.Input, readable)}
	p := newPrompt(name, f.typed, f.take)
	if w, h, err := term.GetSize(int(out.Fd())); err == nil { // Bubble Tea tells it too late for the first lines
		p.Update(sized(nil, tea.WindowSizeMsg{Width: w, Height: h}))
	}
	f.program = tea.NewProgram(p, tea.WithInput(in), tea.WithOutput(out), tea.WithoutSignalHandler(), tea.WithFilter(sized))
	f.running.Go(func() {
		_, f.err = f.program.Run()
		p.hangUp()
	})
	return f
}

// sized gives a terminal that does not know its size, as some serial lines and containers do not, a usual one.
func sized(_ tea.Model, msg tea.Msg) tea.Msg {
	if size, ok := msg.(tea.WindowSizeMsg); ok && (size.Width <= 0 || size.Height <= 0) {
		return tea.WindowSizeMsg{Width: 80, Height: 24}
	}
	return msg
}

// Input returns the lines that are typed. It is closed when the person wants to leave.
func (f *Face) Input() <-chan chat.Input { return f.typed }

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

// Status has what is said beside the line changed.
func (f *Face) Status(s chat.Status) {
	f.change(func() {
		if f.status.Waiting == 0 {
			f.since = time.Now()
		}
		f.status = s
	})
}

// Complete completes the line that is typed.
func (f *Face) Complete(c chat.Completion) { f.program.Send(c) }

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

// take returns what is new, and forgets what is to be shown once. It is called again after a frame if it says that there
// may be more then, as when the prompt has something queued.
func (f *Face) take(queued bool) news {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.thinLocked()
	n, s := f.news, f.status
	f.due = queued || len(n.lines)+n.missed > 0 || s.Away || s.Waiting > 0 || s.Getting.Name != ""
	f.lines, f.missed, f.live = nil, 0, 0
	n.more = f.due
	return n
}
