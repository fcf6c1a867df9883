package terminal

import (
	"slices"
	"strings"

	"parley/client/internal/chat"
)

// unsent returns what was typed or pasted and not handed on: lines that wait, those of a question, and the
// draft.
func (p *prompt) unsent() []string {
	lines := slices.Clone(p.cleared)
	for _, in := range slices.Concat(p.queue, p.pasted) {
		if in.Complete == nil {
			lines = append(lines, in.Text)
		}
	}
	draft := p.line.Value()
	if p.pasted != nil {
		_, after := p.split()
		draft = p.rest + after
	}
	if last := len(p.past) - 1; p.at < last { // an earlier line was recalled
		lines = append(lines, p.past[last])
		if draft == p.past[p.at] {
			draft = ""
		}
	}
	return slices.DeleteFunc(append(lines, draft), func(line string) bool { return strings.TrimSpace(line) == "" })
}

// leftOver returns a line for each text that was typed and not sent: what the chat said of those that it had,
// and those that it never got. The program must have ended.
func (f *Face) leftOver() []string {
	var typed []string
	for in := range f.typed {
		if in.Complete == nil {
			typed = append(typed, in.Text)
		}
	}
	lines := f.unsent
	for _, text := range append(typed, f.prompt.unsent()...) {
		to := f.prompt.status.To
		if command(text) {
			to = ""
		}
		lines = append(lines, chat.NotSent(to, text))
	}
	return lines
}
