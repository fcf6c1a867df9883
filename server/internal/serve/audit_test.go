package serve

import (
	"bytes"
	"log/slog"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Values look in every line of the log as they do in those that slog writes.
func TestValuesLookAlike(t *testing.T) {
	for _, value := range []string{
		"word", "", "two words", "a=b", `say "x"`, "Jürgen", "zwölf Äpfel", "漢字", "a\u00a0b", "\u2028", "bell\a", "😀", "{}[]~!", "\xff", "tab\t",
	} {
		checkAlike(t, value)
	}
}

// The same for every character that there is a rule for, alone, between letters and between words, and for
// every byte.
func TestCharactersLookAlike(t *testing.T) {
	check := func(c string) {
		for _, value := range []string{c, "a" + c, c + "a", "a" + c + "b", "a " + c, c + "=", c + c, "é" + c} {
			checkAlike(t, value)
		}
	}
	for r := range rune(0x300) {
		check(string(r))
	}
	for _, r := range []rune{
		'\u0300', '\u1680', '\u2000', '\u200b', '\u200d', '\u200e', '\u2028', '\u2029', '\u202e', '\u2060',
		'\u3000', '\ufeff', '\ufffd', '\uffff', '\ue000', '語', '😀', '\U000e0041', '\U0010ffff',
	} {
		check(string(r))
	}
	for c := range 256 {
		check(string([]byte{byte(c)}))
	}
	check("\xe2\x82") // the first bytes of a character
}

// checkAlike checks that value is written as slog writes it, as a string and as bytes.
func checkAlike(t *testing.T, value string) {
	t.Helper()
	var b bytes.Buffer
	slog.New(slog.NewTextHandler(&b, nil)).Info("", "text", value)
	_, want, _ := strings.Cut(strings.TrimSuffix(b.String(), "\n"), "text=")
	if strings.Contains(value, "\x7f") {
		want = strconv.Quote(value) // slog leaves it as it is, which a terminal obeys
	}
	text, raw := appendValue([]byte("x"), value), appendValue([]byte("x"), []byte(value))
	if diff := cmp.Diff([]string{"x" + want, "x" + want}, []string{string(text), string(raw)}); diff != "" {
		t.Errorf("%q (-slog +ours):\n%s", value, diff)
	}
}
