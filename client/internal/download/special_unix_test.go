//go:build linux || darwin

package download

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// What lies in a part's or a file's place and is no file is neither waited for, nor followed, nor removed.
func TestSpecialFiles(t *testing.T) {
	places := map[string]func(name string) error{
		"pipe":   func(name string) error { return unix.Mkfifo(name, 0o666) },
		"folder": func(name string) error { return os.Mkdir(name, 0o777) },
		"link":   func(name string) error { return os.Symlink("../precious", name) },
		"inside": func(name string) error { return os.Symlink("other", name) },
		"device": func(name string) error { return os.Symlink("/dev/zero", name) },
	}
	for what, place := range places {
		t.Run(what, func(t *testing.T) {
			top := t.TempDir()
			dir := filepath.Join(top, "alice")
			write(t, top, map[string]string{"precious": "mine", "alice/other": "mine, too"})
			if err := place(filepath.Join(dir, "a.parley-part")); err != nil {
				t.Fatal(err)
			}
			p, err := take(dir, "a", "v", "ab", 4)
			if err != nil {
				t.Fatal(err)
			}
			p.Close()
			finish(t, opened(t, dir, "a", "ab"), 2, "cd", "abcd")
			if err := place(filepath.Join(dir, "b")); err != nil {
				t.Fatal(err)
			}
			fetch(t, dir, "b", "new", "DIR/b (2) (DIR/b is another file)")
			for name, want := range map[string]string{"precious": "mine", "alice/other": "mine, too",
				"alice/a": "abcd"} {
				if b, err := os.ReadFile(filepath.Join(top, name)); err != nil || string(b) != want {
					t.Errorf("%s holds %q, want %q: %v", name, b, want, err)
				}
			}
			if _, err := os.Lstat(filepath.Join(dir, "a (2).parley-part")); err == nil {
				t.Error("a part is left")
			}
			if _, err := os.Lstat(filepath.Join(dir, "a.parley-part")); err != nil {
				t.Error("what lay in the part's place is gone")
			}
		})
	}
}
