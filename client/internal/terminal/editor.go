package terminal

import (
	"strings"
	"unicode"

	"github.com/charmbracelet/x/ansi"
)

// maxHistory is the number of lines that the up key goes back.
const maxHistory = 100

// An editor is a line being typed, the lines typed before, and what was cut out.
type editor struct {
	before, after string // the line, around the cursor

	history []string // earlier lines, then the new one
	index   int      // of the present line in history

	killed    string // what ctrl+y inserts
	killing   bool   // the present key cuts something out
	wasKilled bool   // the key before did: what is cut out now is added
}

func newEditor() editor { return editor{history: []string{""}} }

// keys are the keys that edit, by their names in Bubble Tea.
var keys = map[string]func(*editor){
	"left": (*editor).left, "ctrl+b": (*editor).left,
	"right": (*editor).right, "ctrl+f": (*editor).right,
	"home": (*editor).home, "ctrl+a": (*editor).home,
	"end": (*editor).end, "ctrl+e": (*editor).end,
	"alt+left": (*editor).wordLeft, "ctrl+left": (*editor).wordLeft, "alt+b": (*editor).wordLeft,
	"alt+right": (*editor).wordRight, "ctrl+right": (*editor).wordRight, "alt+f": (*editor).wordRight,
	"up": func(e *editor) { e.recall(e.index - 1) }, "down": func(e *editor) { e.recall(e.index + 1) },

	"backspace": cuts((*editor).left), "ctrl+h": cuts((*editor).left),
	"delete": cuts((*editor).right), "ctrl+d": cuts((*editor).right),
	"ctrl+u": kills((*editor).home), "ctrl+k": kills((*editor).end),
	"ctrl+w": kills((*editor).wordLeft), "alt+backspace": kills((*editor).wordLeft),
	"alt+d": kills((*editor).wordRight), "alt+delete": kills((*editor).wordRight),
	"ctrl+y": func(e *editor) { e.insert(e.killed) },
}

func cuts(movement func(*editor)) func(*editor)  { return func(e *editor) { e.cut(movement) } }
func kills(movement func(*editor)) func(*editor) { return func(e *editor) { e.kill(movement) } }

// press handles the key of that name, or inserts the text that it stands for.
func (e *editor) press(name, text string) {
	e.wasKilled, e.killing = e.killing, false
	if edit, ok := keys[name]; ok {
		edit(e)
	} else {
		e.insert(text)
	}
}

func (e *editor) text() string { return e.before + e.after }

// insert puts text before the cursor, as one line without control characters.
func (e *editor) insert(text string) {
	e.before += strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case unicode.IsControl(r) || r == unicode.ReplacementChar:
			return -1
		}
		return r
	}, text)
}

// set replaces the line, with the cursor at its end.
func (e *editor) set(text string) {
	e.before, e.after = "", ""
	e.insert(text)
}

// move moves the cursor to an offset in the line.
func (e *editor) move(to int) {
	text := e.text()
	e.before, e.after = text[:to], text[to:]
}

// left and right move over one character as the eye sees it, of however many runes.
func (e *editor) left() {
	last := ""
	for rest := e.before; rest != ""; rest = rest[len(last):] {
		last, _ = ansi.FirstGraphemeCluster(rest, ansi.GraphemeWidth)
	}
	e.move(len(e.before) - len(last))
}

func (e *editor) right() {
	next, _ := ansi.FirstGraphemeCluster(e.after, ansi.GraphemeWidth)
	e.move(len(e.before) + len(next))
}

func (e *editor) home() { e.move(0) }
func (e *editor) end()  { e.move(len(e.text())) }

func (e *editor) wordLeft() {
	start := strings.TrimRightFunc(e.before, unicode.IsSpace)
	e.move(len(strings.TrimRightFunc(start, notSpace)))
}

func (e *editor) wordRight() {
	rest := strings.TrimLeftFunc(strings.TrimLeftFunc(e.after, unicode.IsSpace), notSpace)
	e.move(len(e.text()) - len(rest))
}

func notSpace(r rune) bool { return !unicode.IsSpace(r) }

// cut removes what a movement passes over, and returns it.
func (e *editor) cut(movement func(*editor)) (passed string, backwards bool) {
	before, after := e.before, e.after
	movement(e)
	backwards = len(e.before) < len(before)
	if backwards {
		passed, e.after = before[len(e.before):], after
	} else {
		passed, e.before = e.before[len(before):], before
	}
	return passed, backwards
}

// kill cuts something out to be inserted again. What several keys in a row cut out stays together.
func (e *editor) kill(movement func(*editor)) {
	passed, backwards := e.cut(movement)
	e.killing = true
	if !e.wasKilled && passed != "" {
		e.killed = ""
	}
	if backwards {
		e.killed = passed + e.killed
	} else {
		e.killed += passed
	}
}

// submit returns the line, keeps it in the history and begins a new one.
func (e *editor) submit() string {
	line := e.text()
	e.history = append(e.history[:len(e.history)-1], line, "")
	e.history = e.history[max(0, len(e.history)-maxHistory):]
	e.renew()
	return line
}

// renew begins a new line.
func (e *editor) renew() {
	e.index = len(e.history) - 1
	e.history[e.index] = ""
	e.set("")
}

// recall replaces the line by another one of the history. The present one is kept.
func (e *editor) recall(index int) {
	if index < 0 || index >= len(e.history) {
		return
	}
	e.history[e.index] = e.text()
	e.index = index
	e.set(e.history[index])
}

// drafts returns what was typed and not submitted: the line, and the new one if an earlier one was recalled.
func (e *editor) drafts() (lines []string) {
	last := len(e.history) - 1
	if e.index < last {
		lines = append(lines, e.history[last])
	}
	if e.index == last || e.text() != e.history[e.index] {
		lines = append(lines, e.text())
	}
	return lines
}
