// Package download keeps what is fetched from the shared folder: in a part file until it is whole and its digest is
// right, and then under its own name, which never takes the place of another file.
package download

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// queue is how many steps may wait for the disk: more than the pieces that can be under way, so that nobody who asks
// for a step waits.
const queue = 64

// A Kind tells reports apart.
type Kind int

// The kinds of reports.
const (
	Ready  Kind = iota // Offset bytes of Version are here, and more can come
	Saved              // it is whole, at Path
	Failed             // Err says why; what has come is kept where it is of use
)

// A Report is what became of a step.
type Report struct {
	Kind
	Name    string // as the server calls the file
	Offset  uint64
	Version string
	Path    string // from where the program runs, as the system writes it
	Note    string // what is unexpected about Path, or empty
	Err     error
}

// A Store writes files below one folder, one at a time. Its methods return at once; the steps are done in their order
// by a goroutine of the Store's own, so that a slow disk keeps nobody waiting.
type Store struct {
	// set at construction, never changed
	folder  string
	free    func([]byte)
	steps   chan func()
	reports chan Report
	done    chan struct{}

	// owned by the goroutine of run
	root *os.Root // of folder; nil until the first file
	part *part    // the file under way, or nil
}

// New returns a Store of the files below folder, which is made when there is something to put in it. What Write was
// given is handed to free when it is written.
func New(folder string, free func([]byte)) *Store {
	s := &Store{folder: folder, free: free, steps: make(chan func(), queue), reports: make(chan Report, queue), done: make(chan struct{})}
	go s.run()
	return s
}

// Reports returns what became of Prepare, Begin, Write and Finish.
func (s *Store) Reports() <-chan Report { return s.reports }

// Prepare takes up the file that the server calls name, where it was left or from the start. Ready or Failed answers.
func (s *Store) Prepare(name string) { s.steps <- func() { s.check(name, s.prepare(name)) } }

// Begin says that size bytes of version will be there in the end, and that those from offset on come now.
func (s *Store) Begin(size, offset uint64, version string) {
	s.step(func(p *part) error { return p.begin(s.root, size, offset, version) })
}

// Write adds the next bytes. They belong to the Store until it frees them.
func (s *Store) Write(b []byte) {
	s.steps <- func() {
		defer s.free(b)
		if s.part != nil {
			s.check(s.part.name, s.part.write(b))
		}
	}
}

// Finish checks that the file is whole and gives it its name. Saved or Failed answers.
func (s *Store) Finish(size uint64, digest string) {
	s.step(func(p *part) error { return s.finish(p, size, digest) })
}

// Leave ends work on the file. What has come is kept, for Prepare to go on with.
func (s *Store) Leave() { s.steps <- s.leave }

// Close does what Leave does, and waits until it is done.
func (s *Store) Close() {
	s.Leave()
	close(s.steps)
	<-s.done
}

func (s *Store) run() {
	defer close(s.done)
	for step := range s.steps {
		step()
	}
	if s.root != nil {
		s.root.Close()
	}
}

// step does f with the file under way, unless that has failed before.
func (s *Store) step(f func(*part) error) {
	s.steps <- func() {
		if p := s.part; p != nil {
			s.check(p.name, f(p))
		}
	}
}

// check leaves the file under way when there is an error, and reports it.
func (s *Store) check(name string, err error) {
	if err != nil {
		s.leave()
		var file *fs.PathError
		var link *os.LinkError
		switch { // how the system call is named is nothing to the person
		case errors.As(err, &file):
			err = fmt.Errorf("cannot save it in %s: %w", s.folder, file.Err)
		case errors.As(err, &link):
			err = fmt.Errorf("cannot save it in %s: %w", s.folder, link.Err)
		}
		s.reports <- Report{Kind: Failed, Name: name, Err: err}
	}
}

func (s *Store) leave() {
	if s.part != nil {
		s.part.close()
		s.part = nil
	}
}

func (s *Store) prepare(name string) error {
	if s.part == nil || s.part.name != name {
		s.leave()
		if s.root == nil {
			if err := os.MkdirAll(s.folder, 0o777); err != nil {
				return err
			}
			root, err := os.OpenRoot(s.folder)
			if err != nil {
				return err
			}
			s.root = root
		}
		p, err := open(s.root, name)
		if err != nil {
			return err
		}
		s.part = p
	}
	s.reports <- Report{Kind: Ready, Name: name, Offset: s.part.have, Version: s.part.version}
	return nil
}

// finish checks the part, and names it.
func (s *Store) finish(p *part, size uint64, digest string) error {
	if got := hex.EncodeToString(p.hash.Sum(nil)); p.have != size || got != digest {
		p.close()
		s.root.Remove(p.path)
		return fmt.Errorf("%d bytes with SHA-256 %s came, the server has %d with %s: get it again", p.have, got, size, digest)
	}
	if err := p.file.Sync(); err != nil { // a whole name stands for a whole file, after a power cut too
		return err
	}
	p.close()
	final, note, err := s.name(p, digest)
	if err != nil {
		return err
	}
	s.part = nil
	s.reports <- Report{Kind: Saved, Name: p.name, Path: s.path(final), Note: note}
	return nil
}

// path returns the path of a file below the folder as the system writes it.
func (s *Store) path(local string) string { return filepath.Join(s.folder, filepath.FromSlash(local)) }

// name gives the part the first name that is free: its own, or one with a number.
func (s *Store) name(p *part, digest string) (final, note string, err error) {
	if p.local != p.name {
		note = "under a name that every system can hold"
	}
	for n := 1; ; n++ {
		final = p.local
		if n > 1 {
			final = numbered(p.local, n)
			note = fmt.Sprintf("%s is another file", s.path(p.local))
		}
		err = rename(s.root, p.path, final)
		switch {
		case errors.Is(err, fs.ErrExist) && same(s.root, final, p.have, digest):
			s.root.Remove(p.path)
			return final, "it was here already", nil
		case !errors.Is(err, fs.ErrExist):
			return final, note, err
		}
	}
}

// rename gives a file a name that nothing has yet, or fails with fs.ErrExist.
func rename(root *os.Root, from, to string) error {
	err := root.Link(from, to)
	if err == nil {
		return root.Remove(from)
	}
	if errors.Is(err, fs.ErrExist) {
		return err
	}
	// A file system without links: take the name with an empty file, which no one else can do then, and replace it.
	f, err := root.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666)
	if err != nil {
		return err
	}
	f.Close()
	if err = root.Rename(from, to); err != nil {
		root.Remove(to)
	}
	return err
}

// same reports whether a file has the size and digest given.
func same(root *os.Root, name string, size uint64, digest string) bool {
	info, err := root.Stat(name)
	if err != nil || !info.Mode().IsRegular() || uint64(info.Size()) != size {
		return false
	}
	f, err := root.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	h := sha256.New()
	_, err = io.Copy(h, f)
	return err == nil && hex.EncodeToString(h.Sum(nil)) == digest
}
