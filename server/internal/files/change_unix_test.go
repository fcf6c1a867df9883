//go:build unix

package files_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"parley/server/internal/files"
)

// A file that changes while it is sent is not passed off as whole, and the lines stay lines. One that only
// grows, or whose content stays, is sent as it was announced.
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
		{"longer", func(path string) error { return os.Truncate(path, size+1) }, sent("f", content)},
		{"touched", func(path string) error {
			return os.Chtimes(path, written, written.Add(time.Second))
		}, sent("f", content)},
		{"closed", func(path string) error { return os.Chmod(path, 0o600) }, sent("f", content)},
		{"linked", func(path string) error { return os.Link(path, path+".too") }, sent("f", content)},
		{"removed", os.Remove, sent("f", content)},
		{"replaced", func(path string) error { return os.Rename(path+".new", path) }, sent("f", content)},
	}
	for i := range 2 * 3 * len(tests) {
		// pieces, before the change; the digest
		test, after, known := tests[i/6], []int{1, 2, 4}[i%3], i%6 > 2
		t.Run(fmt.Sprintf("%s after %d pieces, known %v", test.name, after, known), func(t *testing.T) {
			dir := t.TempDir()
			put(t, dir, "f", content)
			put(t, dir, "f.new", "new")
			folder := open(t, dir)
			if known {
				folder.SetClock(later)
				fetch(t, folder, "f", 0, "-")
			}
			server, client := tcp(t)
			tr := send(folder, "f", 0, "-", quiet)
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
				t.Errorf("%q, want %q", d.last, test.last)
			}
			if d.last != changed && d.data != content {
				t.Error("other bytes were sent")
			}
			client.Close()
		})
	}
}

// overwrite gives a file another content and the times that put gives, until the system shows that it notes
// the change.
func overwrite(t testing.TB, dir, name, content string) {
	t.Helper()
	for before := ctime(t, dir, name); ctime(t, dir, name).Equal(before); {
		put(t, dir, name, content)
	}
}

func ctime(t testing.TB, dir, name string) time.Time {
	t.Helper()
	var s unix.Stat_t
	if err := unix.Stat(filepath.Join(dir, name), &s); err != nil {
		t.Fatal(err)
	}
	return time.Unix(s.Ctim.Unix())
}

// digest gets a file and checks that what it is told is the digest of content. It returns how much was read
// for that.
func digest(t testing.TB, folder *files.Folder, offset int64, content string) (hashed int64) {
	t.Helper()
	var nc sink
	tr := send(folder, "f", offset, "-", quiet)
	carry(t, tr, &nc)
	if got := understand(t, &nc.Buffer); got.last != sent("f", content) || got.data != content[got.offset:] {
		t.Errorf("%d bytes from %d on, and %q, want %q", len(got.data), got.offset, got.last,
			sent("f", content))
	}
	return tr.Hashed()
}

// A file is read for its digest once, and again when another content came, also when that is as large and as
// old.
func TestDigestIsRemembered(t *testing.T) {
	const size = 5<<20 + 3
	dir := t.TempDir()
	one, two := random(size), random(size + 1)[1:]
	put(t, dir, "f", one)
	folder := open(t, dir)
	folder.SetClock(later)
	var got []int64
	twice := func(content string) {
		got = append(got, digest(t, folder, 0, content), digest(t, folder, 0, content),
			digest(t, folder, size/2, content))
	}
	twice(one)
	overwrite(t, dir, "f", two)
	twice(two)
	put(t, dir, "new", one)
	if err := os.Rename(filepath.Join(dir, "new"), filepath.Join(dir, "f")); err != nil {
		t.Fatal(err)
	}
	twice(one)
	if diff := cmp.Diff([]int64{size, 0, 0, size, 0, 0, size, 0, 0}, got); diff != "" {
		t.Errorf("bytes read for the digest (-want +got):\n%s", diff)
	}
}

// A file that changed just before it was read may change once more without showing it, so its digest is not
// remembered.
func TestDigestOfNewFileIsNotRemembered(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "f", "content")
	changed := ctime(t, dir, "f")
	tests := []struct {
		age  time.Duration
		want int64 // bytes that are read the second time
	}{{-time.Hour, 7}, {0, 7}, {files.TimeStep, 7}, {files.TimeStep + 1, 0}}
	for _, test := range tests {
		folder := open(t, dir)
		folder.SetClock(func() time.Time { return changed.Add(test.age) })
		digest(t, folder, 0, "content")
		if got := digest(t, folder, 0, "content"); got != test.want {
			t.Errorf("%d bytes were read again at the age of %v, want %d", got, test.age, test.want)
		}
	}
	folder := open(t, dir)
	digest(t, folder, 0, "content")
	put(t, dir, "f", "another") // of the same length, and maybe at the same time
	digest(t, folder, 0, "another")
}

// When a file is overwritten while it is sent, by what is as large and as old or by what is longer, it is not
// passed off as whole, and what was read meanwhile is not remembered.
func TestFileOverwrittenWhileSent(t *testing.T) {
	const size = 1 << 20
	one := random(size)
	for i := range 6 {
		known, after := i%2 > 0, []int{1, 2, 4}[i/2]
		for _, two := range []string{random(size + 1)[1:], "x" + one} {
			dir := t.TempDir()
			put(t, dir, "f", one)
			folder := open(t, dir)
			folder.SetClock(later)
			if known {
				digest(t, folder, 0, one)
			}
			var nc sink
			tr := send(folder, "f", 0, "-", quiet)
			for range after {
				if err := tr.Piece(&nc); err != nil {
					t.Fatal(err)
				}
			}
			overwrite(t, dir, "f", two)
			carry(t, tr, &nc)
			got := understand(t, &nc.Buffer)
			if got.last != "ERROR GET changed f changed while it was sent: get it again" &&
				got.data != two[:size] {
				t.Errorf("after %d pieces: %q, and not the new content", after, got.last)
			}
			digest(t, folder, 0, two)
		}
	}
}

func TestTransferOfNoFile(t *testing.T) {
	outside, dir := t.TempDir(), t.TempDir()
	put(t, outside, "secret", "secret")
	put(t, dir, "sub/f", "x")
	put(t, dir, ".hidden", "x")
	put(t, dir, "sub/.git/config", "x")
	link(t, dir, "out", filepath.Join(outside, "secret"))
	long := strings.Repeat("x", 3585)
	folder := open(t, dir)
	tests := []struct{ name, want string }{
		{"nothing", "no-file there is no file nothing: /files lists what there is"},
		{".hidden", "no-file there is no file .hidden: /files lists what there is"},
		{"sub/.git/config", "no-file there is no file sub/.git/config: /files lists what there is"},
		{"sub/g", "no-file there is no file sub/g: /files lists what there is"},
		{"sub", "no-file sub cannot be read: not a regular file"},
		{".", "no-file . cannot be read: not a name below the shared folder"},
		{"../" + filepath.Base(outside) + "/secret", "no-file ../" + filepath.Base(outside) +
			"/secret cannot be read: not a name below the shared folder"},
		{"/etc/passwd", "no-file /etc/passwd cannot be read: not a name below the shared folder"},
		{"out", "no-file out cannot be read: path escapes from parent"},
		{"sub/f/", "no-file sub/f/ cannot be read: not a name below the shared folder"},
		{"sub//f", "no-file sub//f cannot be read: not a name below the shared folder"},
		{long, "no-file " + long[:2000] + "..."},
	}
	for _, test := range tests {
		got := fetch(t, folder, test.name, 0, "-")
		if diff := cmp.Diff(download{last: "ERROR GET " + test.want}, got,
			cmp.AllowUnexported(download{})); diff != "" {
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
