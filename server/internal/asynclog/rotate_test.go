package asynclog_test

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"parley/server/internal/asynclog"
)

// openFull opens a log that is full with so many bytes.
func openFull(t *testing.T, max int64) (path string, f *asynclog.File) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "log")
	f, err := asynclog.OpenFile(path, max)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return path, f
}

// A full file becomes the old one, in the place of the one before, between two lines, wherever batches end.
func TestRotation(t *testing.T) {
	path, f := openFull(t, 10)
	write(t, f, "1\n2\n3\n")
	write(t, f, "4\n5\n6\n")
	holds(t, path+".old", "1\n2\n3\n4\n5\n")
	holds(t, path, "6\n")
	write(t, f, "7\n8\n9\na\nb\nc\n")
	holds(t, path+".old", "6\n7\n8\n9\na\n")
	holds(t, path, "b\nc\n")
	write(t, f, "a long line\n") // longer than a file
	write(t, f, "d\n")
	holds(t, path+".old", "a long line\n")
	holds(t, path, "d\n")
}

// A batch that fills several files leaves the newest two.
func TestRotationOfLongBatch(t *testing.T) {
	path, f := openFull(t, 100)
	var text strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&text, "line %4d\n", i) // ten bytes
	}
	write(t, f, text.String())
	holds(t, path+".old", text.String()[10_000-200:10_000-100])
	holds(t, path, text.String()[10_000-100:])
}

// The file of an earlier process counts. Half a line at its end stays there.
func TestRotationOfFoundFile(t *testing.T) {
	path, f := openFull(t, 10)
	f.Close()
	if err := os.WriteFile(path, []byte("found\nhalf"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := asynclog.OpenFile(path, 10)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	write(t, f, "new\n")
	holds(t, path+".old", "found\nhalf")
	holds(t, path, "new\n")
}

// A line of which a full disk took the beginning is ended in the same file.
func TestRotationWithinLine(t *testing.T) {
	path, f := openFull(t, 10)
	write(t, f, "1234\nhalf")
	write(t, f, " a line\nnext\n")
	holds(t, path+".old", "1234\nhalf a line\n")
	holds(t, path, "next\n")
}

// Without a limit nothing is renamed, and a device never is.
func TestNoRotation(t *testing.T) {
	path, f := openFull(t, 0)
	write(t, f, strings.Repeat("x", 100_000)+"\n")
	write(t, f, "more\n")
	if _, err := os.Stat(path + ".old"); err == nil {
		t.Error("the log was renamed")
	}
	device, err := asynclog.OpenFile(os.DevNull, 10)
	if err != nil {
		t.Fatal(err)
	}
	defer device.Close()
	write(t, device, "a long line\n")
	write(t, device, "another long line\n")
}

// While the full file cannot be renamed it takes the lines, and that is said.
func TestRotationFails(t *testing.T) {
	path, f := openFull(t, 10)
	if err := os.MkdirAll(filepath.Join(path+".old", "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, f, "12345678\n")
	for _, line := range []string{"more\n", "still more\n"} {
		n, err := io.WriteString(f, line)
		if n != len(line) || err == nil || !strings.Contains(err.Error(), "the full file is used meanwhile") {
			t.Errorf("Write(%q) = %d, %v, want all bytes and an error", line, n, err)
		}
	}
	holds(t, path, "12345678\nmore\nstill more\n")
	if err := os.RemoveAll(path + ".old"); err != nil {
		t.Fatal(err)
	}
	write(t, f, "last\n")
	holds(t, path+".old", "12345678\nmore\nstill more\n")
	holds(t, path, "last\n")
}
