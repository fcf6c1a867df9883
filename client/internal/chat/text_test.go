package chat

import (
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"parley/server/wire"
)

func TestEscape(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"plain", "hello, wörld 日本語 👍🏽 é", "hello, wörld 日本語 👍🏽 é"},
		{"escape", "a\x1b[2Jb", `a\u{001B}[2Jb`},
		{"C1", "a\u009b2Jb", `a\u{009B}2Jb`},
		{"line ends", "a\r\nb\u2028c\u2029d\u0085", `a\u{000D}\u{000A}b\u{2028}c\u{2029}d\u{0085}`},
		{"bidi", "gpj.\u202egnp \u2066x\u2069 \u200f", `gpj.\u{202E}gnp \u{2066}x\u{2069} \u{200F}`},
		{"invisible", "a\u200bb\ufeffc\u00add\u3164", `a\u{200B}b\u{FEFF}c\u{00AD}d\u{3164}`},
		{"tags", "x\U000e0041", `x\u{E0041}`},
		{"family", "👩\u200d👧 and ❤\ufe0f\u200d🔥", "👩\u200d👧 and ❤\ufe0f\u200d🔥"},
		{"Persian", "می\u200cخواهم", "می\u200cخواهم"},
		{"joiner between letters", "pay\u200dpal", `pay\u{200D}pal`},
		{"joiner at the ends", "\u200dé\u200c", `\u{200D}é\u{200C}`},
		{"Arabic number sign", "\u06dd123", "\u06dd123"},
		{"not UTF-8", "a\xffb\x1b", "a\ufffdb\\u{001B}"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, Escape(tt.in)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func FuzzEscape(f *testing.F) {
	f.Add("a\x1b[2J\u202e\u200d")
	f.Add("👩\u200d\u200d👧\xff")
	f.Fuzz(func(t *testing.T, s string) {
		got := Escape(s)
		if !utf8.ValidString(got) {
			t.Errorf("Escape(%q) is no UTF-8: %q", s, got)
		}
		for _, r := range got {
			if unicode.IsControl(r) || r != '\u200c' && r != '\u200d' && wire.Invisible(r) {
				t.Errorf("Escape(%q) lets %U through: %q", s, r, got)
			}
		}
		if again := Escape(got); again != got {
			t.Errorf("Escape(%q) is %q, and that escaped is %q", s, got, again)
		}
	})
}

func TestNearest(t *testing.T) {
	tests := []struct{ typed, want string }{
		{"/fils", "did you mean /files?"}, {"/alll", "did you mean /all?"}, {"/histroy",
			"did you mean /history?"},
		{"/GETT", "did you mean /get?"}, {"/hepl", "did you mean /help?"},
		{"/xyzzy", "/help lists all"}, {"/Ä", "/help lists all"},
	}
	for _, tt := range tests {
		want := "unknown command " + tt.typed + ": " + tt.want
		_, err := nearest(tt.typed)
		if diff := cmp.Diff(want, err.Error()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}
