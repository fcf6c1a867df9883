package terminal

import (
	"hash/fnv"
	"io"
	"regexp"
	"strings"
	"time"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"parley/client/internal/chat"
	"parley/server/wire"
)

// shades are colours for names, of the 256 that terminals have: far enough from black and from white to be read on either.
// A terminal that has fewer gets the nearest that it has, and none with NO_COLOR.
var shades = []string{
	"27", "28", "30", "32", "63", "64", "94", "97", "99", "100", "128", "130", "133", "161", "163", "166",
}

var (
	dim    = lipgloss.NewStyle().Faint(true)
	bold   = lipgloss.NewStyle().Bold(true)
	called = lipgloss.NewStyle().Bold(true).Reverse(true) // the user's own name in what others say
	wrong  = lipgloss.NewStyle().Foreground(lipgloss.Color("160"))
)

// A painter gives lines their look. It adds nothing to their texts but sequences of its own.
type painter struct {
	own     *regexp.Regexp // the user's own name as a word
	columns ansi.Method    // how the terminal counts them
}

func newPainter(own string) painter {
	const edge = `(^|$|[^\pL\pM\pN])`
	return painter{regexp.MustCompile(`(?i)` + edge + `(` + regexp.QuoteMeta(chat.Escape(own)) + `)` + edge), ansi.WcWidth}
}

// paint returns a line as rows that have room in so many columns, broken between words, and whether it calls the user.
func (p painter) paint(l chat.Line, room int, now time.Time) (rows []string, calls bool) {
	text := l.Text
	if l.Kind == chat.Message {
		calls = p.own.MatchString(text)
		text = p.own.ReplaceAllString(text, "${1}"+called.Render("${2}")+"${3}")
	}
	switch text = l.Head(look) + text; l.Kind {
	case chat.Presence, chat.Earlier:
		text = dim.Render(ansi.Strip(text))
	case chat.Failure:
		text = wrong.Render(text)
	}
	stamp := ""
	if !l.At.IsZero() {
		stamp = dim.Render(clock(l.At.Local(), now) + " ")
	}
	indent := ansi.StringWidth(stamp)
	if indent == 0 || indent > room/3 {
		text, stamp, indent = stamp+text, "", min(2, room/2)
	}
	// Wrap may exceed the room by a hyphen; the writer keeps a look over the end of a row.
	text = p.columns.Hardwrap(p.columns.Wrap(text, room-indent, ""), room-indent, true)
	var b strings.Builder
	w := lipgloss.NewWrapWriter(&b)
	io.WriteString(w, text)
	w.Close()
	text = strings.ReplaceAll(b.String(), "\n", "\n"+strings.Repeat(" ", indent))
	return strings.Split(lipgloss.Sprint(stamp+text), "\n"), calls
}

// clock returns the time of day, and the day when it is not today.
func clock(at, now time.Time) string {
	if y, m, d := now.Date(); at.Before(time.Date(y, m, d, 0, 0, 0, 0, at.Location())) {
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
