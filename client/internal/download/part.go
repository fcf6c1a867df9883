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
	"unicode/utf8"

	"parley/server/wire"
)

const (
	partSuffix = ".part"
	maxVersion = 60  // bytes of a version, which the part's name has in hex
	maxElement = 255 // bytes of a file's name that every system can hold
)

// errBusy says that somebody else writes the same part.
var errBusy = errors.New("another client is getting it here")

// A part is a file that is not whole yet. Its name is the final one with the version and .part after it, so that a
// later run of the client knows what it has. It is locked while it is open.
type part struct {
	name    string    // as the server calls the file
	local   string    // the final path below the folder, with /
	version string    // of what is here, or "-"
	path    string    // of the part itself
	file    *os.File  // nil when there is none yet; at its end otherwise
	size    uint64    // bytes that there will be
	have    uint64    // bytes that are here
	hash    hash.Hash // of these
}

// open returns the part of the file that the server calls name, with what an earlier run left of it.
func open(root *os.Root, name string) (*part, error) {
	p := &part{name: name, local: local(name), version: "-", hash: sha256.New()}
	dir, base := path.Split(p.local)
	entries, err := fs.ReadDir(root.FS(), path.Clean(dir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, e := range entries {
		middle, ok := strings.CutPrefix(e.Name(), stem(base)+".")
		middle, isPart := strings.CutSuffix(middle, partSuffix)
		version, err := hex.DecodeString(middle)
		if !ok || !isPart || err != nil {
			continue
		}
		p.version, p.path = string(version), dir+e.Name()
		if p.file, err = lockedFile(root, p.path, 0); err != nil {
			return nil, err
		}
		n, err := io.Copy(p.hash, p.file)
		if p.have = uint64(n); err != nil {
			p.close()
		}
		return p, err
	}
	return p, nil
}

// begin makes ready for the bytes from offset on.
func (p *part) begin(root *os.Root, size, offset uint64, version string) error {
	p.size = size
	switch {
	case p.file != nil && p.version == version && p.have == offset:
		return nil
	case offset != 0:
		return fmt.Errorf("the server goes on at byte %d, but %d bytes are here", offset, p.have)
	case len(version) > maxVersion:
		return fmt.Errorf("the server names a version of %d bytes, at most %d are allowed", len(version), maxVersion)
	case p.file != nil: // of another version
		p.close()
		root.Remove(p.path)
	}
	dir, base := path.Split(p.local)
	if err := root.MkdirAll(path.Clean(dir), 0o777); err != nil {
		return err
	}
	p.version, p.have, p.path = version, 0, dir+stem(base)+"."+hex.EncodeToString([]byte(version))+partSuffix
	p.hash.Reset()
	var err error
	p.file, err = lockedFile(root, p.path, os.O_CREATE|os.O_EXCL)
	return err
}

// write adds bytes. It hashes them meanwhile, which takes about as long.
func (p *part) write(b []byte) error {
	if p.file == nil || p.have+uint64(len(b)) > p.size {
		return fmt.Errorf("the server sends more than the %d bytes that it announced", p.size)
	}
	hashed := make(chan struct{})
	go func() {
		p.hash.Write(b)
		close(hashed)
	}()
	_, err := p.file.Write(b)
	<-hashed
	p.have += uint64(len(b))
	return err
}

func (p *part) close() {
	if p.file != nil {
		p.file.Close()
		p.file = nil
	}
}

// lockedFile opens a file that nobody else can open in the same way.
func lockedFile(root *os.Root, name string, flag int) (*os.File, error) {
	f, err := root.OpenFile(name, os.O_RDWR|flag, 0o666)
	if err != nil {
		if errors.Is(err, fs.ErrExist) {
			err = errBusy
		}
		return nil, err
	}
	mine, err := f.Stat()
	here, gone := root.Stat(name)
	// Who had it open before may have given it another name since.
	if !lock(f) || gone != nil || err != nil || !os.SameFile(mine, here) {
		f.Close()
		return nil, errBusy
	}
	return f, nil
}

// local returns the path below the folder under which the file that the server calls name is saved. Every element can
// be a name on every system, and none ends like a part's, so that no file is ever taken for a part.
func local(name string) string {
	elements := strings.Split(name, "/")
	for i, e := range elements {
		if e = wire.SafeElement(e); e == "" {
			e = "_"
		}
		if strings.HasSuffix(strings.ToLower(e), partSuffix) {
			e = shorten(e, maxElement-1) + "_"
		}
		elements[i] = e
	}
	return strings.Join(elements, "/")
}

// numbered returns name with n before its extension.
func numbered(name string, n int) string {
	dir, base := path.Split(name)
	ext := path.Ext(base)
	if len(ext) > 20 { // a long name with a dot in it
		ext = ""
	}
	number := fmt.Sprintf(" (%d)", n)
	return dir + shorten(strings.TrimSuffix(base, ext), maxElement-len(number)-len(ext)) + number + ext
}

// stem returns what the name of base's part begins with: room is left for a version and the suffix.
func stem(base string) string {
	return shorten(base, maxElement-len(".")-2*maxVersion-len(partSuffix))
}

// shorten cuts s to at most n bytes, between characters.
func shorten(s string, n int) string {
	for len(s) > n {
		_, last := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-last]
	}
	return s
}
