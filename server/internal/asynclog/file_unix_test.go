//go:build unix

package asynclog_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"parley/server/internal/asynclog"
)

// A link of the user is followed, also to a file that is missing, and when the log is opened again.
func TestFileBehindLink(t *testing.T) {
	dir := t.TempDir()
	path, target := filepath.Join(dir, "log"), filepath.Join(dir, "logs", "parley.log")
	for _, err := range []error{os.Mkdir(filepath.Dir(target), 0o700), os.Symlink("between", path),
		os.Symlink(target, filepath.Join(dir, "between"))} {
		if err != nil {
			t.Fatal(err)
		}
	}
	f := openLog(t, path)
	write(t, f, "1\n")
	holds(t, target, "1\n")
	if err := os.Rename(target, target+".1"); err != nil {
		t.Fatal(err)
	}
	write(t, f, "2\n")
	holds(t, target, "2\n")
}

// A link of another user is not followed, wherever it leads: neither at the start nor later.
func TestLinkOfAnotherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can make a link for another user")
	}
	const nobody = 65534
	dir := t.TempDir()
	path, target := filepath.Join(dir, "log"), filepath.Join(dir, "passwd")
	plant := func() {
		t.Helper()
		for _, err := range []error{os.Symlink(target, path), os.Lchown(path, nobody, nobody)} {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	plant()
	if _, err := asynclog.OpenFile(path, 0); err == nil {
		t.Error("the link was followed")
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	f := openLog(t, path)
	write(t, f, "1\n")
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	plant()
	if _, err := f.Write([]byte("2\n")); err == nil {
		t.Error("no error after a link was planted")
	}
	holds(t, path+".1", "1\n2\n")
	if _, err := os.Stat(target); err == nil {
		t.Error("the link was followed by a write")
	}
}

// A named pipe without a reader does not hang the start, nor is one with a reader a log; devices are.
func TestFileOfOtherKinds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := asynclog.OpenFile(path, 0); !errors.Is(err, asynclog.ErrKind) {
		t.Errorf("a pipe without a reader: %v", err)
	}
	reader, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	if _, err := asynclog.OpenFile(path, 0); !errors.Is(err, asynclog.ErrKind) {
		t.Errorf("a pipe with a reader: %v", err)
	}
	write(t, openLog(t, os.DevNull), "1\n")
}

func TestPublicFile(t *testing.T) {
	dir := t.TempDir()
	for name, want := range map[string]bool{"new": false, "0600": false, "0640": false, "0644": true} {
		path := filepath.Join(dir, name)
		if mode := map[string]os.FileMode{"0600": 0o600, "0640": 0o640, "0644": 0o644}[name]; mode != 0 {
			if err := os.WriteFile(path, nil, mode); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, mode); err != nil {
				t.Fatal(err)
			}
		}
		if got := openLog(t, path).Public(); got != want {
			t.Errorf("%s is public: %v, want %v", name, got, want)
		}
	}
	if openLog(t, os.DevNull).Public() {
		t.Error("a device is public")
	}
}

// Of a log behind a link, the file is renamed, and the link goes on to lead to the newest one.
func TestRotationBehindLink(t *testing.T) {
	dir := t.TempDir()
	path, target := filepath.Join(dir, "log"), filepath.Join(dir, "parley.log")
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
	f, err := asynclog.OpenFile(path, 2)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	write(t, f, "1\n")
	write(t, f, "2\n")
	holds(t, target+".old", "1\n")
	holds(t, target, "2\n")
	if to, err := os.Readlink(path); err != nil || to != target {
		t.Errorf("the link leads to %q, %v", to, err)
	}
}
