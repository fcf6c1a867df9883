package terminal

import (
	"os"
	"time"

	tea "charm.land/bubbletea/v2"
	"golang.org/x/sys/windows"
	"golang.org/x/term"
)

// Programs are not stopped here.
func stoppable() bool                { return false }
func notifyResumed(chan<- os.Signal) {}

// patched returns filter with what Bubble Tea lacks in a console window before it: the size is that of the
// window, not of all that it scrolls to, and the mouse still marks and pastes, as a window has hardly another
// way to. Bubble Tea v2.0.10 does neither; delete it when a later one does.
func patched(in, out *os.File, filter func(tea.Model, tea.Msg) tea.Msg) func(tea.Model, tea.Msg) tea.Msg {
	var before, now uint32
	input := windows.Handle(in.Fd())
	windows.GetConsoleMode(input, &before)
	return func(m tea.Model, msg tea.Msg) tea.Msg {
		if _, ok := msg.(tea.WindowSizeMsg); ok { // one comes when Bubble Tea has begun to read
			windows.GetConsoleMode(input, &now)
			windows.SetConsoleMode(input, now|before&windows.ENABLE_QUICK_EDIT_MODE)
			w, h, _ := term.GetSize(int(out.Fd()))
			msg = tea.WindowSizeMsg{Width: w, Height: h}
		}
		return filter(m, msg)
	}
}

// comes is not called, as records of a console are read without Read.
func comes(*os.File, time.Duration) bool { return false }
