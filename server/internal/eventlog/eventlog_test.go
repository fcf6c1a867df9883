package eventlog

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A history is a state that remembers all its entries, which are lines.
type history struct{ entries []string }

func (h *history) Apply(group []byte) error {
	if !bytes.HasSuffix(group, []byte("\n")) {
		return errors.New("the last line has no end")
	}
	h.entries = append(h.entries, strings.Split(strings.TrimSuffix(string(group), "\n"), "\n")...)
	return nil
}

func (h *history) Snapshot() []byte {
	if len(h.entries) == 0 {
		return nil
	}
	return []byte(strings.Join(h.entries, "\n") + "\n")
}

func (h *history) Restore(snapshot []byte) error {
	if len(h.entries) > 0 {
		return errors.New("the state is not empty")
	}
	if len(snapshot) == 0 {
		return nil
	}
	return h.Apply(snapshot)
}

// options returns those of a small folder whose notices go to the test's log.
func options(t testing.TB) Options {
	return Options{
		Retention: 1 << 10,
		Trouble:   func(err error) { t.Errorf("unexpected trouble: %v", err) },
		Notice:    func(text string) { t.Log(text) },
	}
}

// open opens a folder, and closes it with the test unless that was done.
func open(t *testing.T, dir string, opt Options) (*Log, *history) {
	t.Helper()
	h := &history{}
	l, err := Open(dir, h, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l, h
}

// propose proposes numbered entries, each in a group of its own, and returns them.
func propose(t *testing.T, l *Log, from, to int) (entries []string) {
	t.Helper()
	for i := from; i < to; i++ {
		entry := fmt.Sprintf("entry %d of a test", i)
		if err := l.Propose([]byte(entry + "\n")); err != nil {
			t.Fatal(err)
		}
		entries = append(entries, entry)
	}
	return entries
}

func TestEntriesComeBack(t *testing.T) {
	for _, sync := range []bool{false, true} {
		dir, opt := t.TempDir(), options(t)
		opt.Sync = sync
		var want []string
		for run := range 5 {
			l, h := open(t, dir, opt)
			if diff := cmp.Diff(want, h.entries); diff != "" {
				t.Fatalf("run %d starts with other entries (-want +got):\n%s", run, diff)
			}
			want = append(want, propose(t, l, 100*run, 100*run+100)...)
			if diff := cmp.Diff(want, h.entries); diff != "" {
				t.Fatalf("run %d applied other entries (-want +got):\n%s", run, diff)
			}
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestMemory(t *testing.T) {
	h := &history{}
	l := Memory(h)
	want := propose(t, l, 0, 10)
	if diff := cmp.Diff(want, h.entries); diff != "" {
		t.Errorf("other entries (-want +got):\n%s", diff)
	}
	l.Close()
	if err := l.Propose([]byte("late\n")); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	if diff := cmp.Diff(want, h.entries); diff != "" {
		t.Errorf("other entries after Close (-want +got):\n%s", diff)
	}
}

// Proposals of many goroutines are each applied once, those of one in their order, and a second run has the
// same order. With the large entries the groups are full.
func TestManyProposers(t *testing.T) {
	for _, size := range []int{0, maxGroup / 3} {
		dir, opt := t.TempDir(), options(t)
		opt.Retention = 256 << 20
		l, h := open(t, dir, opt)
		const proposals = 40
		var proposers sync.WaitGroup
		for p := range 8 {
			proposers.Go(func() {
				for i := range proposals {
					entry := fmt.Appendf(nil, "%d %d %s\n", p, i, strings.Repeat("x", size))
					if err := l.Propose(entry); err != nil {
						t.Error(err)
					}
				}
			})
		}
		proposers.Wait()
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		next := make([]int, 8)
		for _, e := range h.entries {
			var p, i int
			if _, err := fmt.Sscan(e, &p, &i); err != nil || next[p] != i {
				t.Fatalf("%.20q comes where %d %d belongs", e, p, next[p])
			}
			next[p]++
		}
		if slices.Min(next) != proposals {
			t.Errorf("of %d proposals were applied: %v", proposals, next)
		}
		l, again := open(t, dir, opt)
		if !slices.Equal(again.entries, h.entries) {
			t.Error("a second run has another order")
		}
		l.Close()
	}
}

// A counter is a state of a few bytes, whose entries are any bytes.
type counter struct{ groups, bytes int }

func (c *counter) Apply(group []byte) error {
	c.groups++
	c.bytes += len(group)
	return nil
}

func (c *counter) Snapshot() []byte { return fmt.Append(nil, c.groups, c.bytes) }

func (c *counter) Restore(snapshot []byte) error {
	_, err := fmt.Sscan(string(snapshot), &c.groups, &c.bytes)
	return err
}

// folderSize returns the bytes of a folder's files.
func folderSize(t *testing.T, dir string) (n int64) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		n += info.Size()
	}
	return n
}

// The folder has at least the retention and at most twice that, beside a little for each of its segments,
// and a start replays at least the retention.
func TestFolderIsBounded(t *testing.T) {
	dir, opt := t.TempDir(), options(t)
	entry := bytes.Repeat([]byte("x"), 40)
	for run := range 20 {
		c := &counter{}
		l, err := Open(dir, c, opt)
		if err != nil {
			t.Fatal(err)
		}
		if c.groups != run*100 {
			t.Fatalf("of %d entries %d came back", run*100, c.groups)
		}
		for range 100 {
			if err := l.Propose(entry); err != nil {
				t.Fatal(err)
			}
			n := folderSize(t, dir)
			if most := 2*opt.Retention + 5*100; n > most {
				t.Fatalf("the folder holds %d bytes, more than %d", n, most)
			}
			if n < opt.Retention && (run > 0 || c.groups > 30) {
				t.Fatalf("the folder holds %d bytes, less than the retention", n)
			}
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestPermissions(t *testing.T) {
	if os.PathSeparator == '\\' {
		return // Windows has no such bits
	}
	dir := filepath.Join(t.TempDir(), "a", "state")
	l, _ := open(t, dir, options(t))
	propose(t, l, 0, 100)
	l.Close()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) < 3 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, path := range append(files, dir) {
		want := os.FileMode(0o600)
		if path == dir {
			want = 0o700
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v, want %v", path, info.Mode(), err, want)
		}
	}
}

func TestOneServerAtATime(t *testing.T) {
	dir := t.TempDir()
	l, _ := open(t, dir, options(t))
	_, err := Open(dir, &history{}, options(t))
	want := "another server uses the state folder " + dir + ": end it, or choose another with -state"
	if err == nil || err.Error() != want {
		t.Errorf("a second server on the folder: %v, want %s", err, want)
	}
	l.Close()
	open(t, dir, options(t))
}

// What cannot be a folder is refused with one line that says what to do.
func TestNoFolder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{file, filepath.Join(file, "below")} {
		_, err := Open(dir, &history{}, options(t))
		if err == nil || !strings.Contains(err.Error(), file) || strings.Contains(err.Error(), "\n") ||
			!strings.HasSuffix(err.Error(), ": choose another with -state") {
			t.Errorf("%s: %v", dir, err)
		}
	}
}
