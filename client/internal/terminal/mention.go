package terminal

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"parley/client/internal/chat"
)

// unspaced are the scripts that put no spaces between words, and Hangul, where names have endings.
var unspaced = []*unicode.RangeTable{
	unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Bopomofo, unicode.Hangul, unicode.Thai, unicode.Lao,
	unicode.Khmer, unicode.Myanmar, unicode.Tibetan,
}

// A mention finds the user's name in texts, in any case and normal form. It is not safe for concurrent use.
type mention struct {
	fold cases.Caser
	name string // folded
}

func newMention(name string) *mention {
	m := &mention{fold: cases.Fold()}
	m.name = m.folded([]byte(norm.NFKD.String(chat.Escape(name))))
	return m
}

// folded returns a text that is in form NFKD as it is compared.
func (m *mention) folded(text []byte) string {
	if len(text) == 1 && text[0] < utf8.RuneSelf {
		return strings.ToLower(string(text)) // nearly all, and much faster
	}
	return norm.NFKD.String(m.fold.String(string(text)))
}

// find returns the bytes of text from where to where the name is, as a word.
func (m *mention) find(text string) (found [][2]int) {
	var folded strings.Builder
	// of each byte of folded that begins a character: where that begins in text; of others -1
	var origin []int
	var characters norm.Iter
	for characters.InitString(norm.NFKD, text); !characters.Done(); {
		origin = append(origin, characters.Pos())
		folded.WriteString(m.folded(characters.Next()))
		for len(origin) < folded.Len() {
			origin = append(origin, -1)
		}
	}
	origin = append(origin, len(text))
	for from := 0; ; from++ {
		i := strings.Index(folded.String()[from:], m.name)
		if i < 0 {
			return found
		}
		from += i
		start, end := origin[from], origin[from+len(m.name)]
		if start >= 0 && end >= 0 && isWord(text, start, end) {
			found = append(found, [2]int{start, end})
			from += len(m.name) - 1
		}
	}
}

// isWord reports whether text[start:end] is not a part of a longer word.
func isWord(text string, start, end int) bool {
	before, _ := utf8.DecodeLastRuneInString(text[:start])
	first, _ := utf8.DecodeRuneInString(text[start:])
	last, _ := utf8.DecodeLastRuneInString(text[:end])
	after, _ := utf8.DecodeRuneInString(text[end:])
	return apart(before, first) && apart(after, last) && !unicode.IsMark(after)
}

// apart reports whether the character beside a name, and that at the name's edge, belong to two words.
func apart(beside, edge rune) bool {
	return !unicode.In(beside, unicode.L, unicode.M, unicode.N) ||
		unicode.In(beside, unspaced...) || unicode.In(edge, unspaced...)
}
