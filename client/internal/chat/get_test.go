package chat

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestGet(t *testing.T) {
	tests := []struct {
		name   string
		steps  string
		want   string
		status int
	}{
		{"one", `
			. /get a b.txt
			> GET 0 - a b.txt
			< SENDING 5 0 v1 a b.txt
			< DATA 2
			< h
			< SAID 11 0 bob between
			< DATA 2
			< l
			< DATA 1
			< oSENT ` + sum("h\nl\no") + ` 5 a b.txt`, `
			downloading a b.txt: 5 bytes
			bob: between
			saved a b.txt as DIR/a b.txt: 5 bytes, SHA-256 ` + sum("h\nl\no"), 0},
		{"pattern", `
			. /get *.png
			> FILES
			< FILES 4 you may read 4 files
			< FILE 1 0 a.png
			< FILE 1 0 b.txt
			< FILE 0 0 sub/c.png
			< FILE 0 0 d.png.txt
			> GET 0 - a.png
			< ERROR GET no-file there is no file a.png
			> GET 0 - sub/c.png
			< SENDING 0 0 v sub/c.png
			< SENT ` + sum("") + ` 0 sub/c.png
			. /get *.gif
			> FILES
			< FILES 0 nothing`, `
			! client: there is no file a.png
			downloading sub/c.png: 0 bytes
			saved sub/c.png as DIR/sub/c.png: 0 bytes, SHA-256 ` + sum("") + `
			have 1 of 2 files, 0 B
			! client: no file matches *.gif: /files shows them`, 1},
		{"named like a pattern", `
			. /get a[.txt
			> GET 0 - a[.txt
			< ERROR GET no-file nothing like this
			. /get b*
			> FILES
			< FILES 2 yes
			< FILE 1 0 b*
			< FILE 1 0 bc
			> GET 0 - b*
			< ERROR GET no-file there is no file b*`, `
			! client: no file matches a[.txt: /files shows them
			! client: there is no file b*`, 1},
		{"over two connections", `
			. /get a
			> GET 0 - a
			< SENDING 5 0 v1 a
			< DATA 2
			< h
			cut
			> RESUME parley/1 tok 10
			< RESUMED 0 hi
			> GET 2 ` + word("h\n") + ` a
			< SENDING 5 2 v1 a
			< DATA 3
			< lloSENT ` + sum("h\nllo") + ` 5 a`, `
			downloading a: 5 bytes
			connection lost, reconnecting for up to 1m…
			[all, away]
			back, nothing missed
			[all]
			continuing a: at 2 of 5 bytes
			saved a as DIR/a: 5 bytes, SHA-256 ` + sum("h\nllo"), 0},
		{"cancel", `
			. /get a
			. /get b
			> GET 0 - a
			< SENDING 5 0 v1 a
			. /cancel
			> STOP
			< DATA 2
			< h
			< ERROR GET stopped stopped
			. /get a
			> GET 0 - a
			. /cancel
			> STOP
			< SENDING 5 5 v1 a
			< SENT x 5 a
			< ERROR STOP no-download nothing to stop`, `
			downloading a: 5 bytes
			stopped a and 1 more
			stopped a`, 0},
		{"cancel before it is known which", `
			. /files
			. /get *.png
			> FILES
			. /cancel
			. /cancel
			< FILES 1 you may read a file
			< FILE 1 0 a.png`, `
			stopped *.png
			! client: no download to stop
			you may read a file
			1 bytes      1 B  1970-01-01 00:00        a.png`, 1},
		{"wrong digest", `
			. /get a
			> GET 0 - a
			< SENDING 1 0 v1 a
			< DATA 1
			< aSENT ` + sum("b") + ` 1 a`, `
			downloading a: 1 bytes
			! client: a: 1 bytes with SHA-256 ` + sum("a") + ` came, the server has 1 with ` +
			sum("b") + `: get it again`, 1},
		{"too much", `
			. /get a
			> GET 0 - a
			< SENDING 1 0 v1 a
			< DATA 2
			< a
			> STOP
			< DATA 2
			< a
			< ERROR GET stopped stopped
			. hello
			> SAY hello
			< OK 11`, `
			downloading a: 1 bytes
			! client: a: the server sends more than the 1 bytes that it announced`, 1},
		{"begins where it cannot", `
			. /get a
			> GET 0 - a
			< SENDING 10 500 v1 a
			> STOP
			< ERROR GET stopped stopped
			. /get b
			> GET 0 - b
			< SENDING 10 5 v1 b
			> STOP
			< ERROR GET stopped stopped`, `
			! client: a: the server goes on at byte 500 of 10
			! client: b: the server goes on at byte 5, but 0 bytes are here`, 1},
		{"not asked for", `
			< USERS 1
			< ERROR GET no-file x`, `
			server: x`, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "alice")
			got, status := play(t, Config{Folder: dir}, tt.steps)
			for i := range got {
				got[i] = filepath.ToSlash(strings.ReplaceAll(got[i], dir, "DIR"))
			}
			compare(t, "hi"+tt.want, got, tt.status, status)
		})
	}
}

// A server that does not answer STOP is left, and come back to: later downloads do not wait for it.
func TestStopNotAnswered(t *testing.T) {
	got, status := play(t, Config{Folder: t.TempDir()}, `
		. /get a
		. /get b
		. /get c
		> GET 0 - a
		. /cancel
		> STOP
		. /get d
		lost
		> RESUME parley/1 tok 10
		< RESUMED 0 hi
		> GET 0 - d
		< ERROR GET no-file there is no such file
		> FILES
		< FILES 0 none`)
	slices.Sort(got) // that it has stopped is said before or after that the connection is lost
	compare(t, `! client: no file matches d: /files shows them
		[all, away]
		[all]
		back, nothing missed
		connection lost, reconnecting for up to 1m…
		hi
		stopped a and 2 more`, got, 1, status)
}
