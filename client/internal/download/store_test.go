package download

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A visit is a Store of a test, on a folder that may have seen others before.
type visit struct {
	t *testing.T
	*Store
	freed int // pieces; owned by the Store until Close
}

func newVisit(t *testing.T, dir string) *visit {
	v := &visit{t: t}
	v.Store = New(dir, func([]byte) { v.freed++ })
	return v
}

// next checks the next report.
func (v *visit) next(want string) {
	v.t.Helper()
	r := <-v.Reports()
	got := fmt.Sprintf("ready at %d of %s", r.Offset, r.Version)
	switch r.Kind {
	case Saved:
		got = fmt.Sprintf("saved as %s (%s)", r.Path, r.Note)
	case Failed:
		got = fmt.Sprintf("failed: %v", r.Err)
	}
	got = strings.ReplaceAll(got, v.folder, "DIR")
	if diff := cmp.Diff(want, filepath.ToSlash(got)); diff != "" {
		v.t.Errorf("report (-want +got):\n%s", diff)
	}
}

func digest(content string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(content))) }

// fetch gets a whole file in one piece.
func (v *visit) fetch(name, content, want string) {
	v.t.Helper()
	v.Prepare(name)
	v.next("ready at 0 of -")
	v.Begin(uint64(len(content)), 0, "v1")
	if content != "" {
		v.Write([]byte(content))
	}
	v.Finish(uint64(len(content)), digest(content))
	v.next(want)
}

// tree returns the files below dir and what they hold.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		files[filepath.ToSlash(rel)] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func wantTree(t *testing.T, dir string, want map[string]string) {
	t.Helper()
	if diff := cmp.Diff(want, tree(t, dir)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

func TestSave(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "alice")
	v := newVisit(t, dir)
	v.fetch("notes.txt", "hello", "saved as DIR/notes.txt ()")
	v.fetch("empty", "", "saved as DIR/empty ()")
	v.fetch("sub/deep/a b.png", "png", "saved as DIR/sub/deep/a b.png ()")
	v.fetch("notes.txt", "hello", "saved as DIR/notes.txt (it was here already)")
	v.fetch("notes.txt", "other", "saved as DIR/notes (2).txt (DIR/notes.txt is another file)")
	v.fetch("notes.txt", "third", "saved as DIR/notes (3).txt (DIR/notes.txt is another file)")
	v.fetch("notes.txt", "other", "saved as DIR/notes (2).txt (it was here already)")
	v.Close()
	wantTree(t, dir, map[string]string{"notes.txt": "hello", "empty": "", "sub/deep/a b.png": "png", "notes (2).txt": "other", "notes (3).txt": "third"})
	if v.freed != 6 {
		t.Errorf("%d pieces were freed, want 6", v.freed)
	}
}

func TestNames(t *testing.T) {
	long := strings.Repeat("名", 80) + ".png"
	tests := []struct{ name, local string }{
		{"a.txt", "a.txt"},
		{"../../a", "_/_/a"},
		{"/etc/passwd", "_/etc/passwd"},
		{`C:\x`, "C__x"},
		{"a//b", "a/_/b"},
		{"..", "_"},
		{".", "_"},
		{"CON", "_CON"},
		{"sub/nul.txt", "sub/_nul.txt"},
		{"x.part", "x.part_"},
		{"x.PART", "x.PART_"},
		{long, long},
	}
	for _, tt := range tests {
		t.Run(tt.name[:min(len(tt.name), 20)], func(t *testing.T) {
			if diff := cmp.Diff(tt.local, local(tt.name)); diff != "" {
				t.Errorf("local(%q) (-want +got):\n%s", tt.name, diff)
			}
			dir := filepath.Join(t.TempDir(), "alice")
			note := ""
			if tt.local != tt.name {
				note = "under a name that every system can hold"
			}
			v := newVisit(t, dir)
			v.fetch(tt.name, "x", fmt.Sprintf("saved as DIR/%s (%s)", tt.local, note))
			v.Close()
			wantTree(t, filepath.Dir(dir), map[string]string{"alice/" + tt.local: "x"})
		})
	}
}

func TestContinue(t *testing.T) {
	dir := t.TempDir()
	v := newVisit(t, dir)
	v.Prepare("a")
	v.next("ready at 0 of -")
	v.Begin(6, 0, "v 1")
	v.Write([]byte("ab"))
	v.Prepare("a") // over another connection
	v.next("ready at 2 of v 1")
	v.Begin(6, 2, "v 1")
	v.Write([]byte("cd"))
	v.Close()

	v = newVisit(t, dir) // in another run of the client
	v.Prepare("a")
	v.next("ready at 4 of v 1")
	v.Begin(6, 4, "v 1")
	v.Write([]byte("ef"))
	v.Finish(6, digest("abcdef"))
	v.next("saved as DIR/a ()")
	v.Close()
	wantTree(t, dir, map[string]string{"a": "abcdef"})
}

func TestChangedMeanwhile(t *testing.T) {
	dir := t.TempDir()
	v := newVisit(t, dir)
	v.Prepare("a")
	v.next("ready at 0 of -")
	v.Begin(6, 0, "v1")
	v.Write([]byte("ab"))
	v.Prepare("a")
	v.next("ready at 2 of v1")
	v.Begin(3, 0, "v2")
	v.Write([]byte("new"))
	v.Finish(3, digest("new"))
	v.next("saved as DIR/a ()")
	v.Close()
	wantTree(t, dir, map[string]string{"a": "new"})
}

func TestWrong(t *testing.T) {
	tests := []struct {
		name string
		do   func(v *visit)
		want string
		left map[string]string
	}{
		{"digest", func(v *visit) { v.Begin(2, 0, "v"); v.Write([]byte("ab")); v.Finish(2, digest("xy")) },
			"failed: 2 bytes with SHA-256 " + digest("ab") + " came, the server has 2 with " + digest("xy") + ": get it again", map[string]string{}},
		{"short", func(v *visit) { v.Begin(2, 0, "v"); v.Write([]byte("a")); v.Finish(2, digest("ab")) },
			"failed: 1 bytes with SHA-256 " + digest("a") + " came, the server has 2 with " + digest("ab") + ": get it again", map[string]string{}},
		{"too much", func(v *visit) { v.Begin(2, 0, "v"); v.Write([]byte("abc")) },
			"failed: the server sends more than the 2 bytes that it announced", map[string]string{"a.76.part": ""}},
		{"gap", func(v *visit) { v.Begin(2, 1, "v") }, "failed: the server goes on at byte 1, but 0 bytes are here", map[string]string{}},
		{"version", func(v *visit) { v.Begin(2, 0, strings.Repeat("v", 61)) },
			"failed: the server names a version of 61 bytes, at most 60 are allowed", map[string]string{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := newVisit(t, t.TempDir())
			v.Prepare("a")
			v.next("ready at 0 of -")
			tt.do(v)
			v.next(tt.want)
			v.Write([]byte("what still comes")) // is thrown away
			v.Finish(1, "")
			v.Close()
			wantTree(t, v.folder, tt.left)
			if len(v.Reports()) > 0 {
				t.Errorf("reported again: %v", <-v.Reports())
			}
		})
	}
}

// Nothing is written where a link in the folder leads out of it.
func TestLink(t *testing.T) {
	top := t.TempDir()
	dir := filepath.Join(top, "alice")
	os.MkdirAll(filepath.Join(top, "out"), 0o777)
	os.Mkdir(dir, 0o777)
	if err := os.Symlink("../out", filepath.Join(dir, "in")); err != nil {
		t.Skip(err)
	}
	os.Symlink("../out/new", filepath.Join(dir, "file"))
	v := newVisit(t, dir)
	v.Prepare("in/a")
	v.next("failed: cannot save it in DIR: path escapes from parent")
	v.fetch("file", "x", "saved as DIR/file (2) (DIR/file is another file)")
	v.Close()
	wantTree(t, filepath.Join(top, "out"), map[string]string{})
}

func TestTwoClients(t *testing.T) {
	dir := t.TempDir()
	one, two := newVisit(t, dir), newVisit(t, dir)
	defer two.Close()
	one.Prepare("a")
	one.next("ready at 0 of -")
	two.Prepare("a")
	two.next("ready at 0 of -")
	one.Begin(2, 0, "v")
	one.Write([]byte("a"))
	one.Prepare("a")
	one.next("ready at 1 of v")
	two.Begin(2, 0, "v")
	two.next("failed: another client is getting it here")
	two.Prepare("a")
	two.next("failed: another client is getting it here")
	one.Close()
	two.Prepare("a")
	two.next("ready at 1 of v")
}

func TestNoPermission(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "alice")
	if err := os.WriteFile(dir, nil, 0o666); err != nil { // a file where the folder would be
		t.Fatal(err)
	}
	v := newVisit(t, dir)
	v.Prepare("a")
	r := <-v.Reports()
	if want := "cannot save it in " + dir + ": "; r.Kind != Failed || !strings.HasPrefix(r.Err.Error(), want) {
		t.Errorf("got %v, want an error that begins with %q", r, want)
	}
	v.Close()
}

// FuzzName saves under any name that a server may think of, in the folder or not at all.
func FuzzName(f *testing.F) {
	for _, name := range []string{"a", "../x", "/x", `..\x`, "C:x", "a/../../x", "\x00", "x.part", strings.Repeat("x", 300)} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if !filepath.IsLocal(filepath.FromSlash(local(name))) {
			t.Errorf("local(%q) is %q", name, local(name))
		}
		top := t.TempDir()
		v := newVisit(t, filepath.Join(top, "alice"))
		v.Prepare(name)
		if r := <-v.Reports(); r.Kind == Ready {
			v.Begin(1, 0, "v")
			v.Write([]byte("x"))
			v.Finish(1, digest("x"))
			<-v.Reports()
		}
		v.Close()
		for file := range tree(t, top) {
			if !strings.HasPrefix(file, "alice/") {
				t.Errorf("%q was saved as %q", name, file)
			}
		}
	})
}
