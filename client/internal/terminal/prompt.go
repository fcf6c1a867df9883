package terminal

import (
	"strings"
	"time"

	"charm.land/bubbles/v2/textinput"
	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
)

const (
	maxPast = 100 // lines that the up key goes back
	indent  = 2   // columns before what is left of a long line
)

// print has the prompt print what there is.
type print struct{}

// A prompt is the line that is typed. All of it is owned by the goroutine that runs the program.
type prompt struct {
	line          textinput.Model
	typed         chan<- string // nil after it was closed
	take          func() (texts []string, mode string, closed bool)
	width, height int      // of the screen
	past          []string // lines that were typed before
	at            int      // which of them the line is; len(past) is a new one
	closed        bool
}

func newPrompt(typed chan<- string, take func() ([]string, string, bool)) *prompt {
	p := &prompt{line: textinput.New(), typed: typed, take: take, width: 80, height: 24}
	p.line.SetStyles(textinput.Styles{})
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
	case print:
		cmd = p.print()
	case tea.WindowSizeMsg:
		p.resize(msg.Width, msg.Height)
	case tea.KeyPressMsg:
		cmd = p.press(msg)
	default:
		p.line, cmd = p.line.Update(msg)
	}
	return p, cmd
}

// resize gives the line what the prompt leaves of the screen's width, and the cursor a place after its end.
func (p *prompt) resize(width, height int) {
	p.width, p.height = max(width, 2*indent), max(height, 2)
	p.line.SetWidth(max(1, p.width-lipgloss.Width(p.line.Prompt)-1))
}

// print prints what there is above the prompt, wrapped at words, and looks again after a frame. What is printed at once
// must fit on the screen, or the lines that scroll out of it would be lost.
func (p *prompt) print() tea.Cmd {
	texts, mode, closed := p.take()
	p.line.Prompt = "[" + mode + "] "
	p.resize(p.width, p.height)
	if len(texts) == 0 {
		if p.closed = closed; closed {
			return tea.Quit
		}
		return nil
	}
	var rows []string
	for _, text := range texts {
		text = lipgloss.Wrap(text, p.width-indent, "")
		rows = append(rows, strings.Split(strings.ReplaceAll(text, "\n", "\n"+strings.Repeat(" ", indent)), "\n")...)
	}
	var cmds []tea.Cmd
	for len(rows) > 0 {
		n := min(len(rows), p.height-1)
		cmds = append(cmds, tea.Println(strings.Join(rows[:n], "\n")))
		rows = rows[n:]
	}
	return tea.Sequence(append(cmds, tea.Tick(frame, func(time.Time) tea.Msg { return print{} }))...)
}

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
	case p.typed <- line:
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
