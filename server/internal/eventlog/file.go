package eventlog

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"

	"github.com/gofrs/flock"
)

// The folder of a log holds
//
//	lock             locked by the server that uses the folder
//	<index>.events   a segment, whose first group has that index: 16 hex digits
//	new              a file in the making
//	repairing        a repair drops groups, or was cut short
//	*.damaged        what a repair set aside
//
// A segment is a line with its version and then records: a snapshot of the state before the first group, and
// one record for each group. It ends at the index where the next begins. What follows that in it, a failed
// write may have left, and does not count.
//
// A segment is full with half the retention of groups. The oldest is removed when those after it hold the
// retention, before another begins. So the folder has at most twice the retention of groups, and a snapshot
// for each segment.
const (
	version   = 2
	formatted = "parley events, version %d\n"
)

// header is the first line of a segment. Version 1 had no owners of names, no bans and no invitations; its
// segments are read, and what comes after them goes into another one.
var header = fmt.Sprintf(formatted, version)

// Options say how a folder is used. Trouble and Notice must not call the log.
type Options struct {
	Retention int64 // bytes of groups that are kept at least
	Sync      bool  // entries survive the death of the machine, not only of the process
	Repair    bool  // keep all up to damage, instead of refusing it

	// Dropped are the entries that come next after a repair that dropped groups. What followed from those was
	// answered, but is not known any more.
	Dropped []byte

	Trouble func(error)       // told when entries cannot be written, and with nil when they can again
	Notice  func(text string) // told what is unusual about the folder
}

// A file is the folder of a log. Log.commit guards it.
type file struct {
	dir   string
	state State
	opt   Options
	lock  *flock.Flock

	repairing bool       // groups were dropped, and Dropped is not written yet
	next      uint64     // index of the next group
	segments  []*segment // oldest first
	newest    *os.File   // the last of them; nil when the next group needs a new one
}

// A segment has its groups between two offsets. What follows them does not count.
type segment struct {
	version    int    // 0 where the file does not say it
	index      uint64 // of the first group
	start, end int
}

// Open opens the folder, makes it if it is missing, and returns a log whose state, empty before, is what the
// folder holds. An error is one line that names the file, what is wrong with it and what to do.
func Open(dir string, state State, opt Options) (*Log, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, unusable(err)
	}
	f := &file{dir: dir, state: state, opt: opt, lock: flock.New(filepath.Join(dir, "lock"))}
	locked, err := f.lock.TryLock()
	if err != nil {
		return nil, unusable(err)
	}
	if !locked {
		return nil, fmt.Errorf("another server uses the state folder %s: "+
			"end it, or choose another with -state", dir)
	}
	err = f.replay()
	if err == nil && f.newest == nil {
		err = unusable(f.roll())
	}
	if err == nil && f.repairing {
		err = unusable(f.endRepair())
	}
	if err != nil {
		f.close()
		return nil, err
	}
	return newLog(state, f, opt.Trouble), nil
}

// unusable adds to an error of the system, if there is one, what to do about it.
func unusable(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("cannot use the state folder: %w: choose another with -state", err)
}

// segmentName returns the file name of the segment with that index.
func segmentName(index uint64) string { return fmt.Sprintf("%016x.events", index) }

func (f *file) path(index uint64) string { return filepath.Join(f.dir, segmentName(index)) }

// commit writes a group down and has the state apply it.
func (f *file) commit(record []byte, _ <-chan struct{}) error {
	err := f.append(record)
	if err == nil {
		apply(f.state, record[prefixSize:])
	}
	return err
}

// append writes a group. After a failure the next one begins a new segment, with the index of the failed one.
func (f *file) append(record []byte) error {
	if f.newest == nil || groupBytes(f.segments[len(f.segments)-1:]) >= f.opt.Retention/2 {
		if err := f.roll(); err != nil {
			return err
		}
	}
	last := f.segments[len(f.segments)-1]
	putPrefix(record, last.index, last.end)
	_, err := f.newest.Write(record)
	if err == nil && f.opt.Sync {
		err = flush(f.newest)
	}
	if err != nil {
		f.seal()
		return err
	}
	last.end += len(record)
	f.next++
	return nil
}

// groupBytes returns the bytes of the groups of segments.
func groupBytes(segments []*segment) (n int64) {
	for _, s := range segments {
		n += int64(s.end - s.start)
	}
	return n
}

// roll begins a new segment, and removes those that the retention does not need.
func (f *file) roll() error {
	f.seal()
	if err := f.owned(); err != nil {
		return err
	}
	for len(f.segments) > 1 && groupBytes(f.segments[1:]) >= f.opt.Retention {
		if os.Remove(f.path(f.segments[0].index)) != nil {
			break // the next roll tries again
		}
		f.segments = f.segments[1:]
	}
	content := append([]byte(header), make([]byte, prefixSize)...)
	content = append(content, f.state.Snapshot()...)
	putPrefix(content[len(header):], f.next, len(header))
	if err := f.write(f.path(f.next), content); err != nil {
		return err
	}
	// A segment without a group, abandoned after a failure, was just replaced.
	f.segments = slices.DeleteFunc(f.segments, func(s *segment) bool { return s.index == f.next })
	f.segments = append(f.segments,
		&segment{version: version, index: f.next, start: len(content), end: len(content)})
	return f.resume()
}

// owned returns an error unless the lock at the path is still the one that this process holds: another server
// may use a folder that has taken the place of a removed one.
func (f *file) owned() error {
	held, err := f.lock.Stat()
	if err != nil {
		return err
	}
	found, err := os.Stat(f.lock.Path())
	if err == nil && !os.SameFile(held, found) {
		err = fmt.Errorf("%s is another folder than at the start", f.dir)
	}
	return err
}

// resume opens the newest segment for more groups.
func (f *file) resume() (err error) {
	last := f.segments[len(f.segments)-1]
	f.newest, err = os.OpenFile(f.path(last.index), os.O_WRONLY|os.O_APPEND, 0)
	return err
}

// seal closes the newest segment.
func (f *file) seal() {
	if f.newest != nil {
		f.newest.Close()
		f.newest = nil
	}
}

// write makes a file with that content, or none: it gets its name when all of it is written.
func (f *file) write(path string, content []byte) error {
	temporary := filepath.Join(f.dir, "new")
	made, err := os.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = made.Write(content)
	if err == nil && f.opt.Sync {
		err = flush(made)
	}
	err = errors.Join(err, made.Close()) // before its name changes, for Windows
	if err == nil {
		err = f.rename(temporary, path)
	}
	if err != nil {
		os.Remove(temporary) // which makes room on a full disk
	}
	return err
}

func (f *file) rename(from, to string) error {
	if err := renameFile(from, to); err != nil {
		return err
	}
	return f.keepNames()
}

// keepNames has the disk take the names of the files.
func (f *file) keepNames() error {
	if !f.opt.Sync || runtime.GOOS == "windows" { // which keeps names by itself
		return nil
	}
	folder, err := os.Open(f.dir)
	if err != nil {
		return err
	}
	defer folder.Close()
	return flush(folder)
}

// A test looks at what these do, and has them fail.
var (
	syncFile   = (*os.File).Sync
	renameFile = os.Rename
)

// flush has the disk take what was written to a file. A file system that cannot do that does without.
func flush(f *os.File) error {
	err := syncFile(f)
	for _, unable := range []error{nil, syscall.EINVAL, syscall.ENOTTY, errors.ErrUnsupported} {
		if errors.Is(err, unable) {
			return nil
		}
	}
	return fmt.Errorf("%w: %w", ErrSync, err)
}

func (f *file) close() error {
	f.seal()
	return f.lock.Close()
}
