package terminal

import (
	"cmp"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
	"golang.org/x/text/width"

	"parley/client/internal/chat"
)

// unspaced are the scripts without spaces between words, and Hangul, where names have endings.
var unspaced = []*unicode.RangeTable{
	unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Bopomofo, unicode.Hangul, unicode.Thai,
	unicode.Lao, unicode.Khmer, unicode.Myanmar, unicode.Tibetan,
}

// A mention is a name that is looked for in texts of form NFC, in upper or lower case and in any width.
type mention string

func mentionOf(name string) mention {
	folded, _ := fold(norm.NFC.String(chat.Escape(name)))
	return mention(folded)
}

// mentions returns where own is a whole word of text, as pairs of offsets.
func mentions(own mention, text string) (found [][]int) {
	folded, from := fold(text)
	for at, end := 0, 0; ; at = end {
		i := strings.Index(folded[at:], string(own))
		if i < 0 {
			return found
		}
		at += i
		end = at + len(own)
		// both ends are those of characters
		whole := (at == 0 || from[at-1] < from[at]) && from[end-1] < from[end]
		if whole && isWord(text, from[at], from[end]) {
			found = append(found, []int{from[at], from[end]})
		}
	}
}

// fold returns text in lower case and usual width, with ss for ß. For each of its bytes, and its end, from
// has the offset in text of the character that the byte comes from.
func fold(text string) (folded string, from []int) {
	var b strings.Builder
	from = make([]int, 0, len(text)+1)
	for i, r := range text {
		if r >= utf8.RuneSelf {
			r = cmp.Or(width.LookupRune(r).Folded(), r)
		}
		if r == 'ß' || r == 'ẞ' {
			b.WriteString("ss")
		} else {
			b.WriteRune(unicode.ToLower(unicode.ToUpper(r))) // there are two small sigmas
		}
		for len(from) < b.Len() {
			from = append(from, i)
		}
	}
	return b.String(), append(from, len(text))
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
