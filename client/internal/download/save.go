package download

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"parley/server/wire"
)

// Save checks that the part has the size and digest given, gives it its name, and closes it. It returns the path from
// where the program runs, as the system writes it, and what is unexpected about it, or nothing.
func (p *Part) Save(size uint64, digest string) (saved, note string, err error) {
	defer p.Close()
	if got := hex.EncodeToString(p.hash.Sum(nil)); p.Have != size || got != digest {
		p.file.Close()
		p.root.Remove(p.path)
		err = fmt.Errorf("%d bytes with SHA-256 %s came, the server has %d with %s: get it again", p.Have, got, size, digest)
		return "", "", err
	}
	if err = p.file.Sync(); err != nil { // a whole name stands for a whole file, after a power cut too
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
		final, note = numbered(p.local, n), p.where(p.local)+" is another file"
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

// numbered returns name with n before its extension.
func numbered(name string, n int) string {
	ext := path.Ext(name)
	return fmt.Sprintf("%s (%d)%s", strings.TrimSuffix(name, ext), n, ext)
}
