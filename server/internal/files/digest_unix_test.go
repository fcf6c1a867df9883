//go:build unix

package files_test

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"parley/server/internal/files"
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
		for _, file := range []string{"new", "old", "known"} {
			dir := t.TempDir()
			put(t, dir, "f", content)
			folder := open(t, dir)
			if file != "new" {
				folder.SetClock(later)
			}
			if err := test.change(t, dir); err != nil {
				t.Fatal(err)
			}
			if file == "known" {
				fetch(t, folder, "f", 0, "-")
			}
			got := fetch(t, folder, "f", test.offset, test.version)
			want := download{size, test.wantOffset, got.version, content[test.wantOffset:],
				sent("f", content)}
			if got != want {
				t.Errorf("%s, a file that is %s: offset %d, %d bytes, %q, want offset %d",
					test.name, file, got.offset, len(got.data), got.last, want.offset)
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
	var hours atomic.Int64 // so that the file may be read again
	folder.SetClock(func() time.Time { return later().Add(time.Duration(hours.Load()) * time.Hour) })
	for i := range byte(3) {
		hours.Add(1)
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

// However many get a file, at the same time or the end of it again and again, it is read for its digest once.
func TestDigestIsComputedOnce(t *testing.T) {
	const size = 20 << 20
	dir := t.TempDir()
	put(t, dir, "f", random(size))
	folder := open(t, dir)
	now := later()
	folder.SetClock(func() time.Time { return now })
	var all sync.WaitGroup
	var read atomic.Int64
	get := func(user string, offset int64) {
		tr := sendTo(user, folder, "f", offset, "-", quiet)
		carry(t, tr, &sink{})
		read.Add(tr.Hashed())
	}
	for i := range 20 {
		all.Go(func() { get(fmt.Sprint("at once", i), size-1) })
	}
	all.Wait()
	for i := range 50 {
		get(fmt.Sprint("later", i), size)
	}
	if n := read.Load(); n != size {
		t.Errorf("%d bytes were read for the digest of %d", n, size)
	}
	for range 50 { // of which the second has doubts
		get("again and again", size)
	}
	if n := read.Load(); n != 2*size {
		t.Errorf("%d bytes were read for a digest of %d that was doubted", n, size)
	}
}

// Who gets a file and stops before the digest is there, again and again, has it computed once all the same.
func TestDigestOfStoppedDownloads(t *testing.T) {
	const size, most = 50 << 20, 200
	dir := t.TempDir()
	put(t, dir, "f", random(size))
	folder := open(t, dir)
	now := later()
	folder.SetClock(func() time.Time { return now })
	for i := range most {
		tr := send(folder, "f", size, "-", quiet)
		for n := 0; n < 2; n++ { // SENDING, and perhaps SENT
			var nc sink
			if n > 0 {
				tr.Stop()
			}
			if err := tr.Piece(&nc); err != nil {
				break
			}
		}
		tr.Close()
		if i > 0 && tr.Hashed() > 0 {
			t.Fatalf("download %d had the file read again", i)
		}
	}
	if got := fetch(t, folder, "f", size, "-"); !strings.HasPrefix(got.last, "SENT") {
		t.Error(got.last)
	}
}

// One address leaves others places for their downloads; those that end are free again.
func TestDownloadsAreBounded(t *testing.T) {
	const most = 256
	dir := t.TempDir()
	put(t, dir, "f", random(100))
	folder := open(t, dir)
	begin := func(addr string) (begun []*sender) {
		for range most {
			tr := sendTo("user", folder, "f", 0, "-", quiet)
			tr.Addr = addr
			var nc sink
			if err := tr.Piece(&nc); err == nil {
				begun = append(begun, tr)
				continue
			}
			tr.Close()
			want := "ERROR GET busy too many files are sent at present: get f later\n"
			if got := nc.Buffer.String(); got != want {
				t.Fatalf("%q, want %q", got, want)
			}
		}
		return begun
	}
	first := begin("first")
	second, third := begin("second"), begin("third")
	if len(first) != most/2 || len(second) != most/4 || len(third) != most/8 {
		t.Errorf("addresses have %d, %d and %d downloads", len(first), len(second), len(third))
	}
	for _, tr := range first {
		tr.Close()
	}
	if more := begin("second"); len(more) != (most-len(third))/2-len(second) {
		t.Errorf("when others have ended, an address has %d more downloads", len(more))
	}
}

// What waits for its turn is little, whatever it asks for.
func TestCostOfTransfers(t *testing.T) {
	folder := open(t, t.TempDir())
	for _, name := range []string{
		"f", strings.Repeat("x", 3000), strings.Repeat("x", 4000), strings.Repeat("../", 1000),
	} {
		tr := folder.Send(files.Request{Name: name, Version: "-", Log: quiet})
		if most := 4000; tr.Cost() > most || tr.Cost() < len(tr.Name) {
			t.Errorf("%d bytes for a name of %d, want at most %d", tr.Cost(), len(name), most)
		}
	}
}
