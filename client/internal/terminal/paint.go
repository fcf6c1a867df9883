package terminal

import (
	"fmt"
	"hash/fnv"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"

	"parley/client/internal/chat"
	"parley/server/wire"
)

// shades are colours for names, of the 256 that terminals have: far enough from black and from white to be
// read on either. A terminal that has fewer gets the nearest that it has, and none with NO_COLOR.
var shades = []string{
	"27", "28", "30", "32", "63", "64", "94", "97", "99", "100", "128", "130", "133", "161", "163", "166",
}

var (
	dim    = lipgloss.NewStyle().Faint(true)
	bold   = lipgloss.NewStyle().Bold(true)
	called = lipgloss.NewStyle().Bold(true).Reverse(true) // the user's own name in what others say
	wrong  = lipgloss.NewStyle().Foreground(lipgloss.Color("160"))
)

// profile returns which colours there are: none where NO_COLOR has any value, not only one that means yes.
func profile() colorprofile.Profile {
	if os.Getenv("NO_COLOR") != "" {
		return min(lipgloss.Writer.Profile, colorprofile.ASCII)
	}
	return lipgloss.Writer.Profile
}

// paint returns a line as rows that have room in so many columns, broken between words, and whether it calls
// the user, whose name own finds. It adds nothing to its texts but sequences for their look.
func paint(l chat.Line, own *mention, room int, today time.Time) (rows []string, calls bool) {
	text := l.Text
	if l.Kind == chat.Message {
		for _, at := range slices.Backward(own.find(text)) {
			text, calls = text[:at[0]]+called.Render(text[at[0]:at[1]])+text[at[1]:], true
		}
	}
	text = l.Head(look) + text
	switch l.Kind {
	case chat.Presence, chat.Earlier:
		text = dim.Render(ansi.Strip(text))
	case chat.Failure:
		text = wrong.Render(text)
	}
	stamp := ""
	if !l.At.IsZero() {
		stamp = dim.Render(clock(l.At.Local(), today) + " ")
	}
	indent := ansi.StringWidth(stamp)
	if indent == 0 || indent > room/3 {
		text, stamp, indent = stamp+text, "", max(0, min(2, room-2)) // a wide character has room
	}
	var b strings.Builder
	w := lipgloss.NewWrapWriter(&b) // keeps a look over the end of a row
	io.WriteString(w, wrap(text, room-indent))
	w.Close()
	text = strings.ReplaceAll(b.String(), "\n", "\n"+dim.Render(continued(indent)))
	return strings.Split(lipgloss.Sprint(stamp+text), "\n"), calls
}

// continued returns what stands in so many columns before each row of a line but the first: a mark, as a text
// may be padded so that one of its rows looks like a line of its own.
func continued(columns int) string {
	mark := "│ "
	return strings.Repeat(" ", max(0, columns-utf8.RuneCountInString(mark))) + ansi.TruncateWc(mark, columns, "")
}

// wrap breaks text into rows between words. A word that is longer than a row, or of wide characters, which
// have no spaces between them, begins where it is and is broken there.
func wrap(text string, room int) string {
	var b strings.Builder
	at := 0 // the column
	for i, word := range strings.Split(text, " ") {
		width := extent(word)
		breaks := width > room || width > utf8.RuneCountInString(ansi.Strip(word))
		if i > 0 && (at+1+width <= room || breaks && at+2 < room) {
			b.WriteByte(' ')
			at++
		} else if i > 0 {
			b.WriteByte('\n')
			at = 0
		}
		if at+width > room {
			word = ansi.Hardwrap(ansi.HardwrapWc(strings.Repeat(" ", at)+word, room, true), room, true)[at:]
			width, at = extent(word[strings.LastIndexByte(word, '\n')+1:]), 0
		}
		b.WriteString(word)
		at += width
	}
	return b.String()
}

// extent returns how many columns text takes at most, in any terminal. A row that is longer than Bubble Tea
// or the terminal count would push the prompt away.
func extent(text string) int { return max(ansi.StringWidth(text), ansi.StringWidthWc(text)) }

// newDay returns what is to be shown before l: the day, when it has changed since the line before.
func (p *prompt) newDay(l chat.Line, now time.Time) (says []chat.Line) {
	if l.At.After(now) { // by the server's clock, which shows
		now = l.At
	}
	y, m, d := now.Local().Date()
	day := time.Date(y, m, d, 0, 0, 0, 0, time.Local)
	if !day.After(p.today) {
		return nil
	}
	if !p.today.IsZero() {
		says = append(says, chat.Line{Kind: chat.Presence, Text: day.Format("--- Monday, January 2, 2006")})
	}
	p.today = day
	return says
}

// clock returns the time of day, and the day when it is before today, which is the beginning of a day.
func clock(at, today time.Time) string {
	if at.Before(today) {
		return at.Format("Jan _2 15:04")
	}
	return at.Format("15:04")
}

// look returns a name in its own colour, and the user in bold.
func look(name string) string {
	if name == chat.User {
		return bold.Render(name)
	}
	return lipgloss.NewStyle().Foreground(lipgloss.Color(shade(name))).Render(name)
}

// shade returns the colour of a name, which is the same on every screen.
func shade(name string) string {
	h := fnv.New32a()
	io.WriteString(h, wire.NameKey(name))
	return shades[h.Sum32()%uint32(len(shades))]
}

// patience is how long the server may take for a message before the prompt counts it; most take less than a
// frame.
const patience = 300 * time.Millisecond

// View is part of tea.Model: the line, with what belongs below it. The cursor is the terminal's own, so that
// what an input method composes appears there.
func (p *prompt) View() tea.View {
	if p.last && !p.ticking {
		return tea.NewView("")
	}
	var before, after string
	if p.pasted == nil {
		before, after = p.split()
		before, after = chat.Escape(before), chat.Escape(after)
	}
	head := p.head(time.Now())
	room := p.size.Width - 1 - p.columns.StringWidth(head)
	if over := p.columns.StringWidth(before) - room; over > 0 { // scroll by half of what fits
		half := max(room/2, 1)
		before = p.columns.TruncateLeft(before, (over/half+1)*half, "")
	}
	rows := []string{p.columns.Truncate(head+before+after, p.size.Width-1, "")}
	for _, row := range p.below() {
		rows = append(rows, dim.Render(p.columns.Truncate(row, p.size.Width-1, "…")))
	}
	p.drawn = head + before
	view := tea.NewView(strings.Join(rows, "\n") + p.different())
	x := min(p.columns.StringWidth(p.drawn), p.size.Width-1)
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
		return p.columns.Truncate(fmt.Sprintf("send %d lines? y/n [%s] ", len(p.pasted), to), p.size.Width-2, "… ")
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
	most := p.size.Width*2/3 - 3
	if most < 2 { // not even a letter and a … have room beside the line
		return ""
	}
	return p.columns.Truncate("["+strings.Join(parts, ", "), most, "…") + "] "
}

// below returns the rows under the line: how far the download is, and the hint.
func (p *prompt) below() (rows []string) {
	if g := p.status.Getting; g.Name != "" {
		rows = append(rows, progress(g, time.Now()))
	}
	if p.hint != "" {
		rows = append(rows, strings.Split(p.columns.Wrap(p.hint, p.size.Width-1, ""), "\n")...)
	}
	return rows[:min(len(rows), p.size.Height-1)]
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
