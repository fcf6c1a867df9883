package files_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"parley/server/internal/files"
)

// written is the time that put gives to files.
var written = time.UnixMilli(1_700_000_000_123)

// put writes a file below dir, with its folders.
func put(t testing.TB, dir, name, content string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, written, written); err != nil {
		t.Fatal(err)
	}
}

// open shares dir until the test ends.
func open(t testing.TB, dir string) *files.Folder {
	t.Helper()
	folder, err := files.Open(dir, func() {})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(folder.Close)
	return folder
}
