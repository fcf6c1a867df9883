package terminal

import (
	"fmt"
	"reflect"
	"time"

	tea "charm.land/bubbletea/v2"
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

// filter is called before Bubble Tea handles a message.
func (u *UI) filter(m tea.Model, msg tea.Msg) tea.Msg {
	p := m.(*prompt)
	u.pace(p.views, msg)
	switch msg := msg.(type) {
	case drawn:
		return nil
	case tea.WindowSizeMsg:
		p.resize(msg)
		return p.size
	}
	return msg
}
