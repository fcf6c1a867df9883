package terminal

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"parley/client/internal/chat"
)

// What was typed or pasted and not sent is known at the end, whatever state the prompt is in.
func TestUnsent(t *testing.T) {
	eleven := "'b\nc" + strings.Repeat("\nx", 10)
	tests := []struct {
		name string
		keys []string
		want string
	}{
		{"nothing", []string{"enter"}, ""},
		{"blanks", []string{"' "}, ""},
		{"not taken", []string{"a", "enter", "b", "enter", "c", "enter", "tab"}, "a|b|c"},
		{"asked how it goes on", []string{"a", "enter", "b", "tab"}, "a|b"},
		{"a draft", []string{"a", "enter", "b"}, "a|b"},
		{"a draft behind a recalled line", []string{"a", "enter", "b", "up"}, "a|b"},
		{"a draft behind a recalled line that is changed", []string{"a", "enter", "b", "up", "d"}, "a|b|ad"},
		{"a question", []string{"'ad", "left", eleven}, "ab|c|" + strings.Repeat("x|", 9) + "xd"},
		{"a question answered", []string{eleven + "\n", "y"}, "b|c" + strings.Repeat("|x", 10)},
		{"a question answered with no", []string{eleven, "n"}, ""},
		{"a question and Ctrl-C twice", []string{"a", eleven, "ctrl+c", "ctrl+c"},
			"ab|c|" + strings.Repeat("x|", 9) + "x"},
		{"a paste without an end", []string{"a", "'b\nc\x03", "ctrl+c"}, "ab|c"},
		{"a paste under way", []string{"a", "\x1b[200~b\rc\xc3"}, "ab|cÃ"},
		{"a paste under way during a question", []string{eleven, "\x1b[200~y\rz\x1b[2"},
			"b|c" + strings.Repeat("|x", 9) + "|xy|z"},
		{"half a character", []string{"a", "b", "left", "\xf0\x9f"}, "að?b"},
		{"half a sequence", []string{"a", "\x1b[1"}, "a"},
		{"cleared before", []string{"a", "ctrl+c", "b"}, "b"},
		{"cleared to leave", []string{"a", "ctrl+c", "ctrl+ ", "ctrl+c"}, "a"},
		{"cleared lines", []string{"'a\nb\nc\nd", "ctrl+c", "ctrl+c"}, "a|b|c|d"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			typed := make(chan chat.Input, 1)
			f := &UI{input: new(input), prompt: newPrompt("alice", typed), typed: typed}
			for _, key := range tt.keys {
				if key[0] == 0x1b || key[0] >= 0xc0 { // bytes that are not whole
					f.input.decoder.decode([]byte(key), false)
				} else {
					pressKeys(f.prompt, key)
				}
			}
			f.prompt.hangUp()
			var want []string
			for text := range strings.SplitSeq(tt.want, "|") {
				if text != "" {
					want = append(want, "client: not sent: "+text)
				}
			}
			if diff := cmp.Diff(want, f.leftOver()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
