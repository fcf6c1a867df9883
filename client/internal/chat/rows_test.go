package chat

import (
	"path/filepath"
	"strings"
	"testing"
)

// A row of a list that cannot be read costs only this row.
func TestBadRows(t *testing.T) {
	got, status := play(t, Config{Folder: filepath.Join(t.TempDir(), "alice"), Person: true}, `
		. /files
		> FILES
		< FILES 7 yes
		< FILE 5 0 a
		< FILE 5 18446744073709550616 old
		< FILE -5 0 b
		< FILE 5 0
		< FILE 5 0 `+"c\xff"+`
		< FILE 5 0 d\e[2J
		< FILE 5 0 `+strings.Repeat("x", 9000)+`
		. /who
		> WHO
		< USERS 2
		< USER alice
		< USER
		. /files
		> FILES
		< FILES 1 yes
		< FILE 5 0 a
		. still here
		> SAY still here
		< OK 11`)
	compare(t, `hi
		yes
		5 bytes      5 B  1970-01-01 00:00        a
		0 bytes      0 B  1970-01-01 00:00        ?
		0 bytes      0 B  1970-01-01 00:00        ?
		0 bytes      0 B  1970-01-01 00:00        ?
		0 bytes      0 B  1970-01-01 00:00        ?
		0 bytes      0 B  1970-01-01 00:00        ?
		0 bytes      0 B  1970-01-01 00:00        ?
		2 here: ?, alice
		yes
		5 bytes      5 B  1970-01-01 00:00        a
		you: still here`, got, 0, status)
}
