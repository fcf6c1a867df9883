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

// This file, with input.go and console_windows.go, holds the work-arounds for Bubble Tea v2.0.10
// (https://github.com/charmbracelet/bubbletea).

const (
	busyPace = time.Second / 120 // of the renderer while there may be a new view
	busyTime = 2 * busyPace      // until a view is drawn
	idlePace = 15 * time.Second  // in case a view came too late
)

// A drawn tells that busyTime has passed since there were so many views.
type drawn int

// pace slows the renderer down once all views are drawn, and wakes it before the next one. Otherwise it looks
// for a view 60 times a second (startRenderer in tea.go), which keeps the processor from sleeping. Its ticker
// is private; without one of this name the renderer stays fast. Delete pace when the renderer idles by
// itself.
func (u *UI) pace(views int, msg tea.Msg) {
	switch last, ok := msg.(drawn); {
	case ok && int(last) == views:
		u.drawing = false
		u.tick(idlePace)
		return
	case !ok && u.drawing:
		return
	case !ok:
		u.drawing = true
		u.tick(busyPace)
	}
	time.AfterFunc(busyTime, func() { u.program.Send(drawn(views)) })
}

// tick sets the interval at which the renderer looks for a view.
func (u *UI) tick(interval time.Duration) {
	field := reflect.ValueOf(u.program).Elem().FieldByName("ticker")
	if field.IsValid() && field.Type() == reflect.TypeFor[*time.Ticker]() {
		(*time.Ticker)(field.UnsafePointer()).Reset(interval)
	}
}

// different returns an invisible sequence that makes every view differ from the last. Bubble Tea does not
// move the cursor back after printing if the view is unchanged (flush in cursed_renderer.go). Delete it when
// flush does.
func (p *prompt) different() string {
	p.views++
	return fmt.Sprintf("\x1b[38;5;%dm\x1b[m", p.views%256)
}

// filter is called before Bubble Tea handles a message. Bubble Tea draws from the row of the cursor, so when
// the terminal has moved the cursor to another row, filter moves it back. Delete that when Bubble Tea finds
// the cursor by itself after a resize, and the case of ResumeMsg when it handles SIGCONT.
func (u *UI) filter(m tea.Model, msg tea.Msg) tea.Msg {
	p := m.(*prompt)
	u.pace(p.views, msg)
	switch msg := msg.(type) {
	case drawn:
		return nil
	case tea.ResumeMsg: // the shell has changed the terminal's mode: take it over again
		if u.program.ReleaseTerminal() == nil {
			u.program.RestoreTerminal() // if it cannot, reading fails, too
		}
	case tea.WindowSizeMsg:
		if p.resize(msg) {
			io.WriteString(u.out, ansi.RequestCursorPositionReport)
		}
		return p.size
	case tea.CursorPositionMsg:
		if up := p.broken(msg.X); up > 0 {
			io.WriteString(u.out, ansi.CursorUp(up))
			return p.size // Bubble Tea draws everything below the cursor again
		}
	}
	return msg
}

// resize takes the size of the window, unless the terminal does not know it, as on some serial lines and in
// some containers. It reports whether to ask for the cursor's position: when a window becomes narrower than
// the text before the cursor, most terminals break the row, which leaves the cursor in a later row than the
// prompt's first; others cut the row off.
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
// is 0 unless there is no other explanation and nothing was printed meanwhile: a message must never be taken
// for a piece of the prompt.
func (p *prompt) broken(column int) (up int) {
	// some terminals drop blanks at the end of a row
	for _, before := range []string{p.asked, strings.TrimRight(p.asked, " ")} {
		rows := strings.Split(p.columns.Hardwrap(before, p.size.Width, true), "\n")
		if last := rows[len(rows)-1]; column == p.columns.StringWidth(last) && column != p.size.Width-1 {
			up = len(rows) - 1
		}
	}
	p.asked = ""
	return up
}
