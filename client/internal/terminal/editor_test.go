package terminal

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Keys edit the line, in which | is the cursor. A key without a name in keys is the text itself.
func TestEditor(t *testing.T) {
	tests := []struct{ line, keys, want string }{
		{"one two|", "left ctrl+b", "one t|wo"},
		{"|one", "right ctrl+f", "on|e"},
		{"one| two", "home x end y", "xone twoy|"},
		{"one two |", "alt+left x alt+b", "one |xtwo "},
		{"|one two", "ctrl+right x alt+f", "onex two|"},
		{"one  two|", "ctrl+w ctrl+w", "|"},
		{"one  two|", "ctrl+w ctrl+w ctrl+y", "one  two|"},
		{"one two three|", "alt+b alt+d ctrl+u ctrl+y", "one two three|"},
		{"one| two", "ctrl+k x ctrl+w ctrl+y ctrl+y", "onexonex|"},
		{"|", "backspace delete ctrl+k left right up down", "|"},
		{"e\u0301👩\u200d👧x|", "left backspace backspace", "|x"},
		{"draft|", "up", "old|"},
		{"draft|", "up x down left up", "oldx|"},
		{"a|", "\u0007 \u00a0", "a\u00a0|"},
	}
	for _, tt := range tests {
		t.Run(tt.line+" "+tt.keys, func(t *testing.T) {
			e := newEditor()
			e.set("old")
			e.submit()
			e.before, e.after, _ = strings.Cut(tt.line, "|")
			for key := range strings.SplitSeq(tt.keys, " ") {
				e.press(key, key)
			}
			if diff := cmp.Diff(tt.want, e.before+"|"+e.after); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
