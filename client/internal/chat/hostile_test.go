package chat

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// Whatever a server does against the protocol ends in one clear line.
func TestHostileServer(t *testing.T) {
	const refused = "! client: protocol error: "
	tests := []struct{ name, steps, want string }{
		{"welcomed twice", "< WELCOME tok2 20 hi again", refused + "WELCOME within a session"},
		{"resumed by itself", "< RESUMED 20 hi again", refused + "RESUMED within a session"},
		{"backwards", "< SAID 12 0 bob one\n< SAID 11 0 bob two", "bob: one\n" +
			refused + "SAID 11 after 12: seqs must ascend"},
		{"again", "< TOLD 12 0 bob one\n< TOLD 12 0 bob one", "bob → you: one\n" +
			refused + "TOLD 12 after 12: seqs must ascend"},
		{"private history", "< TOLD 5 0 bob one", refused + "TOLD 5 is no history"},
		{"an OK for nothing", "< OK 11", refused + "OK for a message that was not sent"},
		{"data for nobody", "< DATA 5", refused + "DATA for no GET"},
		{"data before its size", ". /get a\n> GET 0 - a\n< DATA 5", refused + "DATA before SENDING\n" +
			"! client: 1 download not finished: /get continues"},
		{"a list in a list", ". /who\n> WHO\n< USERS 2\n< USER bob\n< USERS 2",
			refused + "USERS within a list"},
		{"too long a list", ". /who\n> WHO\n< USERS 100001",
			refused + "100001 USERS, at most 100000 are allowed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := Config{Folder: filepath.Join(t.TempDir(), "alice")}
			got, status := play(t, cfg, tt.steps+"\nends 100ms")
			compare(t, "hi\n"+tt.want, got, 1, status)
		})
	}
}

// A list that stalls is given up, and so are the commands that need it; later lists are not mistaken for it.
func TestUnfinishedList(t *testing.T) {
	got, status := play(t, Config{Folder: t.TempDir(), Person: true}, `
		. /who
		> WHO
		< USERS 3
		< USER alice
		. /get *.png
		> FILES
		< FILES 2 yes
		< FILE 1 0 a.png
		wait
		< USER bob
		< FILE 1 0 b.png
		. /who
		> PING 10
		> WHO
		> PING 10
		< USER carol
		< USERS 1
		< USER alice`)
	compare(t, `hi
		! client: the server sent only 1 of 3 rows of a list: ask again
		! client: the server sent only 1 of 2 rows of a list: ask again
		1 here: alice`, got, 0, status)

	// also long after the start
	got, status = play(t, Config{Folder: t.TempDir(), Person: true}, `
		wait
		. /who
		> PING 0
		> WHO
		> PING 0
		< USERS 2
		wait`)
	compare(t, `hi
		! client: the server sent only 0 of 2 rows of a list: ask again`, got, 0, status)

	// The connection may break in the middle of a list, and for a while.
	got, status = play(t, Config{Folder: t.TempDir()}, `
		. /who
		> WHO
		< USERS 2
		< USER alice
		cut
		> RESUME parley/1 tok 10
		< RESUMED 0 hi
		> WHO
		< USERS 2
		< USER alice
		< USER bob`)
	compare(t, `hi
		connection lost, reconnecting for up to 1m…
		[all, away]
		back, nothing missed
		[all]
		2 here: alice, bob`, got, 0, status)
}

// A name in a list takes no more memory than a name can have.
func TestLongRows(t *testing.T) {
	got, status := play(t, Config{Folder: t.TempDir()}, `
		. /who
		> WHO
		< USERS 2
		< USER `+strings.Repeat("x", 129)+`
		< USER `+strings.Repeat("ж", 32)+`
		. /files
		> FILES
		< FILES 1 yes
		< FILE 1 0 `+strings.Repeat("x", maxFileName+1))
	compare(t, `hi
		2 here: ?, `+strings.Repeat("ж", 32)+`
		yes
		1 bytes      1 B  1970-01-01 00:00        ?`, got, 0, status)
}

// A person is shown as many rows of a list as anyone reads, and how many more there are; a script gets all.
func TestLongLists(t *testing.T) {
	var steps strings.Builder
	fmt.Fprintf(&steps, ". /who\n> WHO\n< USERS %d\n", maxShown+2)
	for i := range maxShown + 2 {
		fmt.Fprintf(&steps, "< USER u%04d\n", i)
	}
	fmt.Fprintf(&steps, ". /files\n> FILES\n< FILES %d yes\n", maxShown+2)
	for i := range maxShown + 2 {
		fmt.Fprintf(&steps, "< FILE 1 0 f%04d\n", i)
	}
	got, _ := play(t, Config{Folder: t.TempDir(), Person: true}, steps.String())
	row := "1 bytes      1 B  1970-01-01 00:00        f"
	ends := []string{got[1][len(got[1])-20:], got[len(got)-2], got[len(got)-1]}
	compare(t, "u0998, u0999 and 2 more\n"[len("u0998, u0999 and 2 more")-20:]+
		row+"0999\nthe list has 2 more files: Tab and /get know them", ends, 0, 0)

	got, _ = play(t, Config{Folder: t.TempDir()}, steps.String())
	ends = []string{got[1][len(got[1])-12:], got[len(got)-1]}
	compare(t, "u1000, u1001\n"+row+"1001", ends, 0, 0)
}

// A download that is much larger than the list says, or than half of the free space, is not begun before the
// user agrees.
func TestTooLarge(t *testing.T) {
	defer func(old func(string) (uint64, bool)) { freeSpace = old }(freeSpace)
	freeSpace = func(string) (uint64, bool) { return 100 << 20, true }
	tests := []struct{ name, steps, want string }{
		{"than its list says", `
			. /get a*
			> FILES
			< FILES 1 yes
			< FILE 5 0 a
			> GET 0 - a
			< SENDING 1048582 0 v a
			> STOP
			< ERROR GET stopped stopped
			. /get -v -y a
			> GET 0 - a
			< SENDING 1048582 0 v a
			< ERROR GET changed a changed`, `
			! client: a: it has 1.0 MB, the list says 5 B: /get -y a gets it all the same
			downloading a: 1048582 bytes
			! client: a changed`},
		{"than an old list says", `
			. /files
			> FILES
			< FILES 1 yes
			< FILE 5 0 a
			. /get a
			> GET 0 - a
			< SENDING 1048582 0 v a
			> STOP
			< ERROR GET stopped stopped`, `
			yes
			5 bytes      5 B  1970-01-01 00:00        a
			! client: a: it has 1.0 MB, the list says 5 B: /get -y a gets it all the same`},
		{"but not if it has only grown", `
			. /get a*
			> FILES
			< FILES 1 yes
			< FILE 2000000 0 a
			> GET 0 - a
			< SENDING 4000000 0 v a
			< ERROR GET changed a changed`, `
			downloading a: 4000000 bytes
			! client: a changed`},
		{"than half of what is free", `
			. /get a
			> GET 0 - a
			< SENDING 52428801 0 v a
			> STOP
			< ERROR GET stopped stopped
			. /get -y a
			> GET 0 - a
			< SENDING 52428801 0 v a
			< ERROR GET changed a changed`, `
			! client: a: it needs 52.4 MB, 104.9 MB are free: /get -y a gets it all the same
			downloading a: 52428801 bytes
			! client: a changed`},
		{"all together, whatever the sum", `
			. /get *
			> FILES
			< FILES 2 yes
			< FILE 9223372036854775807 0 a
			< FILE 9223372036854775807 0 b`, `
			! client: *: it needs 2.3 PB, 104.9 MB are free: /get -y * gets it all the same`},
		{"than a list says that came meanwhile", `
			. /get a
			> GET 0 - a
			. /files
			> FILES
			< FILES 1 yes
			< FILE 5 0 a
			< SENDING 1048582 0 v a
			> STOP
			< ERROR GET stopped stopped`, `
			yes
			5 bytes      5 B  1970-01-01 00:00        a
			! client: a: it has 1.0 MB, the list says 5 B: /get -y a gets it all the same`},
		{"all together", `
			. /get *
			> FILES
			< FILES 2 yes
			< FILE 52428800 0 a
			< FILE 1 0 b
			. /get c
			> GET 0 - c
			< SENDING 52428800 0 v c
			< ERROR GET changed c changed
			. /get -y *
			> FILES
			< FILES 2 yes
			< FILE 52428800 0 a
			< FILE 1 0 b
			> GET 0 - a
			< ERROR GET changed a changed
			> GET 0 - b
			< ERROR GET changed b changed`, `
			! client: *: it needs 52.4 MB, 104.9 MB are free: /get -y * gets it all the same
			downloading c: 52428800 bytes
			! client: c changed
			! client: a changed
			! client: b changed
			have 0 of 2 files, 0 B`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, status := play(t, Config{Folder: filepath.Join(t.TempDir(), "alice")}, tt.steps)
			compare(t, "hi"+tt.want, got, 1, status)
		})
	}
}
