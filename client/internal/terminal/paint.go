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
	"golang.org/x/text/unicode/norm"

	"parley/client/internal/chat"
	"parley/server/wire"
)

// palette are colours for names, of the 256 that terminals have: those far enough from black and from white
// to be read on either, and from each other to be told apart, of which there are not many more. So a name has
// two, and 40 names differ but for one pair, where 16 colours leave 49 pairs alike. A terminal with fewer
// colours gets the nearest, and with NO_COLOR none.
var palette = []string{
	"27", "28", "29", "31", "33", "61", "62", "66", "68", "94", "95", "96", "97", "99", "100", "101", "128",
	"130", "131", "133", "135", "161", "163", "165", "166", "167", "197", "199",
}

var (
	dimStyle     = lipgloss.NewStyle().Faint(true)
	ownStyle     = lipgloss.NewStyle().Bold(true)
	mentionStyle = lipgloss.NewStyle().Bold(true).Reverse(true) // the user's name in what others say
	errorStyle   = lipgloss.NewStyle().Foreground(lipgloss.Color("160"))
)

// profile returns the colours of the terminal: none if NO_COLOR has any value, not only one that means yes.
func profile() colorprofile.Profile {
	if os.Getenv("NO_COLOR") != "" {
		return min(lipgloss.Writer.Profile, colorprofile.ASCII)
	}
	return lipgloss.Writer.Profile
}

// paintAll returns the rows of all lines that are to be printed, and whether one mentions the user.
func (p *prompt) paintAll() (rows []string, mentioned bool) {
	if p.skipped > 0 {
		text := "... " + chat.Count(p.skipped, "message") + " not shown"
		p.lines = slices.Insert(p.lines, 0, chat.Line{Text: text})
	}
	for _, l := range p.lines {
		painted, calls := paint(l, p.own, p.size.Width-1, time.Now())
		rows, mentioned = append(rows, painted...), mentioned || calls
	}
	p.lines, p.skipped = nil, 0
	return rows, mentioned
}

// paint returns a line as rows of at most width columns, broken between words, and whether it mentions the
// user, whose name is own. It adds only sequences for the style.
func paint(l chat.Line, own mention, width int, now time.Time) (rows []string, mentioned bool) {
	text := l.Text
	if l.Kind == chat.Message {
		text = norm.NFC.String(text)
		for _, at := range slices.Backward(mentions(own, text)) {
			text, mentioned = text[:at[0]]+mentionStyle.Render(text[at[0]:at[1]])+text[at[1]:], true
		}
	}
	text = l.Head(styleName) + text
	switch l.Kind {
	case chat.Presence, chat.Earlier:
		text = dimStyle.Render(ansi.Strip(text))
	case chat.Failure:
		text = errorStyle.Render(text)
	}
	stamp := ""
	if !l.At.IsZero() {
		stamp = dimStyle.Render(clock(l.At.Local(), now.Local()) + " ")
	}
	indent := ansi.StringWidth(stamp)
	if indent == 0 || indent > width/3 {
		text, stamp, indent = stamp+text, "", max(0, min(2, width-2)) // room for a wide character
	}
	var b strings.Builder
	w := lipgloss.NewWrapWriter(&b) // continues the style on the next row
	io.WriteString(w, wrap(text, width-indent))
	w.Close()
	text = strings.ReplaceAll(b.String(), "\n", "\n"+dimStyle.Render(continuation(indent)))
	return strings.Split(lipgloss.Sprint(stamp+text), "\n"), mentioned
}

// continuation returns what stands before each row of a line but the first, in so many columns: a mark,
// because a text may be padded so that one of its rows looks like another line.
func continuation(columns int) string {
	mark := "│ "
	return strings.Repeat(" ", max(0, columns-utf8.RuneCountInString(mark))) +
		ansi.TruncateWc(mark, columns, "")
}

// wrap breaks text into rows between words. A word that is longer than a row, or of wide characters, which
// have no spaces between them, is broken where the row ends.
func wrap(text string, width int) string {
	var b strings.Builder
	column := 0
	for i, word := range strings.Split(text, " ") {
		columns := maxWidth(word)
		breaks := columns > width || columns > utf8.RuneCountInString(ansi.Strip(word))
		if i > 0 && (column+1+columns <= width || breaks && column+2 < width) {
			b.WriteByte(' ')
			column++
		} else if i > 0 {
			b.WriteByte('\n')
			column = 0
		}
		if column+columns > width {
			padded := strings.Repeat(" ", column) + word
			word = ansi.Hardwrap(ansi.HardwrapWc(padded, width, true), width, true)[column:]
			columns, column = maxWidth(word[strings.LastIndexByte(word, '\n')+1:]), 0
		}
		b.WriteString(word)
		column += columns
	}
	return b.String()
}

// maxWidth returns the columns that text takes in the worst case: terminals differ. A row that is longer than
// Bubble Tea or the terminal assumes would push the prompt away.
func maxWidth(text string) int { return max(ansi.StringWidth(text), ansi.StringWidthWc(text)) }

// clock returns the time of day, with the date if it is not that of now.
func clock(at, now time.Time) string {
	if at.Format(time.DateOnly) != now.Format(time.DateOnly) {
		return at.Format("Jan _2 15:04")
	}
	return at.Format("15:04")
}

// styleName returns a name in its colours, and the user in bold.
func styleName(name string) string {
	if name == chat.User {
		return ownStyle.Render(name)
	}
	initial, _ := ansi.FirstGraphemeCluster(name, ansi.GraphemeWidth)
	first, second := nameColors(name)
	return colored(initial, first) + colored(name[len(initial):], second)
}

func colored(text, color string) string {
	return lipgloss.NewStyle().Foreground(lipgloss.Color(color)).Render(text)
}

// nameColors returns the colours of a name's first character and of the others. They are the same on every
// screen and every time.
func nameColors(name string) (first, second string) {
	h := fnv.New32a()
	io.WriteString(h, wire.NameKey(name))
	pair := h.Sum32() % uint32(len(palette)*len(palette))
	return palette[int(pair)/len(palette)], palette[int(pair)%len(palette)]
}

// patience is the time that the server may take to confirm a message before the prompt counts it; most take
// less than a frame.
const patience = 300 * time.Millisecond

// View is part of tea.Model: the line, and the rows below it. The cursor is the terminal's own, because an
// input method composes there.
func (p *prompt) View() tea.View {
	if p.last && !p.ticking {
		return tea.NewView("")
	}
	var before, after string
	if p.pasted == nil {
		before, after = chat.Escape(p.line.before), chat.Escape(p.line.after)
	}
	head := p.head(time.Now())
	width := p.size.Width - 1 - p.columns.StringWidth(head)
	if over := p.columns.StringWidth(before) - width; over > 0 { // scroll by half of what fits
		half := max(width/2, 1)
		before = p.columns.TruncateLeft(before, (over/half+1)*half, "")
	}
	rows := []string{p.columns.Truncate(head+before+after, p.size.Width-1, "")}
	for _, row := range p.below() {
		rows = append(rows, dimStyle.Render(p.columns.Truncate(row, p.size.Width-1, "…")))
	}
	view := tea.NewView(strings.Join(rows, "\n") + p.different())
	x := min(p.columns.StringWidth(head+before), p.size.Width-1)
	// A shape that Bubble Tea does not know leaves the cursor as the user has set it.
	view.Cursor = &tea.Cursor{Position: tea.Position{X: x}, Shape: -1}
	return view
}

// head returns what stands before the line: its receiver and the status, or a question.
func (p *prompt) head(now time.Time) string {
	to := "all"
	if p.status.To != "" {
		to = "to " + p.status.To
	}
	if p.pasted != nil {
		question := fmt.Sprintf("send %d lines? y/n [%s] ", len(p.pasted), to)
		return p.columns.Truncate(question, p.size.Width-2, "… ")
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
	width := p.size.Width*2/3 - 3
	if width < 2 { // too narrow for a letter and a …
		return ""
	}
	return p.columns.Truncate("["+strings.Join(parts, ", "), width, "…") + "] "
}

// below returns the rows below the line: the progress of a download, and the hint.
func (p *prompt) below() (rows []string) {
	if g := p.status.Getting; g.Name != "" {
		rows = append(rows, progress(g, time.Now()))
	}
	if p.hint != "" {
		rows = append(rows, strings.Split(p.columns.Wrap(p.hint, p.size.Width-1, ""), "\n")...)
	}
	return rows[:min(len(rows), p.size.Height-1)]
}

// progress describes a download, numbers first: a long name may be cut off.
func progress(g chat.Progress, now time.Time) string {
	percent := 100.0
	if g.Size > 0 {
		percent = math.Floor(100 * float64(g.Have) / float64(g.Size))
	}
	text := fmt.Sprintf("%.0f%%, %s of %s", percent, chat.Bytes(g.Have), chat.Bytes(g.Size))
	took := now.Sub(g.Began)
	if rate := float64(g.Have-g.From) / took.Seconds(); took > patience && rate > 1 {
		left := min(float64(g.Size-g.Have)/rate, 1e6) * float64(time.Second)
		text += fmt.Sprintf(", %s/s, %v left", chat.Bytes(uint64(rate)),
			time.Duration(left).Round(time.Second))
	}
	if g.More > 0 {
		text += fmt.Sprintf(", %d more to come", g.More)
	}
	return text + ": " + g.Name
}
