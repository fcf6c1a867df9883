package wire

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/secure/precis"
)

// MaxName is the length of a name in characters: it fits beside a message on a line of a terminal.
const MaxName = 32

// maxNameBytes are more than a name has, also before it is normalized: longer ones are not looked at.
const maxNameBytes = MaxName * utf8.UTFMax

// CheckName returns the name that s stands for, or an error that says what is wrong with it and what would be
// right. A name
//
//   - is 1 to [MaxName] characters, valid under PRECIS UsernameCasePreserved (RFC 8265, section 3.4), whose
//     normal form is returned, but for a capital I beside a small letter, which looks like l and becomes i
//   - has a letter or digit, letters of one script only (Japanese, Korean and Chinese writing count as one
//     each), at most two marks on a letter, no brackets and nothing invisible
//   - does not look like a word that begins the programs' own lines
//   - can name a folder on Linux, macOS and Windows
func CheckName(s string) (string, error) {
	length := utf8.RuneCountInString(s)
	switch {
	case s == "":
		return "", fmt.Errorf("the name is empty: use 1 to %d letters or digits", MaxName)
	case length > MaxName:
		return "", fmt.Errorf("a name of %d characters is too long: use 1 to %d", length, MaxName)
	}
	n, err := precis.UsernameCasePreserved.String(s)
	if err != nil {
		return "", fmt.Errorf("%q cannot be a name: use letters and digits, without spaces", s)
	}
	n = lowerI(n)
	err = checkLook(n)
	switch {
	case err != nil:
		return "", fmt.Errorf("%q cannot be a name: %w", s, err)
	case isReserved(n):
		return "", fmt.Errorf("the name %s would be taken for the program's own words: use another", n)
	case SafeElement(n) != n:
		return "", fmt.Errorf("%q cannot name a folder on every system: %q could", s, SafeElement(n))
	case utf8.RuneCountInString(n) > MaxName:
		return "", fmt.Errorf("%q is too long once normalized: use 1 to %d characters", s, MaxName)
	}
	return n, nil
}

// NameKey returns the form that two names share when they are the same to people: UsernameCaseMapped (RFC
// 8265, section 3.3), and then Unicode's full case folding, for which ß is ss and a final sigma is one like
// the others. What is too long for a name is its own key.
func NameKey(name string) string {
	if len(name) > maxNameBytes {
		return name
	}
	if isASCII(name) {
		return strings.ToLower(name) // which is the same, and fast
	}
	key, err := precis.UsernameCaseMapped.CompareKey(name)
	if err != nil { // valid when its case is preserved, not when it is mapped
		key = name
	}
	return cases.Fold().String(key)
}

// device matches the names that Windows reserves for devices, whatever follows a dot.
var device = regexp.MustCompile(`^(?i:CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|(COM|LPT)[0-9¹²³]) *(\.|$)`)

// SafeElement returns s, one element of a path, changed so that Linux, macOS and Windows all accept it as a
// name: what Windows reserves gets an underscore, and it has at most 255 bytes.
func SafeElement(s string) string {
	safe := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || strings.ContainsRune(`<>:"/\|?*`, r) || r == utf8.RuneError {
			return '_'
		}
		return r
	}, s)
	if device.MatchString(safe) {
		safe = "_" + safe
	}
	safe = cut(safe, 255)
	if t := strings.TrimRight(safe, ". "); t != safe {
		safe = t + "_"
	}
	return safe
}
