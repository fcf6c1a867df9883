package eventlog

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// disk calls note before each step of a test's folder that the death of the machine could come before.
func disk(t *testing.T, note func(step string)) {
	sync, rename := syncFile, renameFile
	syncFile = func(f *os.File) error {
		note("sync " + filepath.Base(f.Name()))
		return sync(f)
	}
	renameFile = func(from, to string) error {
		note("rename " + filepath.Base(from) + " " + filepath.Base(to))
		return rename(from, to)
	}
	t.Cleanup(func() { syncFile, renameFile = sync, rename })
}

// damagedFolder returns a folder whose second segment is damaged at its end, as by an unfinished write.
func damagedFolder(t *testing.T) (dir string, entries []string) {
	files, entries := recorded(t)
	dir = t.TempDir()
	damaged := names(files)[1]
	files[damaged][len(files[damaged])-1] ^= 1
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir, entries
}

// Whenever a repair is cut short, the next start is refused, or has the entry that says what is not known any
// more; and another repair brings it.
func TestRepairCutShort(t *testing.T) {
	dir, entries := damagedFolder(t)
	opt := options(t)
	opt.Retention, opt.Sync, opt.Repair, opt.Dropped = 256, true, true, []byte("dropped\n")
	opt.Notice = func(string) {}
	var states []string // copies of the folder, before each step
	var steps []string
	disk(t, func(step string) {
		at := t.TempDir()
		if err := os.CopyFS(at, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		states, steps = append(states, at), append(steps, step)
	})
	l, h := open(t, dir, opt)
	l.Close()
	kept := slices.Index(h.entries, "dropped")
	if kept < 1 || kept != len(h.entries)-1 || !slices.Equal(h.entries[:kept], entries[:kept]) {
		t.Fatalf("the repaired folder has %q", h.entries)
	}
	disk(t, func(string) {})
	refusals := map[string]int{}
	for i, at := range states {
		opt.Repair = false
		if l, err := Open(at, &history{}, opt); err != nil {
			reason, _, _ := strings.Cut(err.Error(), ":")
			refusals[reason[strings.LastIndex(reason, " is ")+1:]]++
			opt.Repair = true
		} else {
			l.Close()
		}
		l, again := open(t, at, opt)
		l.Close()
		if n := slices.Index(again.entries, "dropped"); n != kept {
			t.Errorf("cut short before %q, then repaired: %q", steps[i], again.entries)
		}
	}
	if len(refusals) < 2 {
		t.Errorf("refused: %v", refusals)
	}
}

// With -sync, a file is on the disk before it has its name, and the name before the next step.
func TestSyncBeforeRename(t *testing.T) {
	dir, _ := damagedFolder(t)
	opt := options(t)
	opt.Retention, opt.Sync, opt.Repair, opt.Dropped = 256, true, true, []byte("dropped\n")
	opt.Notice = func(string) {}
	var steps []string
	disk(t, func(step string) { steps = append(steps, step) })
	l, _ := open(t, dir, opt)
	propose(t, l, 0, 14)
	renames := 0
	for i, step := range steps {
		if !strings.HasPrefix(step, "rename ") {
			continue
		}
		renames++
		if strings.HasPrefix(step, "rename new ") && steps[i-1] != "sync new" {
			t.Errorf("%s after %s", step, steps[i-1])
		}
		if next := "sync " + filepath.Base(dir); steps[i+1] != next && runtime.GOOS != "windows" {
			t.Errorf("%s before %s, not %s", step, steps[i+1], next)
		}
	}
	if renames < 6 {
		t.Errorf("too few renames: %q", steps)
	}
}
