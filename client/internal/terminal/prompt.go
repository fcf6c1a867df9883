package terminal

import (
	"charm.land/bubbles/v2/textinput"
	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"

	"parley/client/internal/chat"
)

// maxPast is how many lines the up key goes back.
const maxPast = 100

type (
	newMode string   // the words before the line are others now
	closed  struct{} // the prompt goes away
)

// A prompt is the line that is typed. All of it is owned by the goroutine that runs the program.
type prompt struct {
	line   textinput.Model
	typed  chan<- chat.Input // nil after it was closed
	resize func(width, height int)
	width  int
	past   []string // lines that were typed before
	at     int      // which of them the line is; len(past) is a new one
	closed bool
}

func newPrompt(typed chan<- chat.Input, resize func(width, height int)) *prompt {
	p := &prompt{line: textinput.New(), typed: typed, resize: resize}
	var plain textinput.Styles
	p.line.SetStyles(plain)
	p.line.KeyMap.Paste.SetEnabled(false) // the terminal pastes; to ask another program for the clipboard is not ours
	p.line.Focus()
	p.line.Prompt = ""
	return p
}

// Init is part of tea.Model.
func (p *prompt) Init() tea.Cmd { return nil }

// View is part of tea.Model.
func (p *prompt) View() tea.View {
	if p.closed {
		return tea.NewView("")
	}
	return tea.NewView(p.line.View())
}

// Update is part of tea.Model.
func (p *prompt) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	var cmd tea.Cmd
	switch msg := msg.(type) {
	case closed:
		p.closed = true
	case newMode:
		p.line.Prompt = "[" + string(msg) + "] "
		p.fit()
	case tea.WindowSizeMsg:
		p.width = msg.Width
		p.resize(msg.Width, msg.Height)
		p.fit()
	case tea.KeyPressMsg:
		cmd = p.press(msg)
	default:
		p.line, cmd = p.line.Update(msg)
	}
	return p, cmd
}

// fit gives the line what the prompt leaves of the screen's width, and the cursor a place after its end.
func (p *prompt) fit() { p.line.SetWidth(max(1, p.width-lipgloss.Width(p.line.Prompt)-1)) }

func (p *prompt) press(key tea.KeyPressMsg) (cmd tea.Cmd) {
	switch name := key.String(); {
	case name == "enter":
		p.enter()
	case name == "up" && p.at > 0:
		p.recall(p.at - 1)
	case name == "down" && p.at < len(p.past):
		p.recall(p.at + 1)
	case name == "ctrl+c", name == "ctrl+d" && p.line.Value() == "":
		p.hangUp()
	case name == "ctrl+z":
		cmd = tea.Suspend
	default:
		p.line, cmd = p.line.Update(key)
	}
	return cmd
}

// enter hands on the line, or keeps it while the chat has too many to do.
func (p *prompt) enter() {
	line := p.line.Value()
	if line == "" {
		return
	}
	select {
	case p.typed <- chat.Input{Text: line}:
		if p.past = append(p.past, line); len(p.past) > maxPast {
			p.past = p.past[1:]
		}
		p.recall(len(p.past))
	default:
	}
}

// recall puts a line that was typed before in place of the present one.
func (p *prompt) recall(at int) {
	p.line.Reset()
	if p.at = at; at < len(p.past) {
		p.line.SetValue(p.past[at])
		p.line.CursorEnd()
	}
}

// hangUp tells that the person wants to leave.
func (p *prompt) hangUp() {
	if p.typed != nil {
		close(p.typed)
		p.typed = nil
	}
}
