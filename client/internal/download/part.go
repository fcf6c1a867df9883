// Package download keeps what is fetched from the shared folder: in a part file until it is whole and its digest is
// right, and then under its own name, which never takes the place of another file.
package download

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"

	"parley/server/wire"
)

const partSuffix = ".part"
const flushEvery = 64 << 20 // bytes: the disk has work while more comes, and little is left for the end

// A Part is a file that is not whole yet. Its name is made of the digest of the file's name and the version, so that it
// has a length that every system can hold, and a later run of the client knows what it has. Its methods take their time:
// they read and write the disk.
type Part struct {
	Version string // of what is here, or "-"
	Have    uint64 // bytes that are here

	name   string    // as the server calls the file
	local  string    // the final path below the folder, with /
	folder string    // as the system writes it
	root   *os.Root  // of folder
	tag    string    // what the part's name begins with
	path   string    // of the part below the folder
	file   *os.File  // nil when there is none yet; at its end otherwise
	size   uint64    // bytes that there will be
	hash   hash.Hash // of what is here

	flush  sync.Mutex // held while what is here goes to the disk; guards the following field
	failed error      // why it did not: the system tells it once
}

// Open returns the part of the file that the server calls name, with what was left of it the last time. The folder is
// made when it is missing.
func Open(folder, name string) (*Part, error) {
	digest := sha256.Sum256([]byte(name))
	tag := hex.EncodeToString(digest[:8]) + "-"
	p := &Part{Version: "-", name: name, local: local(name), tag: tag, folder: folder, hash: sha256.New()}
	err := os.MkdirAll(folder, 0o777)
	if err == nil {
		p.root, err = os.OpenRoot(folder)
	}
	if err == nil {
		err = p.find()
	}
	if err != nil {
		p.Close()
	}
	return p, p.explain(err)
}

// find takes up what was left of the file.
func (p *Part) find() error {
	found, err := fs.Glob(p.root.FS(), p.tag+"*"+partSuffix)
	if err != nil || len(found) == 0 {
		return err
	}
	version, err := hex.DecodeString(strings.TrimSuffix(found[0][len(p.tag):], partSuffix))
	if err != nil {
		return err
	}
	p.Version, p.path = string(version), found[0]
	if p.file, err = p.root.OpenFile(p.path, os.O_RDWR, 0); err != nil {
		return err
	}
	n, err := io.Copy(p.hash, p.file)
	p.Have = uint64(n)
	return err
}

// Write adds bytes. It hashes them meanwhile, which takes about as long.
func (p *Part) Write(b []byte) error {
	if p.Have+uint64(len(b)) > p.size {
		return fmt.Errorf("the server sends more than the %d bytes that it announced", p.size)
	}
	var hashing sync.WaitGroup
	hashing.Go(func() { p.hash.Write(b) })
	_, err := p.file.Write(b)
	hashing.Wait()
	p.Have += uint64(len(b))
	if p.Have%flushEvery < uint64(len(b)) && p.flush.TryLock() { // and Close waits for it
		go func() {
			defer p.flush.Unlock()
			p.failed = cmp.Or(p.failed, p.file.Sync())
		}()
	}
	return p.explain(err)
}

// Begin makes ready for the bytes from offset on, of the size that version has in the end.
func (p *Part) Begin(size, offset uint64, version string) error {
	p.size = size
	switch {
	case offset > size:
		return fmt.Errorf("the server goes on at byte %d of %d", offset, size)
	case p.file != nil && p.Version == version && p.Have == offset:
		return nil
	case offset != 0:
		return fmt.Errorf("the server goes on at byte %d, but %d bytes are here", offset, p.Have)
	case p.file != nil: // of another version
		p.file.Close()
		p.root.Remove(p.path)
	}
	p.Version, p.Have, p.path = version, 0, p.tag+hex.EncodeToString([]byte(version))+partSuffix
	p.hash.Reset()
	err := p.root.MkdirAll(path.Dir(p.local), 0o777)
	if err == nil {
		p.file, err = p.root.OpenFile(p.path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
	}
	return p.explain(err)
}

// Close ends work on the part. What has come is kept.
func (p *Part) Close() {
	p.flush.Lock()
	defer p.flush.Unlock()
	if p.file != nil {
		p.file.Close()
	}
	if p.root != nil {
		p.root.Close()
	}
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

// Save checks that the part has the size and digest given, gives it its name, and closes it. It returns the path from
// where the program runs, as the system writes it, and what is unexpected about it, or nothing.
func (p *Part) Save(size uint64, digest string) (saved, note string, err error) {
	defer p.Close()
	p.flush.Lock() // nothing else has the file from here on
	err = p.failed
	p.flush.Unlock()
	if got := hex.EncodeToString(p.hash.Sum(nil)); p.Have != size || got != digest {
		p.file.Close()
		p.root.Remove(p.path)
		err = fmt.Errorf("%d bytes with SHA-256 %s came, the server has %d with %s: get it again", p.Have, got, size, digest)
		return "", "", err
	}
	if err = cmp.Or(err, p.file.Sync()); err != nil { // a whole name stands for a whole file, after a power cut too
		return "", "", p.explain(err)
	}
	p.file.Close()
	if p.local != p.name {
		note = "under a name that every system can hold"
	}
	final := p.local
	for n := 2; ; n++ {
		err = rename(p.root, p.path, final)
		if errors.Is(err, fs.ErrExist) && same(p.root, final, size, digest) {
			note, err = "it was here already", p.root.Remove(p.path)
		}
		if !errors.Is(err, fs.ErrExist) {
			return p.where(final), note, p.explain(err)
		}
		ext := path.Ext(p.local)
		final = fmt.Sprintf("%s (%d)%s", strings.TrimSuffix(p.local, ext), n, ext)
		note = p.where(p.local) + " is another file"
	}
}

// Here reports whether the folder has a file of this size where the file that the server calls name is saved.
func Here(folder, name string, size uint64) bool {
	info, err := os.Stat(filepath.Join(folder, filepath.FromSlash(local(name))))
	return err == nil && info.Mode().IsRegular() && uint64(info.Size()) == size
}

// where returns the path of a file below the folder as the system writes it.
func (p *Part) where(local string) string { return filepath.Join(p.folder, filepath.FromSlash(local)) }

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

// local returns the path below the folder under which the file that the server calls name is saved. Every element can
// be a name on every system, and none ends like a part's, so that no file is ever taken for a part.
func local(name string) string {
	elements := strings.Split(name, "/")
	for i, e := range elements {
		e = wire.SafeElement(e)
		if n := len(e) - len(partSuffix); n >= 0 && strings.EqualFold(e[n:], partSuffix) {
			e = e[:n] + "_part"
		}
		if e == "" {
			e = "_"
		}
		elements[i] = e
	}
	return strings.Join(elements, "/")
}
