package terminal

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
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

		{"zoë", "ZOE\u0308: Zo\u00eb zoe zoe\u0301", "[ZOE\u0308]: [Zo\u00eb] zoe zoe\u0301"},
		{"zoe", "zoe\u0308 zoe", "zoe\u0308 [zoe]"}, // of which the first is another name
		{"straße", "STRASSE strasse", "[STRASSE] [strasse]"},
		{"strass", "straß straße", "[straß] straße"},
		{"νίκος", "ΝΊΚΟΣ", "[ΝΊΚΟΣ]"},
		{"bob", "Ｂｏｂ!", "[Ｂｏｂ]!"},
		{"バブ", "ﾊﾞﾌﾞ", "[ﾊﾞﾌﾞ]"},
		{"각", "\u1100\u1161\u11a8 가", "[\u1100\u1161\u11a8] 가"},
		{"s", "ß s", "ß [s]"}, // half a character is none
	}
	for _, tt := range tests {
		got, at := "", 0
		for _, span := range newMention(tt.name).find(tt.text) {
			got += tt.text[at:span[0]] + "[" + tt.text[span[0]:span[1]] + "]"
			at = span[1]
		}
		if diff := cmp.Diff(tt.want, got+tt.text[at:]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

// Whatever the name and the text are, what is found are pieces of the text, in order.
func FuzzMention(f *testing.F) {
	f.Add("al", "hi al, AL")
	f.Add("zoë", "zoe\u0308\u0301 zoë")
	f.Fuzz(func(t *testing.T, name, text string) {
		name, text = strings.ToValidUTF8(name, ""), strings.ToValidUTF8(text, "")
		if name == "" {
			return
		}
		m, at := newMention(name), 0
		for _, span := range m.find(text) {
			if span[0] < at || span[1] <= span[0] || m.folded([]byte(text[span[0]:span[1]])) == "" {
				t.Fatalf("%q in %q: %v", name, text, span)
			}
			at = span[1]
		}
	})
}

func BenchmarkMention(b *testing.B) {
	m, text := newMention("alice"), strings.Repeat("hello zoë ", 400)
	for b.Loop() {
		m.find(text)
	}
}
