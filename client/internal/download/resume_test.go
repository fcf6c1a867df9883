package download

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// word is the version that tells the server what is here.
func word(content string) string {
	if content == "" {
		return "-"
	}
	sum := sha256.Sum256([]byte(content))
	return "sha256:" + base64.RawURLEncoding.EncodeToString(sum[:])
}

// opened opens a part and checks what it says is here.
func opened(t *testing.T, dir, name, have string) *Part {
	t.Helper()
	p, err := Open(dir, name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	got := fmt.Sprint(p.Have, p.Version)
	if diff := cmp.Diff(fmt.Sprint(len(have), word(have)), got); diff != "" {
		t.Errorf("%s is here (-want +got):\n%s", name, diff)
	}
	return p
}

// finish begins at offset, takes the content and saves it, whole being all of the file.
func finish(t *testing.T, p *Part, offset uint64, content, whole string) Saved {
	t.Helper()
	err := p.Begin(uint64(len(whole)), offset, "v")
	if err == nil && content != "" {
		err = p.Write([]byte(content))
	}
	if err != nil {
		t.Fatal(err)
	}
	saved, err := p.Save(uint64(len(whole)), digest(whole))
	if err != nil {
		t.Fatal(err)
	}
	return saved
}

func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

// The content of a part tells the server whether it is the beginning of its file.
func TestForeignPart(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"sub/a.parley-part": "abc", "b.parley-part": "xyz"})
	finish(t, opened(t, dir, "sub/a", "abc"), 3, "def", "abcdef")
	finish(t, opened(t, dir, "b", "xyz"), 0, "ab", "ab") // the server says that these are not its bytes
	wantTree(t, dir, map[string]string{"sub/a": "abcdef", "b": "ab"})
}

// A person's file is never taken for a part: neither one that is called .part, as browsers do, nor one that
// has a part's name as its second.
func TestFileOfPerson(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"a.part": "mine", "b": "mine, too"})
	if err := os.Link(filepath.Join(dir, "b"), filepath.Join(dir, "c.parley-part")); err != nil {
		t.Skip(err)
	}
	finish(t, opened(t, dir, "a", ""), 0, "ab", "ab")
	finish(t, opened(t, dir, "c", ""), 0, "cd", "cd")
	Remove(dir, "c")
	wantTree(t, dir, map[string]string{"a.part": "mine", "a": "ab", "b": "mine, too", "c": "cd",
		"c.parley-part": "mine, too"})
}

// A file that is here whole is not sent again; one that grew since is sent from there on.
func TestHereAlready(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"a": "abc", "log": "one\n", "b": "old"})
	p := opened(t, dir, "a", "abc")
	p.space = func(string) (uint64, bool) { return 0, true } // no room is needed
	saved := finish(t, p, 3, "", "abc")
	if diff := cmp.Diff(Saved{Path: filepath.Join(dir, "a"), Already: true}, saved); diff != "" {
		t.Errorf("a (-want +got):\n%s", diff)
	}
	finish(t, opened(t, dir, "log", "one\n"), 4, "two\n", "one\ntwo\n")
	finish(t, opened(t, dir, "b", "old"), 0, "new", "new")
	wantTree(t, dir, map[string]string{"a": "abc", "log": "one\n", "log (2)": "one\ntwo\n", "b": "old",
		"b (2)": "new"})
}

// A whole file is never taken away, whatever the server says of it.
func TestHereButNotEqual(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"a": "abc"})
	p := opened(t, dir, "a", "abc")
	if err := p.Begin(3, 3, "v"); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Save(3, digest("xyz")); err == nil {
		t.Error("another file was taken for the server's")
	}
	wantTree(t, dir, map[string]string{"a": "abc"})
}

// Two clients of one user may want the same file at once: both have it, once.
func TestTwoClients(t *testing.T) {
	if runtime.GOOS != "linux" && runtime.GOOS != "darwin" && runtime.GOOS != "windows" {
		t.Skip("no locks")
	}
	dir := t.TempDir()
	write(t, dir, map[string]string{"a.parley-part": "ab"})
	one := opened(t, dir, "a", "ab")
	two := opened(t, dir, "a", "")
	if err := two.Begin(4, 0, "v"); err != nil {
		t.Fatal(err)
	}
	two.Write([]byte("ab"))
	Remove(dir, "a") // a third one gives up, which concerns neither
	finish(t, one, 2, "cd", "abcd")
	two.Write([]byte("cd"))
	if saved, err := two.Save(4, digest("abcd")); err != nil || !saved.Already {
		t.Errorf("saved %+v: %v", saved, err)
	}
	wantTree(t, dir, map[string]string{"a": "abcd"})
}

func TestRemove(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"a.parley-part": "ab", "b.parley-part": "ab", "c.txt": "c"})
	if diff := cmp.Diff([]string{"a", "b"}, Parts(dir, time.Now().Add(time.Hour))); diff != "" {
		t.Errorf("parts (-want +got):\n%s", diff)
	}
	if later := Parts(dir, time.Now().Add(-time.Hour)); later != nil {
		t.Errorf("parts that were written later are shown: %v", later)
	}
	Remove(dir, "a")
	Remove(dir, "c.txt")
	p := opened(t, dir, "b", "ab")
	p.Drop()
	wantTree(t, dir, map[string]string{"c.txt": "c"})
}

// A place that is taken by something else is said.
func TestFolderIsFile(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"sub": "x"})
	_, err := Open(dir, "sub/x.txt")
	want := fmt.Sprintf("cannot save it in %s: %s is not a folder: rename it", dir, filepath.Join(dir, "sub"))
	if diff := cmp.Diff(want, fmt.Sprint(err)); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
}

func TestNotEnoughRoom(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"a.parley-part": "ab"})
	p := opened(t, dir, "a", "ab")
	p.space = func(string) (uint64, bool) { return 3, true }
	want := "cannot save it in " + dir + ": 4 bytes more are needed, 3 are free"
	if diff := cmp.Diff(want, fmt.Sprint(p.Begin(6, 2, "v"))); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
	if err := p.Begin(5, 2, "v"); err != nil {
		t.Error(err)
	}
	p.space = func(string) (uint64, bool) { return 0, false }
	if err := p.Begin(1<<40, 2, "v"); err != nil {
		t.Errorf("where it is not known how much is free: %v", err)
	}
}

// A download for which there was no room at all leaves nothing.
func TestEmptyPartIsRemoved(t *testing.T) {
	dir := t.TempDir()
	p, err := Open(dir, "a")
	if err != nil {
		t.Fatal(err)
	}
	p.space = func(string) (uint64, bool) { return 0, true }
	if err := p.Begin(1, 0, "v"); err == nil {
		t.Error("there is room for a byte where none is free")
	}
	p.Close()
	if parts := Parts(dir, time.Now().Add(time.Hour)); parts != nil {
		t.Errorf("left: %q", parts)
	}
}

// Only what the disk could not take keeps a verified file from its name, not that it cannot be asked.
func TestSync(t *testing.T) {
	full := fmt.Errorf("sync: %w", syscall.EIO)
	for err, fails := range map[error]bool{
		nil: false, full: true, syscall.ENOSYS: false, &os.PathError{Op: "sync", Err: notSynced[0]}: false,
		syscall.ENOTSUP: false, notSynced[1]: false,
	} {
		for _, meanwhile := range []bool{false, err == nil, err == full} {
			size := uint64(1)
			if meanwhile {
				size = flushEvery
			}
			dir, content := t.TempDir(), string(make([]byte, size))
			p := opened(t, dir, "a", "")
			calls := 0
			p.sync = func(*os.File) error {
				calls++
				if calls == 1 {
					return err
				}
				return nil
			}
			if err := p.Begin(size, 0, "v"); err != nil {
				t.Fatal(err)
			}
			if err := p.Write([]byte(content)); err != nil {
				t.Fatal(err)
			}
			_, got := p.Save(size, digest(content))
			if fails != (got != nil) {
				t.Errorf("flushing fails by %v, meanwhile: %v, saving by %v", err, meanwhile, got)
			}
			if _, err := os.Stat(filepath.Join(dir, "a")); fails == (err == nil) {
				t.Errorf("flushing fails: %v, the file is there: %v", fails, err == nil)
			}
		}
	}
}

// A file has the time that the server says, where it says one.
func TestTime(t *testing.T) {
	id := strings.Repeat("0a", 16)
	for version, want := range map[string]int64{
		"1700000000123-" + id: 1700000000123, "0-" + id: 0, id: -1, "1700000000123": -1, "x-" + id: -1,
		"-5-" + id:                -1,
		"1700000000123-" + id[2:]: -1, "1700000000123-" + strings.Repeat("zz", 16): -1,
	} {
		dir, before := t.TempDir(), time.Now().Add(-time.Minute)
		p := opened(t, dir, "a", "")
		if err := p.Begin(0, 0, version); err != nil {
			t.Fatal(err)
		}
		if _, err := p.Save(0, digest("")); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(filepath.Join(dir, "a"))
		if err != nil {
			t.Fatal(err)
		}
		got := info.ModTime().UnixMilli()
		if info.ModTime().After(before) {
			got = -1
		}
		if got != want {
			t.Errorf("%s: the file is of %v, want %v", version, got, want)
		}
	}
}
