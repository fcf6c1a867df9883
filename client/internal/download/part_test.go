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

func digest(content string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(content))) }

// take begins or goes on with a file of size bytes, of which content comes now. It returns the part and what
// went wrong.
func take(folder, name, version, content string, size int) (*Part, error) {
	p, err := Open(folder, name)
	if err == nil {
		err = p.Begin(uint64(size), p.Have, version)
	}
	if err == nil {
		err = p.Write([]byte(content))
	}
	return p, err
}

// fetch gets a whole file, as far as it is not here, and checks what is said of it.
func fetch(t *testing.T, folder, name, content, want string) {
	t.Helper()
	p, err := Open(folder, name)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	offset := p.Have
	if offset > uint64(len(content)) || word(content[:offset]) != p.Version {
		offset = 0
	}
	if err := p.Begin(uint64(len(content)), offset, "v1"); err != nil {
		t.Fatal(err)
	}
	if rest := content[offset:]; rest != "" {
		err = p.Write([]byte(rest))
	}
	if err != nil {
		t.Fatal(err)
	}
	saved, err := p.Save(uint64(len(content)), digest(content))
	got := fmt.Sprintf("%s (%s)", saved.Path, saved.Note)
	if saved.Already {
		got = "already " + got
	}
	if err != nil {
		got = err.Error()
	}
	if diff := cmp.Diff(want, filepath.ToSlash(strings.ReplaceAll(got, folder, "DIR"))); diff != "" {
		t.Errorf("saved as (-want +got):\n%s", diff)
	}
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
	fetch(t, dir, "notes.txt", "hello", "DIR/notes.txt ()")
	fetch(t, dir, "empty", "", "DIR/empty ()")
	fetch(t, dir, "sub/deep/a b.png", "png", "DIR/sub/deep/a b.png ()")
	fetch(t, dir, "notes.txt", "hello", "already DIR/notes.txt ()")
	fetch(t, dir, "notes.txt", "other", "DIR/notes (2).txt (DIR/notes.txt is another file)")
	fetch(t, dir, "notes.txt", "third", "DIR/notes (3).txt (DIR/notes.txt is another file)")
	fetch(t, dir, "notes.txt", "other", "already DIR/notes (2).txt (DIR/notes.txt is another file)")
	wantTree(t, dir, map[string]string{"notes.txt": "hello", "empty": "", "sub/deep/a b.png": "png",
		"notes (2).txt": "other", "notes (3).txt": "third"})
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
		{"x.part", "x.part"},
		{"x.parley-part", "x_parley-part"},
		{"x.PARLEY-PART", "x_PARLEY-PART"},
		{strings.Repeat("x", 240) + ".parley-part", strings.Repeat("x", 240) + "_parley-part"},
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
				note = "renamed: the name is not valid on every system"
			}
			fetch(t, dir, tt.name, "x", fmt.Sprintf("DIR/%s (%s)", tt.local, note))
			wantTree(t, filepath.Dir(dir), map[string]string{"alice/" + tt.local: "x"})
		})
	}
}

func TestContinue(t *testing.T) {
	dir := t.TempDir()
	for i, content := range []string{"ab", "cd"} {
		p, err := take(dir, "a", "v 1", content, 6)
		if err != nil {
			t.Fatal(err)
		}
		p.Close()
		if diff := cmp.Diff(uint64(2*i+2), p.Have); diff != "" {
			t.Errorf("bytes (-want +got):\n%s", diff)
		}
	}
	p, err := take(dir, "a", "v 1", "ef", 6)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Save(6, digest("abcdef")); err != nil {
		t.Error(err)
	}
	wantTree(t, dir, map[string]string{"a": "abcdef"})
}

func TestWrong(t *testing.T) {
	tests := []struct {
		name string
		do   func(p *Part) error
		want string
		left map[string]string
	}{
		{"digest", func(p *Part) error {
			p.Begin(2, 0, "v")
			p.Write([]byte("ab"))
			_, err := p.Save(2, digest("xy"))
			return err
		}, "2 bytes with SHA-256 " + digest("ab") + " came, the server has 2 with " + digest("xy") +
			": get it again", map[string]string{}},
		{"short", func(p *Part) error {
			p.Begin(2, 0, "v")
			p.Write([]byte("a"))
			_, err := p.Save(2, digest("ab"))
			return err
		}, "1 bytes with SHA-256 " + digest("a") + " came, the server has 2 with " + digest("ab") +
			": get it again", map[string]string{}},
		{"too much", func(p *Part) error {
			p.Begin(2, 0, "v")
			return p.Write([]byte("abc"))
		}, "the server sends more than the 2 bytes that it announced", map[string]string{}},
		{"gap", func(p *Part) error { return p.Begin(2, 1, "v") },
			"the server goes on at byte 1, but 0 bytes are here", map[string]string{}},
		{"DATA before SENDING", func(p *Part) error { return p.Write([]byte("x")) },
			"the server sends more than the 0 bytes that it announced", map[string]string{}},
		{"SENT before SENDING", func(p *Part) error {
			_, err := p.Save(0, digest(""))
			return err
		}, "the server ends a download that it has not begun", map[string]string{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			p, err := Open(dir, "a")
			if err != nil {
				t.Fatal(err)
			}
			err = tt.do(p)
			p.Close()
			if diff := cmp.Diff(tt.want, strings.ReplaceAll(fmt.Sprint(err), dir, "DIR")); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
			wantTree(t, dir, tt.left)
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
	_, err := take(dir, "in/a", "v", "x", 1)
	if diff := cmp.Diff("cannot save it in "+dir+": path escapes from parent", fmt.Sprint(err)); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
	fetch(t, dir, "file", "x", "DIR/file (2) (DIR/file is another file)")
	wantTree(t, filepath.Join(top, "out"), map[string]string{})
}

func TestNoPermission(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "alice")
	if err := os.WriteFile(dir, nil, 0o666); err != nil { // a file where the folder would be
		t.Fatal(err)
	}
	if _, err := Open(dir, "a"); err == nil || !strings.HasPrefix(err.Error(),
		"cannot save it in "+dir+": ") {
		t.Errorf("got %v", err)
	}
}

// FuzzName saves under any name that a server may think of, in the folder or not at all.
func FuzzName(f *testing.F) {
	for _, name := range []string{"a", "../x", "/x", `..\x`, "C:x", "a/../../x", "\x00", "x.parley-part",
		strings.Repeat("x", 300)} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if !filepath.IsLocal(filepath.FromSlash(local(name))) {
			t.Errorf("local(%q) is %q", name, local(name))
		}
		top := t.TempDir()
		p, err := take(filepath.Join(top, "alice"), name, "v", "x", 1)
		if err == nil {
			p.Save(1, digest("x"))
		}
		for file := range tree(t, top) {
			if !strings.HasPrefix(file, "alice/") {
				t.Errorf("%q was saved as %q", name, file)
			}
		}
	})
}
