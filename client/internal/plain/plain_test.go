package plain

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"parley/client/internal/chat"
)

func TestRead(t *testing.T) {
	long := strings.Repeat("x", 3*maxInput)
	tests := []struct {
		name, in string
		want     []string
	}{
		{"lines", "one\ntwo\r\n\nthree\n", []string{"one", "two", "three"}},
		{"no end", "one\ntwo", []string{"one", "two"}},
		{"nothing", "", nil},
		{"byte order mark", "\ufeffone\n\ufefftwo\n", []string{"one", "\ufefftwo"}},
		{"too long", long + "\nafter", []string{long[:maxInput], "after"}},
		{"too long at the end", "before\n" + long, []string{"before", long[:maxInput]}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for in := range Read(strings.NewReader(tt.in)) {
				got = append(got, in.Text)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// What goes wrong is told after what happened before it, though it goes another way.
func TestOrder(t *testing.T) {
	var both bytes.Buffer
	f := New(&both, &both)
	f.Show(chat.Line{Text: "one"})
	f.Show(chat.Line{Kind: chat.Failure, Text: "two"})
	f.Show(chat.Line{Text: "three"})
	if err := f.Flush(chat.Status{}); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff("one\ntwo\nthree\n", both.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestCannotWrite(t *testing.T) {
	var errs bytes.Buffer
	f := New(full{}, &errs)
	f.Show(chat.Line{Text: "one"})
	if f.Flush(chat.Status{}) == nil {
		t.Error("no error")
	}
	if diff := cmp.Diff("client: cannot write output: no space left\n", errs.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
