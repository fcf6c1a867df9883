package terminal

import (
	"fmt"
	"io"
	"reflect"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
)

// This file, with input.go and console_windows.go, holds the work-arounds for Bubble Tea v2.0.10.

const (
	busyPace = time.Second / 120 // of the renderer, while there may be a new view
	busyTime = 2 * busyPace      // for a view to be drawn
	idlePace = 15 * time.Second  // not never, should a view have come too late
)

// A drawn tells that busyTime has passed since there were so many views.
type drawn int

// pace slows Bubble Tea's renderer down when all views are drawn, and wakes it before the next. Otherwise it
// looks for one 60 times a second for ever (startRenderer in tea.go), which keeps the processor from
// sleeping. Its ticker is private; without one of this name the renderer stays fast. Delete pace when the
// renderer rests by itself.
func (f *Face) pace(views int, msg tea.Msg) {
	switch last, ok := msg.(drawn); {
	case ok && int(last) == views:
		f.busy = false
		f.tick(idlePace)
		return
	case !ok && f.busy:
		return
	case !ok:
		f.busy = true
		f.tick(busyPace)
	}
	time.AfterFunc(busyTime, func() { f.program.Send(drawn(views)) })
}

// tick has the renderer look for a view at such intervals.
func (f *Face) tick(interval time.Duration) {
	field := reflect.ValueOf(f.program).Elem().FieldByName("ticker")
	if field.IsValid() && field.Type() == reflect.TypeFor[*time.Ticker]() {
		(*time.Ticker)(field.UnsafePointer()).Reset(interval)
	}
}

// different returns an invisible sequence that makes each view differ from the last. After printing above a
// view that is equal to the last, Bubble Tea leaves the cursor there (flush in cursed_renderer.go). Delete it
// when flush moves it back.
func (p *prompt) different() string {
	p.views++
	return fmt.Sprintf("\x1b[38;5;%dm\x1b[m", p.views%256)
}

// filter is called before Bubble Tea handles a message. Bubble Tea draws from the row of the cursor, so when
// the terminal has moved the cursor to another row, filter moves it back. Delete that when Bubble Tea finds
// the cursor itself after a new size, and the case of ResumeMsg when it handles SIGCONT.
func (f *Face) filter(m tea.Model, msg tea.Msg) tea.Msg {
	p := m.(*prompt)
	f.pace(p.views, msg)
	switch msg := msg.(type) {
	case drawn:
		return nil
	case tea.ResumeMsg: // the shell has put the terminal in a mode of its own: take it over again
		if f.program.ReleaseTerminal() == nil {
			f.program.RestoreTerminal() // where it cannot, reading fails, too
		}
	case tea.WindowSizeMsg:
		if p.resize(msg) {
			io.WriteString(f.out, ansi.RequestCursorPositionReport)
		}
		return p.size
	case tea.CursorPositionMsg:
		if up := p.broken(msg.X); up > 0 {
			io.WriteString(f.out, ansi.CursorUp(up))
			return p.size // has all below the cursor drawn anew
		}
	}
	return msg
}

// resize takes the size of the window, unless the terminal does not know it, as some serial lines and
// containers do not. It reports whether to ask where the cursor is. When a window becomes narrower than what
// stands before the cursor, most terminals break the row, and the cursor is in a later one than the prompt
// begins in; others cut it off at the edge.
func (p *prompt) resize(size tea.WindowSizeMsg) (ask bool) {
	if size.Width > 0 && size.Height > 0 {
		p.size = tea.WindowSizeMsg{Width: max(size.Width, 2), Height: max(size.Height, 2)}
	}
	p.asked = ""
	if !p.printing && p.columns.StringWidth(p.drawn) > p.size.Width {
		p.asked = p.drawn
	}
	return p.asked != ""
}

// broken takes the answer, the column of the cursor, and returns how many rows above it the prompt begins. It
// is 0 unless the answer can mean nothing else, and nothing was printed meanwhile: a message must never be
// taken for a piece of the prompt.
func (p *prompt) broken(column int) (up int) {
	// not all keep blanks at the end of a row
	for _, before := range []string{p.asked, strings.TrimRight(p.asked, " ")} {
		rows := strings.Split(p.columns.Hardwrap(before, p.size.Width, true), "\n")
		if last := rows[len(rows)-1]; column == p.columns.StringWidth(last) && column != p.size.Width-1 {
			up = len(rows) - 1
		}
	}
	p.asked = ""
	return up
}
