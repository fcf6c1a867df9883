package wire

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// CheckText returns a *ProtocolError when text is not UTF-8 or has control characters, and nil otherwise.
func CheckText(text []byte) error {
	ascii := true
	for i, c := range text {
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
