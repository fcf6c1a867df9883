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
	"time"
)

// A Saved is a file that is whole.
type Saved struct {
	Path    string // from where the program runs, as the system writes it
	Note    string // what is unexpected about the path, or empty
	Already bool   // it was whole before
}

// Save checks that the part has the size and digest given, gives it its name and its time, and closes it.
func (p *Part) Save(size uint64, digest string) (Saved, error) {
	defer p.Close()
	if got := hex.EncodeToString(p.hash.Sum(nil)); p.Have != size || got != digest {
		p.Drop()
		return Saved{}, fmt.Errorf("%d bytes with SHA-256 %s came, the server has %d with %s: get it again",
			p.Have, got, size, digest)
	}
	if p.whole != nil {
		p.Drop()
		return Saved{Path: p.where(p.local), Already: true}, nil
	}
	if p.file == nil {
		return Saved{}, errors.New("the server ends a download that it has not begun")
	}
	p.flush.Lock()
	p.flushLocked() // a whole name stands for a whole file, after a power cut too
	err := p.flushErr
	p.flush.Unlock()
	if err != nil {
		return Saved{}, p.explain(err)
	}
	saved, err := p.rename(digest)
	if err != nil {
		return saved, p.explain(err)
	}
	p.file.Close()
	p.file = nil // it is no part any more
	return saved, nil
}

// rename gives the part the first name that is free.
func (p *Part) rename(digest string) (s Saved, err error) {
	if closeFirst {
		p.file.Close()
	}
	s.Note = renamed(p.name)
	for n := 1; ; n++ {
		final := numbered(p.local, n)
		s.Path = p.where(final)
		err := move(p.root, p.path, final)
		switch {
		case err == nil && !p.time.IsZero():
			p.file.Close()                             // which may set the time
			p.root.Chtimes(final, time.Time{}, p.time) // or not, where the file system cannot
			return s, nil
		case !errors.Is(err, fs.ErrExist):
			return s, err
		case same(p.root, final, p.size, digest):
			s.Already = true
			return s, p.root.Remove(p.path)
		}
		s.Note = p.where(p.local) + " is another file"
	}
}

// move gives a file a name that nothing has yet, or fails with fs.ErrExist.
func move(root *os.Root, from, to string) error {
	err := root.Link(from, to)
	if err == nil {
		return root.Remove(from)
	}
	if errors.Is(err, fs.ErrExist) {
		return err
	}
	// A file system without links: take the name with an empty file, which no one else can do then, and
	// replace that.
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

// Here reports whether the folder has a file of this size where the file that the server calls name is saved.
func Here(folder, name string, size uint64) bool {
	info, err := os.Lstat(filepath.Join(folder, filepath.FromSlash(local(name))))
	return err == nil && info.Mode().IsRegular() && uint64(info.Size()) == size
}
