package terminal

import (
	"os"
	"time"

	tea "charm.land/bubbletea/v2"
	"golang.org/x/sys/windows"
	"golang.org/x/term"
)

// Windows does not stop programs.
func stoppable() bool { return false }

// patched adds what Bubble Tea v2.0.10 lacks in a console window: the size is that of the window, not of its
// scrollback, and the mouse still selects and pastes, which such a window needs. Delete it when Bubble Tea
// does both.
func patched(in, out *os.File, filter func(tea.Model, tea.Msg) tea.Msg) func(tea.Model, tea.Msg) tea.Msg {
	var before, now uint32
	input := windows.Handle(in.Fd())
	windows.GetConsoleMode(input, &before)
	return func(m tea.Model, msg tea.Msg) tea.Msg {
		if _, ok := msg.(tea.WindowSizeMsg); ok { // the first one comes once Bubble Tea reads
			windows.GetConsoleMode(input, &now)
			windows.SetConsoleMode(input, now|before&windows.ENABLE_QUICK_EDIT_MODE)
			w, h, _ := term.GetSize(int(out.Fd()))
			msg = tea.WindowSizeMsg{Width: w, Height: h}
		}
		return filter(m, msg)
	}
}

// arrives is not called: Bubble Tea reads the records of a console without Read.
func arrives(*os.File, time.Duration) bool { return false }
