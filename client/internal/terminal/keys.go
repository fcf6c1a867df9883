package terminal

import (
	"cmp"
	"strings"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"parley/client/internal/chat"
)

// cuts are the keys that cut out what another one moves over.
var cuts = map[string]tea.Key{
	"ctrl+u": {Code: tea.KeyHome}, "ctrl+k": {Code: tea.KeyEnd},
	"ctrl+w": {Code: tea.KeyLeft, Mod: tea.ModAlt}, "alt+backspace": {Code: tea.KeyLeft, Mod: tea.ModAlt},
	"alt+d": {Code: tea.KeyRight, Mod: tea.ModAlt}, "alt+delete": {Code: tea.KeyRight, Mod: tea.ModAlt},
}

func (p *prompt) press(key tea.KeyPressMsg) (cmd tea.Cmd) {
	name, hint, again, cleared := key.String(), p.hint, p.cutting, p.cleared
	movement, cutting := cuts[name]
	p.hint, p.cutting, p.cleared = "", cutting, nil
	switch {
	case name == "ctrl+space": // is no key: what older consoles of Windows send for Ctrl or Shift alone
		p.hint, p.cleared = hint, cleared
	case p.pasted != nil:
		switch name {
		case "y", "Y", "shift+y":
			p.decide(true)
		case "n", "N", "shift+n", "esc", "ctrl+c":
			p.decide(false)
		}
	case name == "ctrl+c" && strings.HasSuffix(hint, onceMore), name == "ctrl+d" && p.line.Value() == "":
		p.cleared = cleared
		p.hangUp()
	case name == "ctrl+c":
		p.hint = onceMore
		if len(p.queue) > 0 {
			p.hint = chat.Count(len(p.queue), "line") + " not sent; " + onceMore
		}
		p.cleared, p.queue = p.unsent(), nil
		p.renew()
	case name == "ctrl+z" && stoppable():
		cmd = tea.Suspend
	case name == "ctrl+z":
		p.hint = "no shell to go back to"
	case name == "enter":
		p.enter()
	case name == "tab":
		p.ask()
	case name == "up" && p.at > 0:
		p.recall(p.at - 1)
	case name == "down" && p.at < len(p.past)-1:
		p.recall(p.at + 1)
	case name == "left", name == "ctrl+b":
		p.line.SetCursor(p.left())
	case name == "right", name == "ctrl+f":
		p.line.SetCursor(p.right())
	case name == "backspace", name == "ctrl+h":
		p.cut(p.left(), p.line.Position())
	case name == "delete", name == "ctrl+d":
		p.cut(p.line.Position(), p.right())
	case name == "ctrl+y":
		p.insert(p.killed)
	case cutting:
		from := p.line.Position()
		p.line, cmd = p.line.Update(tea.KeyPressMsg(movement))
		to := p.line.Position()
		killed := p.cut(min(from, to), max(from, to))
		if !again && killed != "" {
			p.killed = ""
		}
		if to < from {
			p.killed = killed + p.killed
		} else {
			p.killed += killed
		}
	default:
		p.line, cmd = p.line.Update(key)
	}
	return cmd
}

// split returns what stands before the cursor and what after it.
func (p *prompt) split() (before, after string) {
	value := []rune(p.line.Value())
	return string(value[:p.line.Position()]), string(value[p.line.Position():])
}

// left and right return where the cursor is after a step over what is one character to the eye, of however
// many runes.
func (p *prompt) left() int {
	last := ""
	for before, _ := p.split(); before != ""; before = before[len(last):] {
		last, _ = ansi.FirstGraphemeCluster(before, ansi.GraphemeWidth)
	}
	return p.line.Position() - utf8.RuneCountInString(last)
}

func (p *prompt) right() int {
	_, after := p.split()
	next, _ := ansi.FirstGraphemeCluster(after, ansi.GraphemeWidth)
	return p.line.Position() + utf8.RuneCountInString(next)
}

// cut takes the runes from one place to another out of the line, and returns them.
func (p *prompt) cut(from, to int) string {
	value := []rune(p.line.Value())
	p.line.SetValue(string(value[:from]) + string(value[to:]))
	p.line.SetCursor(from)
	return string(value[from:to])
}

// insert puts text where the cursor is.
func (p *prompt) insert(text string) { p.line, _ = p.line.Update(tea.PasteMsg{Content: text}) }

// set puts text in place of the line.
func (p *prompt) set(text string) {
	p.line.SetValue(text)
	p.line.CursorEnd()
}

// enter hands on the line.
func (p *prompt) enter() {
	line := p.line.Value()
	if line == "" || p.typed == nil {
		return
	}
	p.put(chat.Input{Text: line})
	p.past[len(p.past)-1] = line
	p.past = append(p.past, "")
	if len(p.past) > maxPast {
		p.past = p.past[1:]
	}
	p.renew()
}

// renew begins a new line.
func (p *prompt) renew() {
	p.at = len(p.past) - 1
	p.past[p.at] = ""
	p.line.Reset()
}

// recall puts a line that was typed before in place of the present one, which is kept.
func (p *prompt) recall(at int) {
	p.past[p.at] = p.line.Value()
	p.at = at
	p.set(p.past[at])
}

// paste takes a text as if it were typed, but for this: what has several lines is never a command, and its
// lines are sent as they are. The last one stays on the line when it has no end. Where a command is typed,
// all goes on its line.
func (p *prompt) paste(text string) {
	p.cutting = false
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\x00", "").Replace(text)
	before, _ := p.split()
	first := p.pasted == nil
	if one := strings.TrimRight(text, "\n"); first && (command(before) || !strings.Contains(one, "\n")) {
		p.insert(one)
		return
	} else if first {
		p.rest = strings.TrimPrefix(before, "/")
	}
	lines := strings.Split(p.rest+text, "\n") // or more of it, while the question is not answered
	p.rest = lines[len(lines)-1]
	for _, line := range lines[:len(lines)-1] {
		if strings.TrimSpace(line) != "" {
			p.pasted = append(p.pasted, chat.Input{Text: line, Pasted: true})
		}
	}
	if first && len(p.pasted) <= atOnce {
		p.decide(true)
	}
}

// decide sends what was pasted, or forgets it.
func (p *prompt) decide(send bool) {
	if send {
		_, after := p.split()
		p.queue = append(p.queue, p.pasted...)
		p.set(p.rest + after)
		p.line.SetCursor(utf8.RuneCountInString(p.rest))
	} else {
		p.hint = "not sent"
	}
	p.pasted = nil
}

// ask asks how what stands before the cursor may go on.
func (p *prompt) ask() {
	if before, _ := p.split(); before != "" && p.typed != nil {
		p.put(chat.Input{Text: before, Complete: func(c chat.Completion) { p.send(c) }})
	}
}

// complete does what the answer to ask says, unless the line is another by now.
func (p *prompt) complete(c chat.Completion) {
	if before, _ := p.split(); c.Line != before {
		return
	}
	p.cut(0, p.line.Position())
	p.insert(c.Longer)
	if len(c.Words) != 1 {
		p.hint = cmp.Or(strings.Join(c.Words, "  "), "nothing begins like this")
	}
}
