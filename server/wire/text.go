package wire

import (
	"encoding/binary"
	"strings"
	"unicode"
	"unicode/utf8"
)

// CheckText returns a *ProtocolError when text is not UTF-8 or has control characters, and nil otherwise.
func CheckText(text []byte) error {
	plain := 0 // so many bytes are of printable ASCII, as most are
	for len(text)-plain >= 8 && printable(binary.LittleEndian.Uint64(text[plain:])) {
		plain += 8
	}
	ascii := true
	for i := plain; i < len(text); i++ {
		c := text[i]
		ascii = ascii && c < utf8.RuneSelf
		if c < ' ' || c >= 0x7f && (c == 0x7f || c == 0xc2 && i+1 < len(text) && text[i+1] < 0xa0) {
			return Errorf("-", CodeText, "a control character at byte %d of the line", i+1)
		}
	}
	if !ascii && !utf8.Valid(text) {
		return Errorf("-", CodeText, "a line that is not UTF-8")
	}
	return nil
}

// printable reports whether all eight bytes of a word are of printable ASCII.
func printable(word uint64) bool {
	const each = 0x0101010101010101
	// The sum has the high bit of a byte from 0x7f on, the difference that of one below the space. What they
	// carry into the next byte does not matter any more.
	return (word|(word+each)|(word-' '*each))&(0x80*each) == 0
}

// Visible returns s with replace's text for every character that a screen would obey instead of showing it:
// controls, line separators, and invisible characters that reorder or hide text. The joiners that emoji and
// some scripts need stay between characters of those.
func Visible(s string, replace func(r rune) string) string {
	if !strings.ContainsFunc(s, Invisible) {
		return strings.ToValidUTF8(s, "\ufffd")
	}
	var b strings.Builder
	runes := []rune(s)
	for i, r := range runes {
		joiner := r == '\u200c' || r == '\u200d'
		joins := joiner && i > 0 && joinable(runes[i-1]) && i+1 < len(runes) && joinable(runes[i+1])
		if Invisible(r) && !joins {
			b.WriteString(replace(r))
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// Invisible reports whether r is a control or invisible format character.
func Invisible(r rune) bool {
	// the prepended marks are visible: scripts draw them around a number
	if r >= ' ' && r < 0x7f || unicode.Is(unicode.Prepended_Concatenation_Mark, r) {
		return false
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp,
		unicode.Other_Default_Ignorable_Code_Point)
}

// joinable reports whether a joiner makes sense next to r.
func joinable(r rune) bool {
	return r > 0x7f && unicode.IsGraphic(r) && !unicode.IsSpace(r) && !Invisible(r)
}

// Line makes text of any origin safe as the last argument of a server's line: one line, UTF-8, at most 2,000
// bytes and dots.
func Line(text string) []byte {
	const most = 2000 // bytes: far below MaxServerLine, and no message to a person needs more
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text)
	if len(text) > most {
		text = cut(text, most) + "..."
	}
	return []byte(text)
}

// cut returns the first n bytes of text, which is UTF-8, or up to three fewer so as to end with a whole
// character.
func cut[T string | []byte](text T, n int) T {
	if n >= len(text) {
		return text
	}
	for !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}
