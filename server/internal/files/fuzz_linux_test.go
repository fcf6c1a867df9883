package files_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzOpen: whatever a client asks for, nothing outside of the folder is ever sent.
func FuzzOpen(f *testing.F) {
	const secret = "this is outside of the shared folder"
	top := f.TempDir()
	dir := filepath.Join(top, "shared")
	put(f, top, "secret", secret)
	put(f, top, "shared2/secret", secret)
	put(f, dir, "a", "inside")
	put(f, dir, "sub/b", "inside")
	put(f, dir, "con.", "inside")
	put(f, dir, `back\slash`, "inside")
	link(f, dir, "in", "sub/b")
	link(f, dir, "out", "../secret")
	link(f, dir, "abs", filepath.Join(top, "secret"))
	link(f, dir, "up", "..")
	link(f, dir, "sub/top", "../..")
	link(f, dir, "root", "/")
	link(f, dir, "self", ".")
	link(f, dir, "loop", "loop")
	for _, name := range []string{
		"a", "sub/b", "in", "out", "abs", "up/secret", "sub/top/secret", "up/shared2/secret", "self/a",
		"self/self/up/secret", "loop",
		"root" + top + "/secret", "../secret", "../shared/a", "sub/../../secret", "./a", "a/", "/", "", ".",
		"..", "a\x00", "sub//b",
		top + "/secret", `..\secret`, `sub\..\..\secret`, "con.", "CON", "a:b", "\xff", "a\n",
		strings.Repeat("self/", 500) + "a",
		strings.Repeat("x", 300), "/proc/self/environ",
	} {
		f.Add(name)
	}
	folder := open(f, dir)
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, name string) {
		got := fetch(t, folder, name, 0, "-")
		if strings.Contains(got.data, secret) || got.data != "" && got.data != "inside" {
			t.Fatalf("%q gave %q", name, got.data)
		}
		if !strings.HasPrefix(got.last, "SENT ") {
			if !strings.HasPrefix(got.last, "ERROR GET ") {
				t.Fatalf("%q ended with %q", name, got.last)
			}
			return
		}
		path, err := filepath.EvalSymlinks(filepath.Join(dir, name))
		if err != nil || !strings.HasPrefix(path, real+string(os.PathSeparator)) {
			t.Fatalf("%q was sent, which is %s, %v", name, path, err)
		}
	})
}
