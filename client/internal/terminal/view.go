package terminal

import (
	"fmt"
	"math"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"parley/client/internal/chat"
)

// patience is how long the server may take for a message before the prompt counts it; most take less than a frame.
const patience = 300 * time.Millisecond

// View is part of tea.Model: the line, with what belongs below it. The cursor is the terminal's own, so that what an
// input method composes appears there.
func (p *prompt) View() tea.View {
	if p.last && !p.ticking {
		return tea.NewView("")
	}
	var before, after string
	if p.pasted == nil {
		before = chat.Escape(p.before())
		after = chat.Escape(p.line.Value()[len(p.before()):])
	}
	head := p.head(time.Now())
	room := p.width - 1 - p.columns.StringWidth(head)
	if over := p.columns.StringWidth(before) - room; over > 0 { // scroll by half of what fits
		half := max(room/2, 1)
		before = p.columns.TruncateLeft(before, (over/half+1)*half, "")
	}
	rows := []string{p.columns.Truncate(head+before+after, p.width-1, "")}
	for _, row := range p.below() {
		rows = append(rows, dim.Render(p.columns.Truncate(row, p.width-1, "…")))
	}
	// Bubble Tea leaves the cursor where it printed above the view if that is equal to the one before, so none is: what
	// follows the rows is the colour of nothing.
	p.views++
	view := tea.NewView(strings.Join(rows, "\n") + fmt.Sprintf("\x1b[38;5;%dm\x1b[m", p.views%256))
	x := min(p.columns.StringWidth(head+before), p.width-1)
	// A shape that Bubble Tea does not know leaves the cursor as the user has set it.
	view.Cursor = &tea.Cursor{Position: tea.Position{X: x}, Shape: -1}
	return view
}

// head returns what stands before the line: whom it goes to and how things are, or a question.
func (p *prompt) head(now time.Time) string {
	to := "all"
	if p.status.To != "" {
		to = "to " + p.status.To
	}
	if p.pasted != nil {
		return p.columns.Truncate(fmt.Sprintf("send %d lines, [%s]? y/n ", len(p.pasted.lines), to), p.width-2, "… ")
	}
	parts := []string{to}
	if wait := math.Ceil(p.status.Retry.Sub(now).Seconds()); p.status.Away && wait > 0 {
		parts = append(parts, fmt.Sprintf("away, reconnecting in %.0f s", wait))
	} else if p.status.Away {
		parts = append(parts, "away, reconnecting")
	}
	waiting := len(p.queue)
	if p.status.Away || now.Sub(p.since) > patience {
		waiting += p.status.Waiting
	}
	if waiting > 0 {
		parts = append(parts, fmt.Sprintf("%d waiting", waiting))
	}
	return p.columns.Truncate("["+strings.Join(parts, ", "), max(p.width*2/3-2, 1), "…") + "] "
}

// below returns the rows under the line: how far the download is, and the hint.
func (p *prompt) below() (rows []string) {
	if g := p.status.Getting; g.Name != "" {
		rows = append(rows, progress(g, time.Now()))
	}
	if p.hint != "" {
		rows = append(rows, p.hint)
	}
	return rows[:min(len(rows), p.height-1)]
}

// progress says how far a download is: the numbers first, as a long name may be cut off.
func progress(g chat.Progress, now time.Time) string {
	percent := 100.0
	if g.Size > 0 {
		percent = math.Floor(100 * float64(g.Have) / float64(g.Size))
	}
	text := fmt.Sprintf("%.0f%%, %s of %s", percent, chat.Bytes(g.Have), chat.Bytes(g.Size))
	took := now.Sub(g.Began)
	if rate := float64(g.Have-g.From) / took.Seconds(); took > patience && rate > 1 {
		left := min(float64(g.Size-g.Have)/rate, 1e6) * float64(time.Second)
		text += fmt.Sprintf(", %s/s, %v left", chat.Bytes(uint64(rate)), time.Duration(left).Round(time.Second))
	}
	if g.More > 0 {
		text += fmt.Sprintf(", %d more to come", g.More)
	}
	return text + ": " + g.Name
}
