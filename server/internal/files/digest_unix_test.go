//go:build unix

package files_test

import (
	"crypto/sha256"
	"encoding/base64"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// held is the version of a GET whose client has the bytes of content.
func held(content string) string {
	sum := sha256.Sum256([]byte(content))
	return "sha256:" + base64.RawURLEncoding.EncodeToString(sum[:])
}

// A download goes on where it was when the client has what the file begins with, whatever else changed
// meanwhile.
func TestTransferFromDigest(t *testing.T) {
	const size = 3<<20 + 5
	content, half := random(size), int64(size/2)
	begun := held(content[:half])
	path := func(dir string) string { return filepath.Join(dir, "f") }
	tests := []struct {
		name       string
		change     func(t *testing.T, dir string) error
		offset     int64
		version    string
		wantOffset uint64
	}{
		{"nothing changed", func(*testing.T, string) error { return nil }, half, begun, size / 2},
		{"closed", func(_ *testing.T, dir string) error {
			return os.Chmod(path(dir), 0o600)
		}, half, begun, size / 2},
		{"linked", func(_ *testing.T, dir string) error {
			return os.Link(path(dir), path(dir)+"2")
		}, half, begun, size / 2},
		{"replaced by the same", func(t *testing.T, dir string) error {
			put(t, dir, "new", content)
			return os.Rename(filepath.Join(dir, "new"), path(dir))
		}, half, begun, size / 2},
		{"all is there", func(*testing.T, string) error { return nil }, size, held(content), size},
		{"nothing is there", func(*testing.T, string) error { return nil }, 0, held(""), 0},
		{"another begin", func(*testing.T, string) error { return nil }, half, held(content[1 : half+1]), 0},
		{"another whole", func(*testing.T, string) error { return nil }, size, held(content[1:] + "x"), 0},
		{"more than there is", func(*testing.T, string) error { return nil }, size + 1, held(content + "x"),
			0},
		{"no digest", func(*testing.T, string) error { return nil }, half, "sha256:", 0},
	}
	for _, test := range tests {
		for _, known := range []bool{false, true} {
			dir := t.TempDir()
			put(t, dir, "f", content)
			folder := open(t, dir)
			folder.SetClock(later)
			if err := test.change(t, dir); err != nil {
				t.Fatal(err)
			}
			if known {
				fetch(t, folder, "f", 0, "-")
			}
			got := fetch(t, folder, "f", test.offset, test.version)
			want := download{size, test.wantOffset, got.version, content[test.wantOffset:],
				sent("f", content)}
			if got != want {
				t.Errorf("%s, digest known: %v: offset %d, %d bytes, %q, want offset %d",
					test.name, known, got.offset, len(got.data), got.last, want.offset)
			}
		}
	}
}

// A file that is written through a memory mapping may show no change. Then a digest that was remembered is
// wrong, but whoever got it gets the right one when they ask again.
func TestFileWrittenThroughMapping(t *testing.T) {
	dir, content := t.TempDir(), []byte(random(100_000))
	put(t, dir, "f", string(content))
	f, err := os.OpenFile(filepath.Join(dir, "f"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	mapped, err := unix.Mmap(int(f.Fd()), 0, len(content), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(mapped)
	folder := open(t, dir)
	folder.SetClock(later)
	for i := range byte(3) {
		// the first time, the page becomes one that can be written to without a note
		mapped[0], content[0] = i, i
		fetch(t, folder, "f", 0, "-")
		mapped[0], content[0] = i+100, i+100
		stale := 0
		for range 3 {
			var nc sink
			carry(t, sendTo("alice", folder, "f", 0, "-", quiet), &nc)
			if got := understand(t, &nc.Buffer); got.last != sent("f", string(content)) {
				stale++
			}
		}
		if stale > 1 {
			t.Errorf("%d of 3 downloads had the digest of another content, want at most the first", stale)
		}
	}
}

// A digest is given to so many users only, and then the file is read again.
func TestDigestIsGivenSoOften(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "f", "content")
	folder := open(t, dir)
	folder.SetClock(later)
	for i := range 203 {
		want := int64(0)
		if i%101 == 0 {
			want = 7
		}
		if got := digest(t, folder, 0, "content"); got != want {
			t.Errorf("download %d read %d bytes, want %d", i, got, want)
		}
	}
}
