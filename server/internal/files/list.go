package files

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"parley/server/internal/deliver"
	"parley/server/wire"
)

const (
	maxList = 4 << 20 // bytes of the names in a list: ten times those of wire.MaxFiles usual names
	// A list is not made again before restShare times as long as it took has passed, nor need anyone wait
	// for longer than maxRest: those who ask for lists take a tenth of a CPU and of the disk.
	restShare = 9
	maxRest   = time.Second
)

// A Listing is what the folder holds: at most wire.MaxFiles, whose names take at most maxList.
type Listing struct {
	Answer  *deliver.Answer // to FILES; nil after an error
	Files   []wire.Message  // a FILE for each regular file, in the order of their names
	Cut     bool            // there are more files
	Skipped int             // files and folders that cannot be offered
	Example string          // the quoted name of one of these, and the reason
}

// String counts the files for a person.
func (l Listing) String() string {
	s := fmt.Sprintf("%d files", len(l.Files))
	if len(l.Files) == 1 {
		s = "1 file"
	}
	if l.Cut {
		s += ", here the list is cut: others can be had by name"
	}
	if l.Skipped > 0 {
		s += fmt.Sprintf(", %d more cannot be offered", l.Skipped)
	}
	return s
}

// A listing is made once for all callers of List that wait for it.
type listing struct {
	Listing
	err  error
	done chan struct{} // closed when the fields above are set
}

// List returns what the folder holds after the call began. All who ask while a listing is made share the next
// one, so a hung disk is asked once, whoever asks. The error is ErrStopped if stop was closed before, else a
// *wire.ProtocolError.
func (f *Folder) List(stop <-chan struct{}) (Listing, error) {
	f.mu.Lock()
	l := f.next
	if l == nil {
		l = &listing{done: make(chan struct{})}
		f.next = l
		f.work.Go(func() { f.make(l) })
	}
	f.mu.Unlock()
	select {
	case <-l.done:
		return l.Listing, l.err
	case <-stop:
		return Listing{}, ErrStopped
	}
}

// make makes a listing after the one in progress.
func (f *Folder) make(l *listing) {
	defer f.guard()
	f.listing <- struct{}{}
	defer func() { <-f.listing }()
	f.mu.Lock()
	f.next = nil // whoever asks from now on wants to see what is changed from now on
	f.mu.Unlock()
	began := time.Now()
	l.Listing, l.err = f.list()
	if l.err == nil {
		l.Answer = l.answer()
	}
	close(l.done)
	select {
	case <-time.After(min(restShare*time.Since(began), maxRest)):
	case <-f.closing:
	}
}

// answer returns the answer to FILES.
func (l *Listing) answer() *deliver.Answer {
	a := deliver.NewAnswer(wire.Message{Verb: wire.Files, Count: uint64(len(l.Files)),
		Text: fmt.Appendf(nil, "you may read the shared folder: %v", l)})
	for i := range l.Files {
		a.Append(&l.Files[i])
	}
	return a
}

func (f *Folder) list() (l Listing, err error) {
	size := 0 // of the names
	f.beforeIO()
	root, err := f.current()
	if err != nil {
		return l, folderError(wire.Files, err)
	}
	err = fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil && name == "." {
			return err
		}
		if isHidden(name) {
			return skip(d)
		}
		if d.Type().IsRegular() && (len(l.Files) == wire.MaxFiles || size+len(name) > maxList) {
			l.Cut = true
			return fs.SkipAll
		}
		m, err := offer(root, name, d, err)
		if err != nil {
			l.Skipped++
			l.Example = cmp.Or(l.Example, fmt.Sprintf("%.200q: %v", name, cause(err)))
		} else if m != nil {
			l.Files = append(l.Files, *m)
			size += len(name)
		}
		return nil
	})
	if err != nil {
		return l, folderError(wire.Files, err)
	}
	return l, nil
}

// skip leaves out an entry, and all that is in it.
func skip(d fs.DirEntry) error {
	if d.IsDir() {
		return fs.SkipDir
	}
	return nil
}

// offer returns the FILE for the entry d, or the reason why it cannot be offered. It returns neither for a
// folder, and for a file that was removed meanwhile. err is why the folder d cannot be read.
func offer(root *os.Root, name string, d fs.DirEntry, err error) (*wire.Message, error) {
	const everyone = 0o004 // may read the file
	if d.IsDir() || err != nil {
		return nil, err
	}
	info, err := root.Stat(name) // follows links that stay within the folder
	switch {
	case errors.Is(err, fs.ErrNotExist) && d.Type()&fs.ModeSymlink == 0:
		return nil, nil
	case err != nil:
		return nil, err
	case info.IsDir():
		return nil, nil // a link to a folder, whose files are listed where they are
	}
	err = cmp.Or(checkRegular(info), checkName(name))
	if err == nil && info.Mode()&everyone == 0 {
		var file *os.File
		file, err = openRegular(root, name)
		if err == nil {
			err = file.Close()
		}
	}
	if err != nil {
		return nil, err
	}
	return &wire.Message{Verb: wire.File, Size: uint64(info.Size()), Time: millis(info),
		Name: []byte(name)}, nil
}
