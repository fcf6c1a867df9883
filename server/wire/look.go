package wire

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.mau.fi/util/confusable"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// reserved are the words that lines of the programs begin with, and those that stand for everyone: what
// someone says must not look like the program's own words, nor a message to one person like one for all.
var reserved = skeletons("server client you all everyone earlier " +
	"back connection continuing debugging downloading for have ignoring in joins listening no nobody " +
	"nothing only saved sharing shutting stopped talking the unfinished welcome")

func skeletons(words string) map[string]bool {
	set := make(map[string]bool)
	for word := range strings.FieldsSeq(words) {
		set[Skeleton(word)] = true
	}
	return set
}

// isReserved reports whether a name looks like a reserved word. The second look finds a capital I, which is
// like l.
func isReserved(name string) bool {
	return reserved[Skeleton(name)] || reserved[Skeleton(confusable.Skeleton(name))]
}

// Skeleton returns the form that two names share if people can take one for the other: the skeleton of
// Unicode Technical Standard 39, section 4, of the [NameKey], in which case does not count either. It is
// compared, never shown. Names with the same key have the same skeleton. At the beginning of a name i is like
// l, because many names begin with a capital I; elsewhere only those have one that are all in capitals.
func Skeleton(name string) string {
	skeleton := confusable.Skeleton(NameKey(name))
	if isASCII(skeleton) {
		skeleton = strings.ToLower(skeleton)
	} else {
		skeleton = norm.NFD.String(cases.Fold().String(skeleton))
	}
	if rest, ok := strings.CutPrefix(skeleton, "i"); ok {
		return "l" + rest
	}
	return skeleton
}

var (
	beforeSmall = regexp.MustCompile(`I+\p{Ll}`)
	afterSmall  = regexp.MustCompile(`\p{Ll}I+`)
)

// lowerI returns the name with each capital I beside a small letter as i, but for the first.
func lowerI(name string) string {
	if !strings.Contains(name, "I") {
		return name
	}
	lower := func(found string) string { return strings.ReplaceAll(found, "I", "i") }
	lowered := beforeSmall.ReplaceAllStringFunc(name, lower)
	lowered = afterSmall.ReplaceAllStringFunc(lowered, lower)
	return name[:1] + lowered[1:]
}

// maxMarks is the number of marks that a letter can have: more cover the lines above and below.
const maxMarks = 2

// checkLook returns an error that says what people could not tell apart, or read, in a name.
func checkLook(name string) error {
	if strings.ContainsAny(name, "()[]{}") {
		return errors.New("use no brackets")
	}
	if !strings.ContainsFunc(name, isAlphanumeric) {
		return errors.New("use at least one letter or digit")
	}
	marks, last := 0, ' '
	for _, r := range norm.NFD.String(name) {
		switch {
		case unicode.In(r, invisible...):
			return fmt.Errorf("%U is invisible", r)
		case unicode.In(r, unicode.Mn, unicode.Me):
			marks++
		case !unicode.Is(unicode.Mc, r):
			marks = 0
		}
		if marks > maxMarks {
			return fmt.Errorf("use at most %d marks on a letter", maxMarks)
		}
		last = r
	}
	if unicode.Is(stackers, last) {
		return fmt.Errorf("%U is invisible at the end", last)
	}
	return checkScripts(name)
}

func isAlphanumeric(r rune) bool { return unicode.In(r, unicode.L, unicode.N) }

// invisible are the characters that show nothing, alone or at all.
var invisible = []*unicode.RangeTable{
	unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector, unicode.Cf, blanks,
}

// blanks are those that Unicode has no property for.
var blanks = &unicode.RangeTable{
	R16: []unicode.Range16{
		{0x2800, 0x2800, 1}, // Braille blank
		{0x2d7f, 0x2d7f, 1}, // Tifinagh consonant joiner
	},
	R32: []unicode.Range32{
		{0x1107f, 0x1107f, 1}, // Brahmi number joiner
		{0x13441, 0x13442, 1}, // blank Egyptian hieroglyphs
		{0x16fe4, 0x16fe4, 1}, // Khitan small script filler
		{0x1d159, 0x1d159, 1}, // musical null notehead
	},
}

// stackers put the letter after them below the one before, and show nothing themselves.
var stackers = &unicode.RangeTable{
	R16: []unicode.Range16{
		{0x1039, 0x1039, 1}, {0x17d2, 0x17d2, 1}, {0x1a60, 0x1a60, 1}, {0xaaf6, 0xaaf6, 1},
	},
	R32: []unicode.Range32{
		{0x10a3f, 0x10a3f, 1}, {0x11133, 0x11133, 1}, {0x1193e, 0x1193e, 1}, {0x11a47, 0x11a47, 1},
		{0x11a99, 0x11a99, 1}, {0x11d45, 0x11d45, 1}, {0x11d97, 0x11d97, 1}, {0x11f42, 0x11f42, 1},
	},
}

// writings are the scripts that are written together.
var writings = [][]string{{"Han", "Hiragana", "Katakana"}, {"Han", "Hangul"}, {"Han", "Bopomofo"}}

// checkScripts returns an error unless the letters of a name are of one script or writing.
func checkScripts(name string) error {
	if isASCII(name) {
		return nil
	}
	var scripts []string
	for _, r := range name {
		if s := script(r, scripts); !slices.Contains(scripts, s) && s != "Common" && s != "Inherited" {
			scripts = append(scripts, s)
		}
	}
	within := func(writing []string) bool {
		return !slices.ContainsFunc(scripts, func(s string) bool { return !slices.Contains(writing, s) })
	}
	if len(scripts) < 2 || slices.ContainsFunc(writings, within) {
		return nil
	}
	return fmt.Errorf("%s and %s letters can look alike: use one script", scripts[0], scripts[1])
}

// script returns the name of a character's script. It looks among the likely ones first.
func script(r rune, likely []string) string {
	for _, name := range likely {
		if unicode.Is(unicode.Scripts[name], r) {
			return name
		}
	}
	for name, table := range unicode.Scripts {
		if unicode.Is(table, r) {
			return name
		}
	}
	return "unknown"
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
