package terminal

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// What a terminal sends comes out whole, whatever its pieces. In pieces, | ends a piece, and * is a pause
// after which Esc is a key.
func TestDecoder(t *testing.T) {
	const esc, altP = escKey, "\x1b[80;3u"
	ones := strings.Repeat("1", maxSequence)
	tests := []struct{ name, pieces, want string }{
		{"a character", "caf\xc3|\xa9", "café"},
		{"of four bytes", "\xf0|\x9f|\x91|\x8d!", "👍!"},
		{"a key", "a\x1b|[|A", "a\x1b[A"},
		{"a key with parameters", "\x1b[1;|5C", "\x1b[1;5C"},
		{"a key in another mode", "\x1bO|A", "\x1bOA"},
		{"a key of rxvt", "\x1b[3|$x", "\x1b[3$x"},
		{"a key of the Linux console", "\x1b[|[|Ax", "\x1b[[Ax"},
		{"Alt and a letter", "\x1b|b", "\x1b[98;3u"},
		{"Alt and a character", "\x1b\xc3|\xa9", "\x1b[233;3u"},
		{"Alt and a key", "\x1b|\x1b[|A", "\x1b\x1b[A"},
		{"an answer", "\x1b[?2026;|2$|y", "\x1b[?2026;2$y"},
		{"an answer with a text", "\x1b]11;rgb:0000/|0000/0000\x1b|\\x", "\x1b]11;rgb:0000/0000/0000\x1b\\x"},

		{"Esc", "\x1b*", esc},
		{"Esc and a letter", "\x1b*b", esc + "b"},
		{"Esc twice", "\x1b|\x1b*", esc + esc},
		{"Esc and Ctrl-C", "\x1b|\x03", esc + "\x03"},
		{"a key, very late", "\x1b*[A", esc + "\x1b[A"},
		{"a paste, very late", "\x1b*[200~a\r\x1b[20|1~", esc + pasteStart + "a\r" + pasteEnd},
		{"Esc and a bracket", "\x1b*[|A[A", esc + "[A[A"},
		{"Alt-P", "\x1bP*ab", altP + "ab"},
		{"Alt-P at once", "\x1bPab\r", altP + "ab\r"},
		{"Ctrl-C in a sequence", "\x1b[1;|\x03", "\x1b[91;3u1;\x03"},
		{"no end of a sequence", "\x1b[" + ones + "|x", "\x1b[91;3u" + ones + "x"},

		{"a paste", "\x1b[20|0~/quit\r|ca\xc3|\xa9\t|\x1b|[201|~/",
			pasteStart + "/quit\rcaé\t" + pasteEnd + "/"},
		{"a paste, its end very late", "\x1b[200~a\r\x1b*[*201~b", pasteStart + "a\r" + pasteEnd + "b"},
		{"a paste of sequences", "\x1b[200~\x1b[A\x1b[200~\a\x1b[201~", pasteStart + "?[A?[200~?" + pasteEnd},
		{"a paste of Ctrl-C", "\x1b[200~a|\x03\r/quit\r|\x1b[201~", pasteStart + "a?\r/quit\r" + pasteEnd},
		{"a paste without an end, Ctrl-C", "\x1b[200~a|\x1b[2|*\x03|b",
			pasteStart + "a\x03" + pasteEnd + "b"},

		{"Latin-1", "caf\xe9|\r\xa0ad\xe8s\xff|", "café\r\u00a0adèsÿ"},
		{"half a character", "\xc3|a\xf0\x9f\x91|b", "Ãað??b"},
		{"Latin-1 in a paste", "\x1b[200~\xe9t\xe9|\x1b[201~", pasteStart + "été" + pasteEnd},
		{"no characters", "\x80|\x9b|\xc2|\x85", "???"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var d decoder
			var got []byte
			for i, part := range strings.Split(tt.pieces, "*") {
				if i > 0 && d.doubtful() {
					got = append(got, d.settle()...)
				}
				for _, piece := range strings.Split(part, "|") {
					got = append(got, d.decode([]byte(piece), i > 0)...)
				}
			}
			if diff := cmp.Diff(tt.want, string(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// FuzzDecoder proves that the output depends on the bytes alone, not on their pieces, and that it is text
// without C1 control characters.
func FuzzDecoder(f *testing.F) {
	f.Add([]byte("caf\xc3\xa9\x1b[A\x1b[200~a\x1bb\x1b[201~\xe9\x1b]0;x\x1b\\\x1b\x1b[A"), uint8(5), uint8(9))
	f.Add([]byte("\x1bP\xed\xee\a\xed\xed\a"), uint8(3), uint8(1))
	answer := regexp.MustCompile("\x1b[P\\]X^_][^\x1b\a]*") // may hold what it likes
	f.Fuzz(func(t *testing.T, all []byte, first, second uint8) {
		var atOnce, pieces decoder
		want := atOnce.decode(all, false)
		if len(want) > 5*len(all) {
			t.Errorf("%d bytes have become %d", len(all), len(want))
		}
		a := min(int(first), len(all))
		b := min(a+int(second), len(all))
		var got []byte
		for _, piece := range [][]byte{all[:a], all[a:b], all[b:]} {
			out := pieces.decode(piece, false)
			c1 := func(r rune) bool { return r > '\x7f' && unicode.IsControl(r) }
			if text := answer.ReplaceAll(out, nil); !utf8.Valid(text) || bytes.ContainsFunc(text, c1) {
				t.Errorf("what comes out is no text: %q", out)
			}
			if n := len(pieces.held); n >= maxSequence {
				t.Errorf("%d bytes are held", n)
			}
			got = append(got, out...)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%q, in pieces up to %d and %d (-want +got):\n%s", all, a, b, diff)
		}
	})
}
