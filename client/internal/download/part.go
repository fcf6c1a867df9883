// Package download keeps files of the shared folder: each in a part until it is whole and its digest is
// right, and then under its own name, which never takes the place of another file.
package download

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

const flushEvery = 64 << 20 // bytes: the disk has work while more comes, and little is left for the end

// A Part is a file that is not whole yet. It lies beside the place of the whole file, with .part after its
// name, and is locked, so that no other client writes it. The digest of its bytes, not its name, tells the
// server whether they are the beginning of its file. Its methods take their time: they read and write the
// disk.
type Part struct {
	Have    uint64 // bytes that are here
	Version string // tells the server which bytes these are; "-" when there are none

	name   string   // as the server calls the file
	local  string   // the final path below the folder, with /
	folder string   // as the system writes it
	root   *os.Root // of folder
	path   string   // of the part below the folder
	file   *os.File // the part; nil when there is none yet, at its end otherwise
	// the whole file of an earlier download, while there is nothing to be written
	here  *os.File
	size  uint64                 // bytes that there will be
	time  time.Time              // when the content was made; zero when that is not known
	hash  hash.Hash              // of what is here
	sync  func(f *os.File) error // has the disk take a file
	space func(folder string) (bytes uint64, known bool)

	flush  sync.Mutex // held while what is here goes to the disk; guards the following field
	failed error      // why it did not: the system tells it once
}

// A Saved is a file that is whole.
type Saved struct {
	Path    string // from where the program runs, as the system writes it
	Note    string // what is unexpected about the path, or nothing
	Already bool   // it was whole before
}

// Open returns the part of the file that the server calls name, with what is here of it: what was left the
// last time, or the whole file. The folder is made when it is missing.
func Open(folder, name string) (*Part, error) {
	p, err := open(folder, name)
	if err == nil {
		err = p.takeStock()
	}
	if err != nil {
		p.Close()
	}
	return p, p.explain(err)
}

// Remove removes what is left of a download that was not finished, unless another client goes on with it.
func Remove(folder, name string) {
	p, err := open(folder, name)
	if err == nil {
		p.Drop()
	}
	p.Close()
}

// open returns the part as it is, not read yet.
func open(folder, name string) (*Part, error) {
	p := &Part{Version: "-", name: name, local: local(name), folder: folder, hash: sha256.New()}
	p.sync, p.space = (*os.File).Sync, free
	err := os.MkdirAll(folder, 0o777)
	if err == nil {
		p.root, err = os.OpenRoot(folder)
	}
	for i, r := range p.local {
		if r != '/' || err != nil {
			continue
		}
		info, no := p.root.Stat(p.local[:i])
		if no == nil && !info.IsDir() {
			err = fmt.Errorf("%s is not a folder: rename it", p.where(p.local[:i]))
		} else if !errors.Is(no, fs.ErrNotExist) {
			err = no
		}
	}
	if err == nil {
		err = p.claim(0)
	}
	return p, err
}

// claim opens and locks the part that is there, or makes one when flags say so. One that another client has
// locked and what is no regular file are left alone: then the part has a number.
func (p *Part) claim(flags int) error {
	for n := 1; p.file == nil; n++ {
		p.path = numbered(partOf(p.local), n)
		before, err := p.root.Lstat(p.path)
		if err == nil && !before.Mode().IsRegular() {
			continue
		}
		file, err := p.root.OpenFile(p.path, os.O_RDWR|flags, 0o666)
		if flags == 0 && errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		if locked(file) {
			file.Close()
			continue
		}
		if _, err := p.root.Lstat(p.path); err == nil {
			p.file = file
			return nil
		}
		file.Close() // the other client was done with it just now, and it has its final name
		n--
	}
	return nil
}

// takeStock reads what is here.
func (p *Part) takeStock() error {
	if p.file != nil {
		if err := p.read(p.file); err != nil || p.Have > 0 {
			return err
		}
	}
	info, err := p.root.Lstat(p.local)
	if err != nil || !info.Mode().IsRegular() {
		return nil
	}
	p.here, err = p.root.Open(p.local)
	if err != nil {
		return nil // a file that cannot be read is another one
	}
	return p.read(p.here)
}

func (p *Part) read(file *os.File) error {
	n, err := io.Copy(p.hash, file)
	p.Have = uint64(n)
	if n > 0 {
		p.Version = "sha256:" + base64.RawURLEncoding.EncodeToString(p.hash.Sum(nil))
	}
	return err
}

// Begin makes ready for the bytes from offset on, of the size that version has in the end.
func (p *Part) Begin(size, offset uint64, version string) error {
	p.size, p.time = size, modified(version)
	switch {
	case offset > size:
		return fmt.Errorf("the server goes on at byte %d of %d", offset, size)
	case offset != 0 && offset != p.Have:
		return fmt.Errorf("the server goes on at byte %d, but %d bytes are here", offset, p.Have)
	case p.here != nil && offset == size:
		return nil
	}
	return p.explain(p.begin(offset))
}

// begin opens the part for the bytes from offset on.
func (p *Part) begin(offset uint64) error {
	err := p.root.MkdirAll(path.Dir(p.local), 0o777)
	if err == nil {
		err = p.claim(os.O_CREATE)
	}
	if err != nil {
		return err
	}
	whole := p.here
	p.here = nil
	if whole != nil {
		defer whole.Close()
	}
	if whole != nil || offset == 0 {
		p.Have = 0
		p.hash.Reset()
		_, err = p.file.Seek(0, io.SeekStart)
		err = cmp.Or(err, p.file.Truncate(0))
	}
	if room, known := p.space(p.folder); known && room < p.size-p.Have {
		return fmt.Errorf("%d bytes more are needed, %d are free", p.size-p.Have, room)
	}
	if whole != nil && err == nil { // the server's file is longer by now
		_, err = whole.Seek(0, io.SeekStart)
		n, e := io.Copy(io.MultiWriter(p.file, p.hash), io.LimitReader(whole, int64(offset)))
		p.Have, err = uint64(n), cmp.Or(err, e)
	}
	return err
}

// Write adds bytes. It hashes them meanwhile, which takes about as long.
func (p *Part) Write(b []byte) error {
	if p.Have+uint64(len(b)) > p.size {
		return fmt.Errorf("the server sends more than the %d bytes that it announced", p.size)
	}
	var hashing sync.WaitGroup
	hashing.Go(func() { p.hash.Write(b) })
	n, err := p.file.Write(b)
	hashing.Wait()
	p.Have += uint64(n)
	if p.Have%flushEvery < uint64(len(b)) && p.flush.TryLock() { // and Close waits for it
		go func() {
			defer p.flush.Unlock()
			p.failed = cmp.Or(p.failed, p.toDisk())
		}()
	}
	if err != nil {
		err = fmt.Errorf("%w: %s keeps the first %d bytes", p.explain(err), p.where(p.path), p.Have)
	}
	return err
}

// toDisk flushes the part, where the file system can do that.
func (p *Part) toDisk() error {
	err := p.sync(p.file)
	known := func(e error) bool { return errors.Is(err, e) }
	if known(errors.ErrUnsupported) || slices.ContainsFunc(notSynced, known) {
		return nil
	}
	return err
}

// Close ends work on the part. What has come is kept; a part without a byte, as on a full disk, is not.
func (p *Part) Close() {
	if p.Have == 0 {
		p.Drop()
	}
	p.flush.Lock()
	defer p.flush.Unlock()
	for _, f := range []*os.File{p.file, p.here} {
		if f != nil {
			f.Close()
		}
	}
	if p.root != nil {
		p.root.Close()
	}
}

// Drop removes the part. It must still be closed.
func (p *Part) Drop() {
	p.flush.Lock()
	defer p.flush.Unlock()
	if p.file == nil {
		return
	}
	if closeFirst {
		p.file.Close()
	}
	p.root.Remove(p.path)
}

// explain says what stops a file from being saved; how the system call is named is nothing to the person.
func (p *Part) explain(err error) error {
	if err == nil {
		return nil
	}
	for inner := err; inner != nil; inner = errors.Unwrap(inner) {
		err = inner
	}
	return fmt.Errorf("cannot save it in %s: %w", p.folder, err)
}

// Save checks that the part has the size and digest given, gives it its name and its time, and closes it.
func (p *Part) Save(size uint64, digest string) (Saved, error) {
	defer p.Close()
	if got := hex.EncodeToString(p.hash.Sum(nil)); p.Have != size || got != digest {
		p.Drop()
		return Saved{}, fmt.Errorf("%d bytes with SHA-256 %s came, the server has %d with %s: get it again",
			p.Have, got, size, digest)
	}
	if p.here != nil {
		p.Drop()
		return Saved{Path: p.where(p.local), Already: true}, nil
	}
	if p.file == nil {
		return Saved{}, errors.New("the server ends a download that it has not begun")
	}
	p.flush.Lock()                      // nothing else has the file from here on
	err := cmp.Or(p.failed, p.toDisk()) // a whole name stands for a whole file, after a power cut too
	p.flush.Unlock()
	if err != nil {
		return Saved{}, p.explain(err)
	}
	saved, err := p.finish(digest)
	if err == nil {
		p.file.Close()
		p.file = nil // it is no part any more
	}
	return saved, err
}

// finish gives the part the first name that is free.
func (p *Part) finish(digest string) (s Saved, err error) {
	if closeFirst {
		p.file.Close()
	}
	if p.local != p.name {
		s.Note = "under a name that every system can hold"
	}
	for n := 1; ; n++ {
		final := numbered(p.local, n)
		s.Path = p.where(final)
		err = rename(p.root, p.path, final)
		if err == nil && !p.time.IsZero() {
			p.file.Close()                             // which may set the time
			p.root.Chtimes(final, time.Time{}, p.time) // or not, where the file system cannot
		}
		if errors.Is(err, fs.ErrExist) && same(p.root, final, p.size, digest) {
			s.Already, err = true, p.root.Remove(p.path)
		}
		if !errors.Is(err, fs.ErrExist) {
			return s, p.explain(err)
		}
		s.Note = p.where(p.local) + " is another file"
	}
}

// where returns the path of a file below the folder as the system writes it.
func (p *Part) where(local string) string { return filepath.Join(p.folder, filepath.FromSlash(local)) }

// Here reports whether the folder has a file of this size where the file that the server calls name is saved.
func Here(folder, name string, size uint64) bool {
	info, err := os.Lstat(filepath.Join(folder, filepath.FromSlash(local(name))))
	return err == nil && info.Mode().IsRegular() && uint64(info.Size()) == size
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
