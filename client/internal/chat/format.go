package chat

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"parley/server/wire"
)

// Escape returns s with every character that a screen would obey instead of showing it written as \u{202E},
// see [wire.Visible].
func Escape(s string) string {
	return wire.Visible(s, func(r rune) string { return fmt.Sprintf(`\u{%04X}`, r) })
}

// Count returns a number and a noun, in the plural if need be.
func Count(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprint(n, " ", noun)
}

// andMore stands for n things of which only the first is named.
func andMore(first string, n int) string {
	if n > 1 {
		return fmt.Sprintf("%s and %d more", first, n-1)
	}
	return first
}

func inBrackets(text string) string {
	if text == "" {
		return ""
	}
	return " (" + text + ")"
}

// Bytes returns a number of bytes with a unit, such as 81.8 kB.
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

// Command returns a typed line from its slash on, and whether it is a command. It accepts blank and invisible
// characters before the slash, and the other slashes that an input method may type, so that a private message
// does not become public by such a mistake.
func Command(line string) (command string, ok bool) {
	const slashes = "\uff0f\u2215\u2044\u29f8" // fullwidth, division, fraction and big solidus
	line = strings.TrimLeftFunc(line, blank)
	r, n := utf8.DecodeRuneInString(line)
	if strings.ContainsRune(slashes, r) {
		line = "/" + line[n:]
	}
	return line, strings.HasPrefix(line, "/") && !strings.HasPrefix(line, "//")
}

// blank reports whether r shows nothing at the beginning of a line, or only a mark without its letter.
func blank(r rune) bool {
	const brailleBlank = '\u2800'
	return r == brailleBlank || unicode.IsSpace(r) || unicode.In(r, unicode.Mn, unicode.Me) ||
		wire.Invisible(r)
}

// firstWord splits text at its first blank.
func firstWord(text string) (word, rest string) {
	i := strings.IndexFunc(text, unicode.IsSpace)
	if i < 0 {
		return text, ""
	}
	_, n := utf8.DecodeRuneInString(text[i:])
	return text[:i], text[i+n:]
}
