package chat

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// A Kind says how much a line matters to who reads it.
type Kind int

// The kinds of lines.
const (
	Answer   Kind = iota // the server's or the program's own words, and what a command asked for
	Message              // what someone, or the server unasked, said just now
	Presence             // who came and went
	Earlier              // what someone said before the user joined, or what was shown before
	Failure              // what went wrong
	Unsent               // at the end, what was typed and perhaps reached nobody: to be kept or sent anew
)

// A Line is something to read. Its texts are safe for a screen.
type Line struct {
	Kind
	At       time.Time // when it happened; zero where that is no matter
	From, To string    // of what someone said: who, and to whom unless to everyone; the user is you
	Text     string
}

// Head returns what stands before the text of what someone said: who, and to whom, each name as look shows
// it.
func (l Line) Head(look func(name string) string) string {
	switch {
	case l.From == "":
		return ""
	case l.To == "":
		return look(l.From) + ": "
	}
	return look(l.From) + " → " + look(l.To) + ": "
}

// String returns the line as plain text.
func (l Line) String() string {
	text := l.Head(func(name string) string { return name }) + l.Text
	if l.Kind == Earlier {
		text = "(earlier) " + text
	}
	return text
}

// Input is a line that the user typed, which may be a command.
type Input struct {
	Text     string
	Pasted   bool             // it is to be sent, whatever it begins with
	Complete func(Completion) // not nil when it is not done: takes how it may go on, perhaps later
}

// A Status is what a user wants to know all the time.
type Status struct {
	To      string    // whom plain lines go to, everyone when empty
	Away    bool      // there is no connection
	Retry   time.Time // when the next attempt to come back begins
	Taken   int       // lines of input, so far
	Waiting int       // messages of one's own that the server has not taken yet
	Getting Progress
}

// Progress is how far a download is.
type Progress struct {
	Name       string // empty when there is none
	Have, Size uint64 // bytes
	From       uint64 // bytes that were here when it began
	Began      time.Time
	More       int // downloads that come after it
}

// A Face shows the chat to whoever uses it.
type Face interface {
	Show(Line)          // shows a line
	Flush(Status) error // puts on the screen what is not there yet, and how things are now
}

// Complaint is how this program says what went wrong: one line in lower case, its name before, no full stop,
// and what to do about it where something can be done.
func Complaint(text string) string { return "client: " + Escape(text) }

// NotSent is the line for a text that was typed and not sent, to someone unless to is empty.
func NotSent(to, text string) string { return Complaint("not sent" + receiver(to) + ": " + text) }

// maybeSent is the line for a text of which nobody knows whether it was sent.
func maybeSent(to, text string) string {
	return Complaint("not known whether sent" + receiver(to) + ": " + text)
}

func receiver(to string) string {
	if to == "" {
		return ""
	}
	return " to " + to
}

// Escape returns s with every character that a screen would obey instead of showing it written as \u{202E}:
// controls, line separators, and the invisible ones that reorder or hide text. The joiners that emoji and
// some scripts need stay between characters of those.
func Escape(s string) string {
	if !strings.ContainsFunc(s, obeyed) {
		return strings.ToValidUTF8(s, "\ufffd")
	}
	var b strings.Builder
	runes := []rune(s)
	for i, r := range runes {
		joins := (r == '\u200c' || r == '\u200d') && i > 0 && joined(runes[i-1]) && i+1 < len(runes) && joined(runes[i+1])
		if obeyed(r) && !joins {
			fmt.Fprintf(&b, `\u{%04X}`, r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// obeyed reports whether r does something other than to show itself.
func obeyed(r rune) bool {
	// signs that scripts show around a number
	if r >= ' ' && r < 0x7f || unicode.Is(unicode.Prepended_Concatenation_Mark, r) {
		return false
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Other_Default_Ignorable_Code_Point)
}

// joined reports whether r may stand beside a joiner.
func joined(r rune) bool {
	return r > 0x7f && unicode.IsGraphic(r) && !unicode.IsSpace(r) && !obeyed(r)
}

// Count returns a number of things, whose name is what.
func Count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprint(n, " ", what)
}

func inBrackets(text string) string {
	if text == "" {
		return ""
	}
	return " (" + text + ")"
}

// Bytes returns a number of bytes with its unit, short.
func Bytes(n uint64) string {
	if n < 1000 {
		return fmt.Sprint(n, " B")
	}
	x, units := float64(n)/1000, "kMGTPE"
	for x >= 999.95 {
		x, units = x/1000, units[1:]
	}
	return fmt.Sprintf("%.1f %cB", x, units[0])
}

// Command returns a typed line from its slash on, and whether it is a command. Neither blanks before the
// slash, which may be invisible, nor another slash than that of ASCII, as an input method may type it, makes
// public what was meant for one.
func Command(line string) (command string, ok bool) {
	const slashes = "\uff0f\u2215\u2044\u29f8" // fullwidth, division, fraction and big solidus
	line = strings.TrimLeftFunc(line, blank)
	r, n := utf8.DecodeRuneInString(line)
	if strings.ContainsRune(slashes, r) {
		line = "/" + line[n:]
	}
	return line, strings.HasPrefix(line, "/") && !strings.HasPrefix(line, "//")
}

// blank reports whether nothing is to be seen of r at the beginning of a line, or only a mark without a
// letter.
func blank(r rune) bool {
	const brailleBlank = '\u2800'
	return r == brailleBlank || unicode.IsSpace(r) || unicode.In(r, unicode.Mn, unicode.Me) || obeyed(r)
}

// cut returns the first word of text, and what follows the blank after it.
func cut(text string) (word, rest string) {
	i := strings.IndexFunc(text, unicode.IsSpace)
	if i < 0 {
		return text, ""
	}
	_, blank := utf8.DecodeRuneInString(text[i:])
	return text[:i], text[i+blank:]
}
