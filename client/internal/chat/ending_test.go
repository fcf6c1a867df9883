package chat

import (
	"path/filepath"
	"testing"
)

// However a session ends, every unsent text is shown in full.
func TestUnsent(t *testing.T) {
	tests := []struct {
		name   string
		person bool
		steps  string
		want   string
		status int
	}{
		{"interrupted, no answer", false, `
			. one
			> SAY one
			. /tell bob two
			> TELL bob two
			interrupt
			> QUIT
			ends 5.1s`, `
			! client: may not have been sent: one
			! client: may not have been sent to bob: two`, 1},
		{"interrupted, then an answer", false, `
			. one
			> SAY one
			. two
			> SAY two
			interrupt
			> QUIT
			< OK 11
			ends 5.1s`, `
			! client: may not have been sent: two`, 1},
		{"removed", false, `
			< BYE kicked
			. one
			. /tell bob two
			.
			ends 100ms`, `
			! client: the server ended the session: kicked
			! client: not sent: one
			! client: not sent: /tell bob two`, 1},
		{"away", true, `
			. one
			> SAY one
			cut
			. two
			. /tell bob three
			interrupt
			ends 0s`, `
			connection lost, reconnecting for up to 1m…
			[all, away]
			! client: may not have been sent: one
			! client: not sent: two
			! client: not sent to bob: three
			[all]`, 0},
		{"the name taken meanwhile", true, `
			cut
			. /tell bob one
			> RESUME parley/1 tok 10
			< ERROR RESUME gone it is gone
			> HELLO parley/1 alice 1000
			< ERROR HELLO name-taken alice is here
			ends 0s`, `
			connection lost, reconnecting for up to 1m…
			[all, away]
			! client: the session is gone and cannot start afresh: alice is here
			! client: not sent to bob: one
			[all]`, 1},
		{"protocol error", true, `
			. one
			> SAY one
			< SAID what bob hello
			ends 0s`, `
			! client: protocol error: SAID got "what" where a number belongs
			! client: may not have been sent: one`, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, status := play(t, Config{Folder: filepath.Join(t.TempDir(), "alice"), Person: tt.person},
				tt.steps)
			compare(t, "hi"+tt.want, got, tt.status, status)
		})
	}
}

// If a script does not end, some of its unsent lines are shown, and a hint that there are more.
func TestUnsentMuch(t *testing.T) {
	input := make(chan Input, maxPending+1)
	for range cap(input) {
		input <- Input{Text: "yes"}
	}
	face := new(record)
	c := newChat(t.Context(), Config{}, face)
	c.showUnfinished(input)
	const last = "! client: more lines of input were not read"
	if n := len(face.lines); n != maxPending+1 || face.lines[n-1] != last {
		t.Errorf("%d lines, the last is %q", n, face.lines[n-1])
	}
}
