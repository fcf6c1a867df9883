package terminal

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/unicode/norm"
)

func TestMention(t *testing.T) {
	tests := []struct{ name, text, want string }{ // each mention in brackets
		{"al", "AL, al! also pal al2 al", "[AL], [al]! also pal al2 [al]"},
		{"al", "al al", "[al] [al]"},
		{"a.b", "a.b axb", "[a.b] axb"},
		{"al", "", ""},

		{"小明", "小明你好，问小明", "[小明]你好，问[小明]"},
		{"アリス", "アリスさん", "[アリス]さん"},
		{"はな", "はなは", "[はな]は"},
		{"สมชาย", "สวัสดีสมชายครับ", "สวัสดี[สมชาย]ครับ"},
		{"สม", "สมี", "สมี"}, // the vowel sign belongs to the last letter
		{"민수", "민수야", "[민수]야"},
		{"bob", "こんにちはbobさん, bobby", "こんにちは[bob]さん, bobby"},
		{"ольга", "Ольга, ольгам", "[Ольга], ольгам"},

		{"zoë", "ZOE\u0308: Zo\u00eb zoe zoe\u0301", "[ZO\u00cb]: [Zo\u00eb] zoe zo\u00e9"},
		{"zoe", "zoe\u0308 zoe", "zo\u00eb [zoe]"}, // of which the first is another name
		{"νίκος", "ΝΊΚΟΣ", "[ΝΊΚΟΣ]"},
		{"각", "\u1100\u1161\u11a8 가", "[각] 가"},
		{"s", "ß s", "ß [s]"}, // half a character is none
		{"straße", "STRASSE Straße Strasse straẞe strase", "[STRASSE] [Straße] [Strasse] [straẞe] strase"},
		{"strasse", "Straße", "[Straße]"},
		{"alice", "ＡＬＩＣＥ, ａｌｉｃｅ！", "[ＡＬＩＣＥ], [ａｌｉｃｅ]！"},
		{"アリス", "ｱﾘｽさん", "[ｱﾘｽ]さん"},
		{"νίκος", "νίκοσ", "[νίκοσ]"},
		{"aa", "aaaa aa", "aaaa [aa]"},
	}
	for _, tt := range tests {
		got, at := "", 0
		text := norm.NFC.String(tt.text)
		for _, span := range mentions(mentionOf(tt.name), text) {
			got += text[at:span[0]] + "[" + text[span[0]:span[1]] + "]"
			at = span[1]
		}
		if diff := cmp.Diff(tt.want, got+text[at:]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func BenchmarkMention(b *testing.B) {
	own, text := mentionOf("alice"), strings.Repeat("hello zoë ", 400)
	for b.Loop() {
		mentions(own, text)
	}
}
