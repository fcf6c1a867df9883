package eventlog

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// recorded returns the segments of a small folder by their names, and its entries.
func recorded(t *testing.T) (files map[string][]byte, entries []string) {
	t.Helper()
	dir, opt := t.TempDir(), options(t)
	opt.Retention = 256
	l, h := open(t, dir, opt)
	propose(t, l, 0, 14)
	l.Close()
	paths, err := filepath.Glob(filepath.Join(dir, "0*"))
	if err != nil || len(paths) < 3 {
		t.Fatalf("at least three segments are wanted: %v, %v", paths, err)
	}
	files = make(map[string][]byte)
	for _, p := range paths {
		data, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		files[filepath.Base(p)] = data
	}
	return files, h.entries
}

// names returns the names of segments, oldest first.
func names(files map[string][]byte) []string { return slices.Sorted(maps.Keys(files)) }

// check opens a folder with these files: it holds the first of the entries, or is refused. It returns how
// many entries there are, and the refusal.
func check(t *testing.T, files map[string][]byte, entries []string, repair bool) (n int, refused error) {
	t.Helper()
	dir, opt := t.TempDir(), options(t)
	opt.Retention, opt.Repair = 256, repair
	opt.Notice = func(string) {}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	h := &history{}
	l, err := Open(dir, h, opt)
	if err != nil {
		if strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), "-state") {
			t.Fatalf("the refusal is not a line with what to do: %q", err)
		}
		return 0, err
	}
	n = len(h.entries)
	if n > len(entries) || !slices.Equal(h.entries, entries[:n]) {
		t.Fatalf("the folder holds entries that were never proposed: %q", h.entries)
	}
	// It goes on from there, and more starts find that, too, without a repair.
	opt.Repair = false
	opt.Notice = func(text string) { t.Errorf("a notice at a later start: %s", text) }
	for range 2 {
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		h := &history{}
		l, err = Open(dir, h, opt)
		if err != nil {
			t.Fatalf("a later start: %v", err)
		}
		if !slices.Equal(h.entries, entries[:n]) {
			t.Fatalf("a later start has %q", h.entries)
		}
		if err := l.Propose([]byte("later\n")); err != nil {
			t.Fatal(err)
		}
		entries = append(slices.Clone(entries[:n]), "later")
		n++
	}
	l.Close()
	return n - 2, nil
}

// with returns files with one of them changed.
func with(files map[string][]byte, name string, data []byte) map[string][]byte {
	changed := maps.Clone(files)
	changed[name] = data
	return changed
}

// A write that the death of the server cut short, at any byte, costs the groups that it cut, and no more.
func TestTornTail(t *testing.T) {
	files, entries := recorded(t)
	newest := slices.Max(names(files))
	data, whole := files[newest], len(entries)
	for cut := len(data) - 1; cut >= 0; cut-- {
		for _, room := range []int{0, 100} { // that the file system made
			n, err := check(t, with(files, newest, append(slices.Clone(data[:cut]), make([]byte, room)...)),
				entries, false)
			if err != nil {
				t.Fatalf("cut at %d of %d: %v", cut, len(data), err)
			}
			if n > whole || whole-n > 1 {
				t.Fatalf("cut at %d of %d: %d entries after %d with a byte more", cut, len(data), n, whole)
			}
			whole = n
		}
	}
	if whole == len(entries) {
		t.Error("nothing was lost")
	}
}

// The first segment of all has no older one to go on from.
func TestTornFirst(t *testing.T) {
	dir := t.TempDir()
	l, h := open(t, dir, options(t))
	propose(t, l, 0, 3)
	l.Close()
	name := segmentName(0)
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	for cut := range data {
		n, err := check(t, map[string][]byte{name: data[:cut]}, h.entries, cut%2 == 0)
		if refused := cut < len(header)+prefixSize; refused != (err != nil) {
			t.Errorf("cut at %d: %d entries, %v", cut, n, err)
		}
	}
}

// A flipped bit anywhere is refused, or it costs the last group if it looks like a write cut short. With
// Repair the folder opens to the entries before it, or to all if it is in the oldest snapshot, as a later
// one has it, too.
func TestFlippedBits(t *testing.T) {
	files, entries := recorded(t)
	for number, name := range names(files) {
		newest := number == len(files)-1
		lost := 0 // with -repair, at most
		for at := range files[name] {
			flipped := slices.Clone(files[name])
			flipped[at] ^= 1 << (at % 8)
			n, err := check(t, with(files, name, flipped), entries, false)
			if err == nil && (!newest || n != len(entries)-1) {
				t.Fatalf("byte %d of %s: %d of %d entries", at, name, n, len(entries))
			}
			if err == nil || strings.Contains(err.Error(), "is of version") {
				continue
			}
			if !strings.Contains(err.Error(), name+" is damaged at byte ") {
				t.Fatalf("byte %d of %s: the refusal does not name the file: %v", at, name, err)
			}
			n, err = check(t, with(files, name, flipped), entries, true)
			if err != nil {
				t.Fatalf("byte %d of %s: not repaired: %v", at, name, err)
			}
			lost = max(lost, len(entries)-n)
		}
		t.Logf("%s: at most %d of %d entries lost", name, lost, len(entries))
	}
}

// A repair destroys nothing.
func TestRepairKeeps(t *testing.T) {
	files, entries := recorded(t)
	dir, opt := t.TempDir(), options(t)
	opt.Repair = true
	var notices []string
	opt.Notice = func(text string) { notices = append(notices, text) }
	damaged := names(files)[1]
	files[damaged][len(files[damaged])-1] ^= 1
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, h := open(t, dir, opt)
	if n := len(h.entries); n == 0 || n >= len(entries) || !slices.Equal(h.entries, entries[:n]) {
		t.Errorf("kept %q of %q", h.entries, entries)
	}
	for _, name := range names(files)[1:] {
		kept, err := os.ReadFile(filepath.Join(dir, name+damagedSuffix))
		if err != nil || !slices.Equal(kept, files[name]) {
			t.Errorf("%s was not kept as it was: %v", name, err)
		}
	}
	if len(notices) != 1 || !strings.Contains(notices[0], damaged+" was damaged at byte ") ||
		!strings.Contains(notices[0], fmt.Sprintf("%d later segments", len(files)-2)) {
		t.Errorf("told: %q", notices)
	}
}

// Bytes that are right but not entries are damage.
func TestNotEntries(t *testing.T) {
	dir, opt := t.TempDir(), options(t)
	l, err := Open(dir, &counter{}, opt) // takes anything
	if err != nil {
		t.Fatal(err)
	}
	l.Propose([]byte("no line"))
	l.Close()
	want := fmt.Sprintf("is damaged at byte %d: ", len(header)+prefixSize+len("0 0"))
	_, err = Open(dir, &picky{}, opt)
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want %s", err, want)
	}
	opt.Repair = true
	l, err = Open(dir, &picky{}, opt)
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
}

// A picky state takes no entries at all.
type picky struct{ counter }

func (p *picky) Apply([]byte) error { return fmt.Errorf("no entries") }

// A file or a record that is right in itself is refused in another place.
func TestMoved(t *testing.T) {
	files, entries := recorded(t)
	newest := slices.Max(names(files))
	for other, data := range files {
		if _, err := check(t, with(files, newest, data), entries, false); err == nil && other != newest {
			t.Errorf("%s opens in the place of %s", other, newest)
		}
	}
	oldest := names(files)[0]
	data := slices.Clone(files[oldest])
	length := prefixSize + len("entry 9 of a test\n") // of each of the first two groups
	first := len(header) + prefixSize
	if oldest != segmentName(0) {
		snapshot, _ := recordAt(data, 0, len(header))
		first += len(snapshot)
	}
	copy(data[first:], data[first+length:])
	if n, err := check(t, with(files, oldest, data), entries, false); err == nil {
		t.Errorf("a record opens in the place of another, with %d entries", n)
	}
}

// The oldest segment may be missing, for it may be removed, and the newest; one between may not.
func TestMissingFile(t *testing.T) {
	files, entries := recorded(t)
	for number, name := range names(files) {
		without := maps.Clone(files)
		delete(without, name)
		n, err := check(t, without, entries, false)
		if inner := number > 0 && number < len(files)-1; inner != (err != nil) {
			t.Errorf("without %s: %d entries, %v", name, n, err)
		}
	}
}

func TestNewerVersion(t *testing.T) {
	files, entries := recorded(t)
	for name, data := range files {
		newer := []byte(strings.Replace(string(data), "version 2", "version 3", 1))
		for _, repair := range []bool{false, true} {
			_, err := check(t, with(files, name, newer), entries, repair)
			want := name + " is of version 3, this server knows versions up to 2: " +
				"use a newer server, or choose another folder with -state"
			if err == nil || !strings.HasSuffix(err.Error(), want) {
				t.Errorf("%s of a newer version: %v, want %q", name, err, want)
			}
		}
	}
}

// FuzzOpen opens folders with anything in the place of a segment, after some of its right bytes.
func FuzzOpen(f *testing.F) {
	f.Add(uint8(0), uint16(0), []byte(header))
	f.Add(uint8(1), uint16(40), []byte{5, 0, 0, 0, 1, 2, 3, 4, 'h', 'e', 'l', 'l', 'o'})
	f.Add(uint8(2), uint16(60), []byte{})
	f.Fuzz(func(t *testing.T, number uint8, keep uint16, tail []byte) {
		files, entries := recorded(t)
		name := names(files)[int(number)%len(files)]
		data := files[name]
		data = append(slices.Clone(data[:min(int(keep), len(data))]), tail...)
		check(t, with(files, name, data), entries, false)
		check(t, with(files, name, data), entries, true)
	})
}
