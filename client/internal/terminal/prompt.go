package terminal

import (
	"cmp"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"parley/client/internal/chat"
)

const (
	frame       = 50 * time.Millisecond // from one print to the next
	readable    = 100                   // messages printed in a frame: more than anyone reads
	maxUnasked  = 10                    // pasted lines that are sent without a question
	maxAhead    = 100                   // unconfirmed messages before pasted lines wait: a second's worth
	againLeaves = "press again to leave"
)

// nextFrame sends a tick after one frame.
func nextFrame() tea.Cmd { return tea.Tick(frame, func(now time.Time) tea.Msg { return now }) }

// A redraw is sent when the prompt must be drawn again because time has passed.
type redraw struct{}

// A prompt is the line at the bottom. It is owned by the goroutine that runs the program.
type prompt struct {
	typed     chan<- chat.Input // nil after hangUp
	send      func(tea.Msg)     // sends a message to Update
	queue     []chat.Input      // lines that the chat could not take yet
	forwarded int               // lines that the chat got

	line        editor
	interrupted bool         // the last key was Ctrl-C: another one leaves
	cleared     []string     // the texts that it took away
	pasted      []chat.Input // while the prompt asks whether to send these lines
	unpasted    string       // the line before the cursor, if they are not sent
	hint        string       // below the line, until the next key

	update             // lines not printed yet, and the status
	since    time.Time // of the oldest unconfirmed message
	ticking  bool      // print follows after this frame
	redraws  bool      // a redraw follows
	lastBell time.Time

	own     mention           // the user's name
	size    tea.WindowSizeMsg // of the screen
	columns ansi.Method       // how the terminal and Bubble Tea count the columns of a text
	views   int               // drawn so far
}

func newPrompt(name string, typed chan<- chat.Input) *prompt {
	size := tea.WindowSizeMsg{Width: 80, Height: 24} // if the terminal does not know better
	return &prompt{own: mentionOf(name), line: newEditor(), typed: typed, size: size, ticking: true}
}

// Init is part of tea.Model. Printing before Bubble Tea has drawn the first view erases the screen, so the
// first print waits for a frame.
func (p *prompt) Init() tea.Cmd { return nextFrame() }

// Update is part of tea.Model.
func (p *prompt) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	var cmd tea.Cmd
	switch msg := msg.(type) {
	case update:
		if p.status.Waiting == 0 {
			p.since = time.Now()
		}
		p.add(msg)
		if !p.ticking {
			cmd = p.print()
		}
	case time.Time:
		cmd = p.print()
	case redraw:
		p.redraws = false
	case tea.ModeReportMsg:
		if msg.Mode == ansi.ModeUnicodeCore && (msg.Value.IsReset() || msg.Value.IsSet()) {
			p.columns = ansi.GraphemeWidth // Bubble Tea switches the mode on then
		}
	case chat.Completion:
		p.complete(msg)
	case tea.PasteMsg:
		text, lost := strings.CutSuffix(msg.Content, ctrlC) // Ctrl-C ends a paste whose end was lost
		p.paste(text)
		if lost {
			p.interrupt()
		}
	case tea.KeyPressMsg:
		cmd = p.press(msg)
	}
	p.feed()
	return p, tea.Batch(cmd, p.redraw())
}

// redraw schedules a redraw if the prompt will change only because time passes.
func (p *prompt) redraw() tea.Cmd {
	if p.redraws || !p.status.Away && p.status.Waiting == 0 && p.status.Getting.Name == "" {
		return nil
	}
	p.redraws = true
	return tea.Tick(time.Second, func(time.Time) tea.Msg { return redraw{} })
}

// print prints all lines above the prompt, and schedules the next print. Rows printed at once must fit on the
// screen: those that scroll out of it would be lost.
func (p *prompt) print() tea.Cmd {
	rows, mentioned := p.paintAll()
	p.ticking = len(rows) > 0
	if !p.ticking && p.last {
		return tea.Quit
	}
	if !p.ticking {
		return nil
	}
	var cmds []tea.Cmd
	for chunk := range slices.Chunk(rows, max(1, p.size.Height-len(p.below())-1)) {
		cmds = append(cmds, tea.Println(strings.Join(chunk, "\n")))
	}
	if mentioned && time.Since(p.lastBell) > time.Second { // not at each line of a flood
		p.lastBell = time.Now()
		cmds = append(cmds, tea.Raw("\a"))
	}
	return tea.Sequence(append(cmds, nextFrame())...)
}

// feed hands lines to the chat as long as it takes them.
func (p *prompt) feed() {
	for len(p.queue) > 0 && p.typed != nil {
		ahead := p.forwarded - p.status.Taken + p.status.Waiting
		if p.queue[0].Pasted && ahead >= maxAhead {
			return
		}
		select {
		case p.typed <- p.queue[0]:
			p.queue = p.queue[1:]
			p.forwarded++
		default:
			return
		}
	}
}

// put queues a line. A command is local and must not wait behind pasted messages.
func (p *prompt) put(in chat.Input) {
	at := slices.IndexFunc(p.queue, func(in chat.Input) bool { return in.Pasted })
	if at < 0 || in.Complete == nil && !command(in.Text) {
		at = len(p.queue)
	}
	p.queue = slices.Insert(p.queue, at, in)
}

// command reports whether a typed line is a command.
func command(line string) bool {
	_, ok := chat.Command(line)
	return ok
}

// hangUp tells the chat that the user wants to leave.
func (p *prompt) hangUp() {
	if p.typed != nil {
		close(p.typed)
		p.typed = nil
	}
}

// resize takes the size of the window, unless the terminal does not know it, as on some serial lines and in
// some containers.
func (p *prompt) resize(size tea.WindowSizeMsg) {
	if size.Width > 0 && size.Height > 0 {
		p.size = tea.WindowSizeMsg{Width: max(size.Width, 2), Height: max(size.Height, 2)}
	}
}

// press handles a key, depending on what the prompt is waiting for.
func (p *prompt) press(key tea.KeyPressMsg) tea.Cmd {
	name := key.String()
	if name == "ctrl+space" { // no key: older consoles of Windows send it for Ctrl or Shift alone
		return nil
	}
	interrupted, cleared := p.interrupted, p.cleared
	p.hint, p.interrupted, p.cleared = "", false, nil
	switch {
	case name == "ctrl+c" && interrupted, name == "ctrl+d" && p.pasted == nil && p.line.text() == "":
		p.cleared = cleared
		p.hangUp()
	case name == "ctrl+c":
		p.interrupt()
	case p.pasted != nil:
		p.answer(name)
	case name == "ctrl+z" && stoppable():
		return tea.Suspend
	case name == "ctrl+z":
		p.hint = "no shell to go back to"
	case name == "tab":
		p.ask()
	case name == "enter":
		if p.line.text() != "" && p.typed != nil {
			p.put(chat.Input{Text: p.line.submit()})
		}
	default:
		p.line.press(name, key.Text)
	}
	return nil
}

// interrupt clears the line and forgets what was not sent.
func (p *prompt) interrupt() {
	p.hint, p.interrupted = againLeaves, true
	if n := len(p.queue) + len(p.pasted); n > 0 {
		p.hint = chat.Count(n, "line") + " not sent; " + againLeaves
	}
	p.cleared = p.unsent()
	p.queue, p.pasted = nil, nil
	p.line.renew()
}

// unsent returns what was typed or pasted and not handed on.
func (p *prompt) unsent() []string {
	lines := slices.Clone(p.cleared)
	for _, in := range slices.Concat(p.queue, p.pasted) {
		if in.Complete == nil {
			lines = append(lines, in.Text)
		}
	}
	blank := func(line string) bool { return strings.TrimSpace(line) == "" }
	return slices.DeleteFunc(append(lines, p.line.drafts()...), blank)
}

// paste inserts a text as if it were typed, except that several lines are sent as they are, never as
// commands. What follows the last end of a line stays on the line. If a command is being typed, everything
// goes on its line.
func (p *prompt) paste(text string) {
	p.line.killing = false
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\x00", "").Replace(text)
	asking := p.pasted != nil // then this is more of the same paste
	one := strings.TrimRight(text, "\n")
	if !asking && (command(p.line.before) || !strings.Contains(one, "\n")) {
		p.line.insert(one)
		return
	}
	if !asking {
		p.unpasted = p.line.before
		p.line.before = strings.TrimPrefix(p.line.before, "/")
	}
	lines := strings.Split(p.line.before+text, "\n")
	p.line.before = ""
	p.line.insert(lines[len(lines)-1])
	for _, line := range lines[:len(lines)-1] {
		if strings.TrimSpace(line) != "" {
			p.pasted = append(p.pasted, chat.Input{Text: line, Pasted: true})
		}
	}
	if !asking && len(p.pasted) <= maxUnasked {
		p.answer("y")
	}
}

// answer takes a key as the answer to whether to send what was pasted.
func (p *prompt) answer(key string) {
	switch key {
	case "y", "Y", "shift+y":
		p.queue = append(p.queue, p.pasted...)
		p.pasted = nil
	case "n", "N", "shift+n", "esc":
		p.hint = "not sent"
		p.line.before = p.unpasted
		p.pasted = nil
	}
}

// ask asks the chat how the line before the cursor may continue.
func (p *prompt) ask() {
	if p.line.before != "" && p.typed != nil {
		p.put(chat.Input{Text: p.line.before, Complete: func(c chat.Completion) { p.send(c) }})
	}
}

// complete takes the answer to ask, unless the line has changed since.
func (p *prompt) complete(c chat.Completion) {
	if c.Line != p.line.before {
		return
	}
	p.line.before = ""
	p.line.insert(c.Longer)
	if len(c.Words) != 1 {
		p.hint = strings.TrimSpace(cmp.Or(strings.Join(c.Words, "  "), "no match") + "  " + c.Note)
	}
}
