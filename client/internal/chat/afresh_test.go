package chat

import (
	"path/filepath"
	"testing"
)

// A client that cannot resume joins afresh and shows the messages it missed, once.
func TestJoinedAfresh(t *testing.T) {
	tests := []struct {
		name, steps, want string
		status            int
	}{
		{"gone", `
			< JOINED 11 5 alice
			< SAID 12 6 bob zero
			. one
			> SAY one
			cut
			> RESUME parley/1 tok 12
			< ERROR RESUME gone no such session
			> HELLO parley/1 alice 1000
			< WELCOME tok2 15 hi
			< SAID 12 6 bob zero
			< SAID 13 6 bob two
			< SAID 14 7 alice one
			cut
			> RESUME parley/1 tok2 15
			< RESUMED 0 hi
			< JOINED 16 8 alice
			. three
			> SAY three
			< OK 17`, `
			alice has joined
			bob: zero
			connection lost, reconnecting for up to 1m…
			[all, away]
			the session is gone: joined afresh, some messages may be missing
			! client: may not have been sent: one
			[all]
			bob: two
			alice: one
			connection lost, reconnecting for up to 1m…
			[all, away]
			back, some messages may be missing
			[all]
			alice has joined`, 1},
		{"another server", `
			< JOINED 11 5 alice
			. one
			> SAY one
			< OK 12
			cut
			> RESUME parley/1 tok 12
			< ERROR RESUME gone no such session
			> HELLO parley/1 alice 1000
			< WELCOME tok2 2 hi
			< SAID 1 3 bob its clock is behind
			< JOINED 3 9 alice
			cut
			> RESUME parley/1 tok2 3
			< ERROR RESUME gone no such session
			> HELLO parley/1 alice 1000
			< WELCOME tok3 4 hi
			< SAID 1 9 bob when we left
			< SAID 2 10 bob it has come further
			< SAID 3 10 alice our own
			< SAID 4 10 bob meanwhile
			< JOINED 5 11 alice`, `
			alice has joined
			connection lost, reconnecting for up to 1m…
			[all, away]
			the session is gone: joined afresh, some messages may be missing
			[all]
			bob: its clock is behind
			alice has joined
			connection lost, reconnecting for up to 1m…
			[all, away]
			the session is gone: joined afresh, some messages may be missing
			[all]
			bob: it has come further
			bob: meanwhile
			alice has joined`, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, status := play(t, Config{Folder: filepath.Join(t.TempDir(), "alice")}, tt.steps)
			compare(t, "hi"+tt.want, got, tt.status, status)
		})
	}
}
