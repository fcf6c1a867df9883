// Package terminal is the client's face for a person: a line to type in at the bottom, and what happens printed above
// it, where it stays in the terminal's own scrollback.
package terminal

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
	"golang.org/x/term"

	"parley/client/internal/chat"
)

const (
	frame    = 50 * time.Millisecond // from one print to the next
	readable = 100                   // messages printed in a frame, the newest: more than anyone reads
	indent   = 2                     // columns before what is left of a long line
)

// A Face is a terminal.
type Face struct {
	// set at construction, never changed
	program *tea.Program
	typed   chan chat.Input
	wake    chan struct{} // there is something to print
	closing chan struct{}
	running sync.WaitGroup // the program
	prints  sync.WaitGroup // the goroutine of print

	width, height atomic.Int64 // of the screen

	mu     sync.Mutex // guards the following fields
	mode   string
	lines  []chat.Line // to be printed
	live   int         // of these, the messages and who came and went
	missed int         // of these, taken out since the last print
	err    error       // what ended the program
}

// New takes the terminal over, until Close.
func New(in, out *os.File) *Face {
	f := &Face{typed: make(chan chat.Input, readable), wake: make(chan struct{}, 1), closing: make(chan struct{})}
	f.width.Store(80)
	f.height.Store(24)
	if w, h, err := term.GetSize(int(out.Fd())); err == nil {
		f.resize(w, h)
	}
	p := newPrompt(f.typed, f.resize)
	f.program = tea.NewProgram(p, tea.WithInput(in), tea.WithOutput(out), tea.WithoutSignalHandler())
	f.running.Go(func() {
		_, err := f.program.Run()
		f.mu.Lock()
		f.err = err
		f.mu.Unlock()
		p.hangUp()
	})
	f.prints.Go(f.print)
	return f
}

// Input returns the lines that are typed. It is closed when the person wants to leave.
func (f *Face) Input() <-chan chat.Input { return f.typed }

// Close prints what is left and gives the terminal back as it was.
func (f *Face) Close() error {
	close(f.closing)
	f.prints.Wait()
	f.program.Send(closed{})
	f.program.Quit()
	f.running.Wait()
	return f.err
}

// Show has a line printed with the next frame.
func (f *Face) Show(l chat.Line) {
	f.mu.Lock()
	f.lines = append(f.lines, l)
	if live(l) {
		f.live++
	}
	if f.live > 10*readable { // so that a flood between two frames costs no memory
		f.thinLocked()
	}
	f.mu.Unlock()
	f.wakePrint()
}

// Complain has a line printed too: a terminal has but one screen.
func (f *Face) Complain(text string) { f.Show(chat.Line{Kind: chat.Answer, Text: text}) }

// Prompt puts mode before the line that is typed.
func (f *Face) Prompt(mode string) {
	f.mu.Lock()
	f.mode = mode
	f.mu.Unlock()
	f.wakePrint()
}

// Flush does nothing: a frame is soon enough.
func (f *Face) Flush() error { return nil }

func (f *Face) resize(width, height int) {
	f.width.Store(int64(max(width, 2*indent)))
	f.height.Store(int64(max(height, 2)))
}

func (f *Face) wakePrint() {
	select {
	case f.wake <- struct{}{}:
	default:
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

// print prints what there is, a frame at a time, until Close.
func (f *Face) print() {
	for open := true; open; {
		select {
		case <-f.wake:
		case <-f.closing:
			open = false
		}
		f.mu.Lock()
		f.thinLocked()
		mode, lines, missed := f.mode, f.lines, f.missed
		f.lines, f.live, f.missed = nil, 0, 0
		f.mu.Unlock()
		if missed > 0 {
			f.printRows([]chat.Line{{Text: fmt.Sprintf("... %d messages not shown", missed)}})
		}
		f.printRows(lines)
		f.program.Send(newMode(mode))
		if open {
			select {
			case <-time.After(frame):
			case <-f.closing:
			}
		}
	}
}

// printRows prints lines above the prompt, wrapped at words. What is printed at once must fit on the screen, or the
// lines that scroll out of it would be lost.
func (f *Face) printRows(lines []chat.Line) {
	width, height := int(f.width.Load()), int(f.height.Load())
	var rows []string
	for _, l := range lines {
		text := lipgloss.Wrap(l.Text, width-indent, "")
		rows = append(rows, strings.Split(strings.ReplaceAll(text, "\n", "\n"+strings.Repeat(" ", indent)), "\n")...)
	}
	for len(rows) > 0 {
		n := min(len(rows), height-1)
		f.program.Send(tea.Println(strings.Join(rows[:n], "\n"))())
		rows = rows[n:]
	}
}
