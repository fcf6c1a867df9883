package eventlog

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// unmount makes all writes of a log fail until the folder that it returns exists.
func unmount(t *testing.T, l *Log) (dir string) {
	t.Helper()
	l.commit.Lock()
	defer l.commit.Unlock()
	f := l.store.(*file)
	f.newest.Close()
	f.dir = filepath.Join(f.dir, "unmounted")
	return f.dir
}

// While entries cannot be written, all proposals wait, and go on when they can be: none is lost or doubled.
func TestWaitsForTheDisk(t *testing.T) {
	dir, opt := t.TempDir(), options(t)
	trouble := make(chan error, 10)
	opt.Trouble = func(err error) { trouble <- err }
	l, h := open(t, dir, opt)
	want := propose(t, l, 0, 3)
	mounted := unmount(t, l)
	done := make(chan struct{})
	go func() {
		defer close(done)
		want = append(want, propose(t, l, 3, 6)...)
	}()
	if err := <-trouble; err == nil {
		t.Fatal("no trouble was told")
	}
	select {
	case <-done:
		t.Fatal("entries were taken that could not be written")
	default:
	}
	if err := os.Mkdir(mounted, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := <-trouble; err != nil {
		t.Fatalf("told %v, not that all is well again", err)
	}
	<-done
	if diff := cmp.Diff(want, h.entries); diff != "" {
		t.Errorf("other entries (-want +got):\n%s", diff)
	}
	if len(trouble) > 0 {
		t.Errorf("told more: %v", <-trouble)
	}
	// What came after the failure follows a snapshot of what came before.
	l.Close()
	if _, h := open(t, mounted, opt); !slices.Equal(h.entries, want) {
		t.Errorf("the new segment has %q", h.entries)
	}
}

// Close does not wait for a disk that takes nothing: the proposals fail, and their entries are not applied.
func TestCloseInTrouble(t *testing.T) {
	opt := options(t)
	trouble := make(chan error, 10)
	opt.Trouble = func(err error) { trouble <- err }
	l, h := open(t, t.TempDir(), opt)
	want := propose(t, l, 0, 3)
	unmount(t, l)
	proposed := make(chan error, 2)
	for range 2 {
		go func() { proposed <- l.Propose([]byte("lost\n")) }()
	}
	<-trouble
	l.Close()
	for range 2 {
		if err := <-proposed; !errors.Is(err, ErrClosed) {
			t.Errorf("the proposal ended with %v", err)
		}
	}
	if diff := cmp.Diff(want, h.entries); diff != "" {
		t.Errorf("other entries (-want +got):\n%s", diff)
	}
	if len(trouble) > 0 {
		t.Errorf("trouble was told again: %v", <-trouble)
	}
}

// What a failed write left in a segment, be it all of the group or part of it, does not count, because the
// next segment begins there.
func TestFailedWriteDoesNotCount(t *testing.T) {
	ghost := append(make([]byte, prefixSize), "ghost\n"...)
	for left := range len(ghost) + 1 {
		dir, opt := t.TempDir(), options(t)
		l, _ := open(t, dir, opt)
		want := propose(t, l, 0, 3)
		f := l.store.(*file)
		putPrefix(ghost, f.segments[0].index, f.segments[0].end)
		if _, err := f.newest.Write(ghost[:left]); err != nil {
			t.Fatal(err)
		}
		f.seal()
		want = append(want, propose(t, l, 3, 6)...)
		l.Close()
		if _, h := open(t, dir, opt); !slices.Equal(h.entries, want) {
			t.Errorf("got %q, want %q", h.entries, want)
		}
	}
}

// After a failed fsync nothing is committed any more.
func TestFailedSync(t *testing.T) {
	dir, opt := t.TempDir(), options(t)
	opt.Sync = true
	var trouble []error
	opt.Trouble = func(err error) { trouble = append(trouble, err) }
	l, h := open(t, dir, opt)
	want := propose(t, l, 0, 3)
	fsync := syncFile
	syncFile = func(*os.File) error { return os.ErrDeadlineExceeded }
	first := l.Propose([]byte("unsure\n"))
	syncFile = fsync
	second := l.Propose([]byte("late\n"))
	for _, err := range []error{first, second} {
		if !errors.Is(err, ErrSync) || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("the proposal ended with %v", err)
		}
	}
	if len(trouble) != 1 || !errors.Is(trouble[0], ErrSync) {
		t.Errorf("told: %v", trouble)
	}
	if diff := cmp.Diff(want, h.entries); diff != "" {
		t.Errorf("other entries (-want +got):\n%s", diff)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

// A file system that knows no fsync does without.
func TestNoSync(t *testing.T) {
	opt := options(t)
	opt.Sync = true
	fsync := syncFile
	syncFile = func(f *os.File) error {
		return &os.PathError{Op: "sync", Path: f.Name(), Err: syscall.EINVAL}
	}
	defer func() { syncFile = fsync }()
	l, _ := open(t, t.TempDir(), opt)
	propose(t, l, 0, 100)
}

// A full group takes no more proposals: the next has another.
func TestFullGroup(t *testing.T) {
	l, h := open(t, t.TempDir(), options(t))
	full := &group{record: make([]byte, maxGroup)}
	l.open = full
	want := propose(t, l, 0, 3)
	if len(full.record) > maxGroup || !slices.Equal(h.entries, want) {
		t.Errorf("a full group grew to %d bytes; got %q, want %q", len(full.record), h.entries, want)
	}
}
