package asynclog_test

import (
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"

	"parley/server/internal/asynclog"
)

// openLog opens the log in a folder of its own.
func openLog(t *testing.T, path string) *asynclog.File {
	t.Helper()
	f, err := asynclog.OpenFile(path, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func write(t *testing.T, f *asynclog.File, text string) {
	t.Helper()
	if _, err := io.WriteString(f, text); err != nil {
		t.Error(err)
	}
}

func holds(t *testing.T, path, want string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(want, string(text)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", filepath.Base(path), diff)
	}
}

// Half a line that an earlier process left is ended before the first one of this.
func TestTornFile(t *testing.T) {
	tests := map[string]string{"": "new\n", "old\n": "old\nnew\n", "old\nha": "old\nha\nnew\n"}
	for before, want := range tests {
		path := filepath.Join(t.TempDir(), "log")
		if err := os.WriteFile(path, []byte(before), 0o600); err != nil {
			t.Fatal(err)
		}
		f := openLog(t, path)
		write(t, f, "new\n")
		holds(t, path, want)
	}
}

// A log that was renamed or removed goes on in a new file, and one that was emptied at its beginning.
func TestFileRenamed(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("an open file cannot be renamed there")
	}
	path := filepath.Join(t.TempDir(), "log")
	f := openLog(t, path)
	write(t, f, "1\n")
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	write(t, f, "2\n")
	write(t, f, "3\n")
	holds(t, path+".1", "1\n")
	holds(t, path, "2\n3\n")
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	write(t, f, "4\n")
	holds(t, path, "4\n")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	write(t, f, "5\n")
	holds(t, path, "5\n")
}

// While no new file can be made the renamed one takes the lines, and that is said.
func TestFileCannotBeOpenedAgain(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("an open file cannot be renamed there")
	}
	dir := filepath.Join(t.TempDir(), "logs")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "log")
	f := openLog(t, path)
	if err := os.Rename(dir, dir+".old"); err != nil {
		t.Fatal(err)
	}
	if n, err := io.WriteString(f, "1\n"); n != 2 || err == nil {
		t.Errorf("Write = %d, %v, want 2 bytes and an error", n, err)
	}
	holds(t, filepath.Join(dir+".old", "log"), "1\n")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, f, "2\n")
	holds(t, path, "2\n")
}
