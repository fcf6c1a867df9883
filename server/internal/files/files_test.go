package files_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"parley/server/internal/files"
	"parley/server/wire"
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

func link(t testing.TB, dir, name, target string) {
	t.Helper()
	if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
		t.Fatal(err)
	}
}

// open shares dir until the test ends.
func open(t testing.TB, dir string) *files.Folder {
	t.Helper()
	folder, err := files.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { folder.Close() })
	return folder
}

// listed returns the list as text: name, size, time.
func listed(t testing.TB, folder *files.Folder) []string {
	t.Helper()
	list, err := folder.List()
	if err != nil {
		t.Fatal(err)
	}
	got := []string{}
	for _, m := range list {
		if m.Verb != wire.File {
			t.Errorf("%s in a list", m.Verb)
		}
		got = append(got, fmt.Sprintf("%s %d %d", m.Name, m.Size, m.Time))
	}
	return got
}
