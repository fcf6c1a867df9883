// Package download keeps what is fetched from the shared folder: in a part file until it is whole and its digest is
// right, and then under its own name, which never takes the place of another file.
package download

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
)

const partSuffix = ".part"

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
	path   string    // of the part below the folder
	file   *os.File  // nil when there is none yet; at its end otherwise
	size   uint64    // bytes that there will be
	hash   hash.Hash // of what is here
}

// Open returns the part of the file that the server calls name, with what was left of it the last time. The folder is
// made when it is missing.
func Open(folder, name string) (*Part, error) {
	p := &Part{Version: "-", name: name, local: local(name), folder: folder, hash: sha256.New()}
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
	tag := p.tag()
	found, err := fs.Glob(p.root.FS(), tag+"*"+partSuffix)
	if err != nil || len(found) == 0 {
		return err
	}
	version, err := hex.DecodeString(strings.TrimSuffix(found[0][len(tag):], partSuffix))
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

// tag returns what the part's name begins with.
func (p *Part) tag() string {
	digest := sha256.Sum256([]byte(p.name))
	return hex.EncodeToString(digest[:8]) + "-"
}

// Write adds bytes. It hashes them meanwhile, which takes about as long.
func (p *Part) Write(b []byte) error {
	if p.Have+uint64(len(b)) > p.size {
		return fmt.Errorf("the server sends more than the %d bytes that it announced", p.size)
	}
	hashed := make(chan struct{})
	go func() {
		p.hash.Write(b)
		close(hashed)
	}()
	_, err := p.file.Write(b)
	<-hashed
	p.Have += uint64(len(b))
	return p.explain(err)
}

// Begin makes ready for the bytes from offset on, of the size that version has in the end.
func (p *Part) Begin(size, offset uint64, version string) error {
	p.size = size
	switch {
	case p.file != nil && p.Version == version && p.Have == offset:
		return nil
	case offset != 0:
		return fmt.Errorf("the server goes on at byte %d, but %d bytes are here", offset, p.Have)
	case p.file != nil: // of another version
		p.file.Close()
		p.root.Remove(p.path)
	}
	p.Version, p.Have, p.path = version, 0, p.tag()+hex.EncodeToString([]byte(version))+partSuffix
	p.hash.Reset()
	err := p.root.MkdirAll(path.Dir(p.local), 0o777)
	if err == nil {
		p.file, err = p.root.OpenFile(p.path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
	}
	return p.explain(err)
}

// Close ends work on the part. What has come is kept.
func (p *Part) Close() {
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
