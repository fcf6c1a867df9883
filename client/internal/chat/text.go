package chat

import (
	"fmt"
	"strings"
	"unicode"
)

// A Kind says how much a line matters to who reads it.
type Kind int

// The kinds of lines.
const (
	Answer   Kind = iota // the server's or the program's own words, and what a command asked for
	Message              // what someone said just now
	Presence             // who came and went
	Earlier              // what someone said before
	Failure              // what went wrong
)

// A Line is something to read.
type Line struct {
	Kind
	Text string
}

// A Face shows the chat to whoever uses it.
type Face interface {
	Show(Line)          // shows a line that is safe for a screen
	Prompt(mode string) // says who is talked to
	Flush() error       // puts on the screen what is not there yet
}

// Complaint is how this program says what went wrong: one line in lower case, its name before, no full stop, and what
// to do about it where something can be done.
func Complaint(text string) string { return "client: " + Escape(text) }

// Escape returns s with every character that a screen would obey instead of showing it written as \u{202E}: controls,
// line separators, and the invisible ones that reorder or hide text. The joiners that emoji and some scripts need stay
// between characters of those.
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
	switch {
	case r >= ' ' && r < 0x7f:
		return false
	case unicode.Is(unicode.Prepended_Concatenation_Mark, r): // signs that some scripts show around a number
		return false
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Other_Default_Ignorable_Code_Point)
}

// joined reports whether r may stand beside a joiner.
func joined(r rune) bool {
	return r > 0x7f && unicode.IsGraphic(r) && !unicode.IsSpace(r) && !obeyed(r)
}

func inBrackets(text string) string {
	if text == "" {
		return ""
	}
	return " (" + text + ")"
}
