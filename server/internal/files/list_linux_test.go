package files_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"parley/server/internal/files"
	"parley/server/wire"
)

func TestOpen(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	if diff := cmp.Diff([]string{}, listed(t, open(t, dir))); diff != "" {
		t.Errorf("a folder that was created (-want +got):\n%s", diff)
	}
	put(t, dir, "file", "x")
	for _, path := range []string{filepath.Join(dir, "file"), filepath.Join(dir, "file", "below")} {
		want := fmt.Sprintf("cannot create the shared folder %s: not a directory", path)
		if _, err := files.Open(path, func() {}); err == nil || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}

func TestList(t *testing.T) {
	outside, dir := t.TempDir(), t.TempDir()
	put(t, outside, "secret", "secret")
	put(t, dir, "b.txt", "hello")
	put(t, dir, "a file", "")
	put(t, dir, "sub/deep/c", "123")
	put(t, dir, "sub/b", "1")
	put(t, dir, ".hidden", "12")
	put(t, dir, ".git/config", "12")
	put(t, dir, "sub/.deep/.c", "12")
	put(t, dir, "..dots", "12")
	put(t, dir, "zoë", "1")
	if err := os.Mkdir(filepath.Join(dir, "empty"), 0o755); err != nil {
		t.Fatal(err)
	}
	// Names that no line can hold.
	for _, name := range []string{"line\nbreak", "escape\x1b[2J", "c1 \u0085", "del\x7f", "latin \xe9"} {
		put(t, dir, name, "x")
	}
	// Links are followed to files, as long as they stay in the folder.
	link(t, dir, "link in", "b.txt")
	link(t, dir, "sub/link up", "../b.txt")
	link(t, dir, "link out", filepath.Join(outside, "secret"))
	link(t, dir, "sub/link far up", "../../../../../../../../../../etc/passwd")
	link(t, dir, "folder in", "sub")
	link(t, dir, "folder out", outside)
	link(t, dir, "dangling", "nowhere")
	link(t, dir, "loop", "loop")
	want := []string{
		"a file 0 1700000000123",
		"b.txt 5 1700000000123",
		"link in 5 1700000000123",
		"sub/b 1 1700000000123",
		"sub/deep/c 3 1700000000123",
		"sub/link up 5 1700000000123",
		"zoë 1 1700000000123",
	}
	folder := open(t, dir)
	if diff := cmp.Diff(want, listed(t, folder)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	list, err := folder.List(nil)
	if err != nil {
		t.Fatal(err)
	}
	// The names that no line can hold, and the links but for those to b.txt and to a folder inside.
	if got, want := list.String(), "7 files, 10 more cannot be offered"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := list.Example, `"c1 \u0085": the name holds control characters`; got != want {
		t.Errorf("the example is %s, want %s", got, want)
	}
	put(t, dir, "new", "x")
	if err := os.Remove(filepath.Join(dir, "b.txt")); err != nil {
		t.Fatal(err)
	}
	want = []string{"a file 0 1700000000123", "new 1 1700000000123",
		"sub/b 1 1700000000123", "sub/deep/c 3 1700000000123", "zoë 1 1700000000123"}
	if diff := cmp.Diff(want, listed(t, folder)); diff != "" {
		t.Errorf("after changes (-want +got):\n%s", diff)
	}
}

// A file from before 1970 is listed as one of its first moment, and hides no other.
func TestListOfOldFile(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "old", "x")
	put(t, dir, "new", "x")
	if err := os.Chtimes(filepath.Join(dir, "old"), time.Time{}, time.Unix(-1, 0)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"new 1 1700000000123", "old 1 0"}, listed(t, open(t, dir))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// The longest name that is listed can be asked for, in a line that fits, and comes back in lines that fit.
func TestLongNames(t *testing.T) {
	dir := t.TempDir()
	part := strings.Repeat("d", 250)
	put(t, dir, "short", "x")
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	var name string
	for len(name) < 3700 { // longer than one system call takes as a path below a long temporary folder
		name += part + "/"
		if err := root.Mkdir(strings.TrimSuffix(name, "/"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := root.WriteFile(name+"f", nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	longest := 0
	list, err := open(t, dir).List(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range list.Files {
		longest = max(longest, len(m.Name))
		get := wire.Message{Verb: wire.Get, Offset: 1<<63 - 1,
			Version: []byte("17979cfe362a0000-7fffffffffffffff"), Name: m.Name}
		if n := len(get.AppendClient(nil)); n > wire.MaxLine {
			t.Errorf("to GET a file with a name of %d bytes takes a line of %d, at most %d are allowed",
				len(m.Name), n, wire.MaxLine)
		}
	}
	if longest < 3000 || longest > 3600 {
		t.Errorf("the longest name that is listed has %d bytes, want about 3500", longest)
	}
}

func TestListIsBounded(t *testing.T) {
	const most = 10_000
	dir := t.TempDir()
	for i := range most + 1 {
		f, err := os.Create(filepath.Join(dir, fmt.Sprintf("%05d", i)))
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	folder := open(t, dir)
	check := func(wantText string) {
		t.Helper()
		list, err := folder.List(nil)
		if err != nil {
			t.Fatal(err)
		}
		if n := len(list.Files); n != most || list.String() != wantText {
			t.Errorf("%d files are listed, %q, want %d, %q", n, list, most, wantText)
		}
	}
	check("10000 files, here the list is cut: others can be had by name")
	if err := os.Remove(filepath.Join(dir, "00007")); err != nil {
		t.Fatal(err)
	}
	check("10000 files")
}

func TestListOfFolderThatWent(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "shared")
	folder := open(t, dir)
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	want := "the shared folder cannot be read: no such file or directory" // without where it was
	if _, err := folder.List(nil); err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

// When another folder takes the place of the shared one, that is what is shared; a download that goes on is
// not disturbed.
func TestFolderThatIsReplaced(t *testing.T) {
	content := random(1 << 20)
	replacements := map[string]func(top, dir string) error{
		"moved": func(top, dir string) error {
			return errors.Join(os.Rename(dir, filepath.Join(top, "old")),
				os.Rename(filepath.Join(top, "new"), dir))
		},
		"linked": func(top, dir string) error {
			next := filepath.Join(top, "next")
			away := os.Rename(dir, filepath.Join(top, "old"))
			return errors.Join(away, os.Symlink("new", next), os.Rename(next, dir))
		},
	}
	for name, replace := range replacements {
		top := t.TempDir()
		dir := filepath.Join(top, "shared")
		put(t, dir, "f", content)
		put(t, dir, "gone", "x")
		put(t, top, "new/f", "other")
		folder := open(t, dir)
		folder.SetClock(later)
		fetch(t, folder, "f", 0, "-")
		var nc sink
		tr := send(folder, "f", 0, "-", quiet)
		if err := tr.Piece(&nc); err != nil {
			t.Fatal(err)
		}
		if err := replace(top, dir); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"f 5 1700000000123"}, listed(t, folder)); diff != "" {
			t.Errorf("%s: list (-want +got):\n%s", name, diff)
		}
		if got := fetch(t, folder, "f", 0, "-"); got.last != sent("f", "other") {
			t.Errorf("%s: %q of the new file", name, got.last)
		}
		if got := fetch(t, folder, "gone", 0, "-"); !strings.HasPrefix(got.last, "ERROR GET no-file") {
			t.Errorf("%s: %q of a file that went", name, got.last)
		}
		carry(t, tr, &nc)
		if got := understand(t, &nc.Buffer); got.last != sent("f", content) || got.data != content {
			t.Errorf("%s: %q of the download that went on", name, got.last)
		}
	}
}
