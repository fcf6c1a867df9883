package download

import (
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func digest(content string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(content))) }

// take begins or goes on with a file of size bytes, of which content comes now. It returns the part and what went wrong.
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

// fetch gets a whole file and checks what is said of it.
func fetch(t *testing.T, folder, name, content, want string) {
	t.Helper()
	p, err := take(folder, name, "v1", content, len(content))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	saved, note, err := p.Save(uint64(len(content)), digest(content))
	got := fmt.Sprintf("%s (%s)", saved, note)
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
	fetch(t, dir, "notes.txt", "hello", "DIR/notes.txt (it was here already)")
	fetch(t, dir, "notes.txt", "other", "DIR/notes (2).txt (DIR/notes.txt is another file)")
	fetch(t, dir, "notes.txt", "third", "DIR/notes (3).txt (DIR/notes.txt is another file)")
	fetch(t, dir, "notes.txt", "other", "DIR/notes (2).txt (it was here already)")
	wantTree(t, dir, map[string]string{"notes.txt": "hello", "empty": "", "sub/deep/a b.png": "png", "notes (2).txt": "other", "notes (3).txt": "third"})
}

// The disk is given work while more comes. That it failed then is not forgotten when the file is whole.
func TestDiskFailsMeanwhile(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a pipe can be flushed there")
	}
	content := string(make([]byte, flushEvery))
	for _, failing := range []bool{false, true} {
		dir := t.TempDir()
		p, err := Open(dir, "a")
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Begin(flushEvery, 0, "v"); err != nil {
			t.Fatal(err)
		}
		if failing { // as a pipe does
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			go io.Copy(io.Discard, r)
			file := p.file
			p.file = w
			err = p.Write([]byte(content))
			p.flush.Lock()
			p.file = file
			p.flush.Unlock()
			w.Close()
			if err != nil {
				t.Fatal(err)
			}
		} else if err := p.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
		_, _, err = p.Save(flushEvery, digest(content))
		if got := err != nil; got != failing {
			t.Errorf("the disk fails: %v, saving fails: %v", failing, err)
		}
		if _, err := os.Stat(filepath.Join(dir, "a")); failing == (err == nil) {
			t.Errorf("the disk fails: %v, the file is there: %v", failing, err == nil)
		}
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
		{"x.part", "x_part"},
		{"x.PART", "x_part"},
		{strings.Repeat("x", 250) + ".part", strings.Repeat("x", 250) + "_part"},
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
	if _, _, err := p.Save(6, digest("abcdef")); err != nil {
		t.Error(err)
	}
	wantTree(t, dir, map[string]string{"a": "abcdef"})
}

// A file that is another one by now begins anew.
func TestChangedMeanwhile(t *testing.T) {
	dir := t.TempDir()
	p, err := take(dir, "a", "v1", "ab", 6)
	if err != nil {
		t.Fatal(err)
	}
	p.Close()
	if p, err = Open(dir, "a"); err != nil || p.Have != 2 || p.Version != "v1" {
		t.Fatalf("%d bytes of %q are here: %v", p.Have, p.Version, err)
	}
	if err := p.Begin(3, 0, "v2"); err != nil {
		t.Fatal(err)
	}
	p.Write([]byte("new"))
	if _, _, err := p.Save(3, digest("new")); err != nil {
		t.Error(err)
	}
	wantTree(t, dir, map[string]string{"a": "new"})
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
			_, _, err := p.Save(2, digest("xy"))
			return err
		}, "2 bytes with SHA-256 " + digest("ab") + " came, the server has 2 with " + digest("xy") + ": get it again", map[string]string{}},
		{"short", func(p *Part) error {
			p.Begin(2, 0, "v")
			p.Write([]byte("a"))
			_, _, err := p.Save(2, digest("ab"))
			return err
		}, "1 bytes with SHA-256 " + digest("a") + " came, the server has 2 with " + digest("ab") + ": get it again", map[string]string{}},
		{"too much", func(p *Part) error {
			p.Begin(2, 0, "v")
			return p.Write([]byte("abc"))
		}, "the server sends more than the 2 bytes that it announced", map[string]string{"ca978112ca1bbdca-76.part": ""}},
		{"gap", func(p *Part) error { return p.Begin(2, 1, "v") },
			"the server goes on at byte 1, but 0 bytes are here", map[string]string{}},
		{"DATA before SENDING", func(p *Part) error { return p.Write([]byte("x")) },
			"the server sends more than the 0 bytes that it announced", map[string]string{}},
		{"SENT before SENDING", func(p *Part) error {
			_, _, err := p.Save(0, digest(""))
			return err
		}, "cannot save it in DIR: invalid argument", map[string]string{}},
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

// Two clients of one user may want the same file at once: each gets it whole or is told why not.
func TestTwoClients(t *testing.T) {
	dir := t.TempDir()
	one, err := Open(dir, "a")
	if err != nil {
		t.Fatal(err)
	}
	two, err := Open(dir, "a")
	if err != nil {
		t.Fatal(err)
	}
	defer two.Close()
	if err := one.Begin(2, 0, "v"); err != nil {
		t.Fatal(err)
	}
	if err := two.Begin(2, 0, "v"); err == nil {
		t.Error("both write the same part")
	}
	one.Write([]byte("ab"))
	if _, _, err := one.Save(2, digest("ab")); err != nil {
		t.Error(err)
	}
	wantTree(t, dir, map[string]string{"a": "ab"})
}

func TestNoPermission(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "alice")
	if err := os.WriteFile(dir, nil, 0o666); err != nil { // a file where the folder would be
		t.Fatal(err)
	}
	if _, err := Open(dir, "a"); err == nil || !strings.HasPrefix(err.Error(), "cannot save it in "+dir+": ") {
		t.Errorf("got %v", err)
	}
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
