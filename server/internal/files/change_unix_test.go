//go:build unix

package files_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A file that changes while it is sent is not passed off as whole, and the lines stay lines.
func TestFileThatChangesWhileSent(t *testing.T) {
	const size = 1 << 20
	content := random(size)
	changed := "ERROR GET changed f changed while it was sent: get it again"
	tests := []struct {
		name   string
		change func(path string) error
		last   string
	}{
		{"nothing", func(string) error { return nil }, sent("f", content)},
		{"emptied", func(path string) error { return os.Truncate(path, 0) }, changed},
		{"shorter", func(path string) error { return os.Truncate(path, size/2+5) }, changed},
		{"by a byte", func(path string) error { return os.Truncate(path, size-1) }, changed},
		{"longer", func(path string) error { return os.Truncate(path, size+1) }, changed},
		{"touched", func(path string) error { return os.Chtimes(path, written, written.Add(time.Second)) }, changed},
		{"removed", os.Remove, sent("f", content)},
		{"replaced", func(path string) error { return os.Rename(path+".new", path) }, sent("f", content)},
	}
	for _, test := range tests {
		for _, after := range []int{1, 2, 4} { // pieces, before the change
			dir := t.TempDir()
			put(t, dir, "f", content)
			put(t, dir, "f.new", "new")
			server, client := tcp(t)
			tr := open(t, dir).Send("f", 0, "-", quiet)
			got := make(chan download)
			go func() { got <- understand(t, client) }()
			for range after {
				if err := tr.Piece(server); err != nil {
					t.Fatal(err)
				}
			}
			if err := test.change(filepath.Join(dir, "f")); err != nil {
				t.Fatal(err)
			}
			carry(t, tr, server)
			server.Close()
			d := <-got
			if d.last != test.last {
				t.Errorf("%s after %d pieces: %q, want %q", test.name, after, d.last, test.last)
			}
			if d.last != changed && d.data != content {
				t.Errorf("%s after %d pieces: other bytes were sent", test.name, after)
			}
			client.Close()
		}
	}
}

func TestTransferOfNoFile(t *testing.T) {
	outside, dir := t.TempDir(), t.TempDir()
	put(t, outside, "secret", "secret")
	put(t, dir, "sub/f", "x")
	link(t, dir, "out", filepath.Join(outside, "secret"))
	long := strings.Repeat("x", 3585)
	folder := open(t, dir)
	tests := []struct{ name, want string }{
		{"nothing", "no-file there is no file nothing: /files lists what there is"},
		{"sub/g", "no-file there is no file sub/g: /files lists what there is"},
		{"sub", "no-file sub cannot be read: not a regular file"},
		{".", "no-file . cannot be read: not a name below the shared folder"},
		{"../" + filepath.Base(outside) + "/secret", "no-file ../" + filepath.Base(outside) + "/secret cannot be read: not a name below the shared folder"},
		{"/etc/passwd", "no-file /etc/passwd cannot be read: not a name below the shared folder"},
		{"out", "no-file out cannot be read: path escapes from parent"},
		{"sub/f/", "no-file sub/f/ cannot be read: not a name below the shared folder"},
		{"sub//f", "no-file sub//f cannot be read: not a name below the shared folder"},
		{long, "no-file " + long[:2000] + "..."},
	}
	for _, test := range tests {
		got := fetch(t, folder, test.name, 0, "-")
		if diff := cmp.Diff(download{last: "ERROR GET " + test.want}, got, cmp.AllowUnexported(download{})); diff != "" {
			t.Errorf("%.50s (-want +got):\n%s", test.name, diff)
		}
	}
}

func link(t testing.TB, dir, name, target string) {
	t.Helper()
	if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
		t.Fatal(err)
	}
}
