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
		{"cleared before", []string{"a", "ctrl+c", "b"}, "b"},
		{"cleared to leave", []string{"a", "ctrl+c", "ctrl+ ", "ctrl+c"}, "a"},
		{"cleared lines", []string{"'a\nb\nc\nd", "ctrl+c", "ctrl+c"}, "a|b|c|d"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			typed := make(chan chat.Input, 1)
			f := &Face{prompt: newPrompt("alice", typed), typed: typed}
			keys(f.prompt, tt.keys...)
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
