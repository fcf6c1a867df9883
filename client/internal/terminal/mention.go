package terminal

import (
	"regexp"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"parley/client/internal/chat"
)

// unspaced are the scripts without spaces between words, and Hangul, where names have endings.
var unspaced = []*unicode.RangeTable{
	unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Bopomofo, unicode.Hangul, unicode.Thai,
	unicode.Lao, unicode.Khmer, unicode.Myanmar, unicode.Tibetan,
}

// mentionOf returns a pattern for a name in texts of form NFC, in upper or lower case.
func mentionOf(name string) *regexp.Regexp {
	return regexp.MustCompile("(?i)" + regexp.QuoteMeta(norm.NFC.String(chat.Escape(name))))
}

// mentions returns where own is a whole word of text, as pairs of offsets.
func mentions(own *regexp.Regexp, text string) (found [][]int) {
	for _, at := range own.FindAllStringIndex(text, -1) {
		if isWord(text, at[0], at[1]) {
			found = append(found, at)
		}
	}
	return found
}

// isWord reports whether text[start:end] is not a part of a longer word.
func isWord(text string, start, end int) bool {
	before, _ := utf8.DecodeLastRuneInString(text[:start])
	first, _ := utf8.DecodeRuneInString(text[start:])
	last, _ := utf8.DecodeLastRuneInString(text[:end])
	after, _ := utf8.DecodeRuneInString(text[end:])
	return apart(before, first) && apart(after, last) && !unicode.IsMark(after)
}

// apart reports whether the character next to a name, and the one at the name's edge, belong to two words.
func apart(beside, edge rune) bool {
	return !unicode.In(beside, unicode.L, unicode.M, unicode.N) ||
		unicode.In(beside, unspaced...) || unicode.In(edge, unspaced...)
}
