// Package download saves files of the shared folder. A file is a part until it is whole and its digest is
// right; then it gets its own name, which never replaces another file.
package download

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	flushEvery = 64 << 20 // bytes: the disk works while more comes, and little is left for the end
	maxDepth   = 64       // folders that a file lies in: nobody has more, and programs fail on a thousand
)

// A Part is a file that is not whole yet. It lies beside the place of the whole file, has a name that no
// person gives to a file, and is locked, so that no other client writes it. The digest of its bytes tells the
// server whether they are the beginning of its file. The methods may block on the disk.
type Part struct {
	Have    uint64 // bytes that are here
	Version string // tells the server which bytes these are; "-" when there are none

	name   string   // as the server calls the file
	local  string   // the final path below the folder, with /
	folder string   // as the system writes it
	root   *os.Root // of folder
	path   string   // of the part below the folder
	file   *os.File // the part, at its end; nil when there is none yet
	whole  *os.File // the file of an earlier download, as long as no part is needed
	size   uint64   // bytes that there will be
	time   time.Time
	hash   hash.Hash              // of the bytes that are here
	sync   func(f *os.File) error // flushes a file to the disk
	space  func(folder string) (bytes uint64, known bool)

	flush    sync.Mutex // held while the part is flushed; guards the following field
	flushErr error      // the system reports it only once
}

// Open returns the part of the file that the server calls name, with the bytes that are here: those of an
// unfinished download, or of the whole file. The folder is made if it is missing.
func Open(folder, name string) (*Part, error) {
	p, err := open(folder, name)
	if err == nil {
		err = p.readHere()
	}
	if err != nil {
		p.Close()
	}
	return p, p.explain(err)
}

// Remove removes the part of an unfinished download, unless another client goes on with it.
func Remove(folder, name string) {
	p, err := open(folder, name)
	if err == nil {
		p.Drop()
	}
	p.Close()
}

// open returns the part without reading it. The part must be closed after an error, too.
func open(folder, name string) (*Part, error) {
	p := &Part{Version: "-", name: name, local: local(name), folder: folder, hash: sha256.New(),
		sync: (*os.File).Sync, space: Free}
	if depth := strings.Count(name, "/"); depth > maxDepth {
		return p, fmt.Errorf("it lies in %d folders, at most %d are made", depth, maxDepth)
	}
	err := os.MkdirAll(folder, 0o777)
	if err == nil {
		p.root, err = os.OpenRoot(folder)
	}
	if err != nil {
		return p, err
	}
	for dir := path.Dir(p.local); dir != "."; dir = path.Dir(dir) {
		if info, err := p.root.Stat(dir); err == nil && !info.IsDir() {
			return p, fmt.Errorf("%s is not a folder: rename it", p.where(dir))
		}
	}
	return p, p.claim(0)
}

// claim opens and locks the part that is there, or makes one if flags say so. If its name is taken by another
// client's part, by a second name of some file, or by what is no regular file, the part has a number.
func (p *Part) claim(flags int) error {
	for n := 1; p.file == nil; n++ {
		p.path = numbered(partOf(p.local), n)
		info, err := p.root.Lstat(p.path)
		if err == nil && !info.Mode().IsRegular() {
			continue
		}
		file, err := p.root.OpenFile(p.path, os.O_RDWR|flags, 0o666)
		if flags == 0 && errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		if !lock(file) || links(file) > 1 {
			file.Close()
			continue
		}
		if _, err := p.root.Lstat(p.path); err != nil {
			file.Close() // another client has finished it just now
			return p.claim(flags)
		}
		p.file = file
	}
	return nil
}

// readHere reads the part or, if that has nothing, the whole file.
func (p *Part) readHere() error {
	from := p.file
	if from != nil {
		if info, err := from.Stat(); err != nil || info.Size() == 0 {
			from = nil
		}
	}
	if info, err := p.root.Lstat(p.local); from == nil && err == nil && info.Mode().IsRegular() {
		p.whole, _ = p.root.Open(p.local) // a file that cannot be read is another one
		from = p.whole
	}
	if from == nil {
		return nil
	}
	n, err := io.Copy(p.hash, from)
	p.Have = uint64(n)
	if n > 0 {
		p.Version = "sha256:" + base64.RawURLEncoding.EncodeToString(p.hash.Sum(nil))
	}
	return err
}

// Begin prepares for the bytes from offset on, of a file that has this size and version.
func (p *Part) Begin(size, offset uint64, version string) error {
	p.size, p.time = size, modified(version)
	switch {
	case offset > size:
		return fmt.Errorf("the server goes on at byte %d of %d", offset, size)
	case offset != 0 && offset != p.Have:
		return fmt.Errorf("the server goes on at byte %d, but %d bytes are here", offset, p.Have)
	case p.whole != nil && offset == size:
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
	whole := p.whole
	p.whole = nil
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
	if whole != nil && err == nil { // the server's file has grown
		n, e := io.Copy(io.MultiWriter(p.file, p.hash), io.NewSectionReader(whole, 0, int64(offset)))
		p.Have, err = uint64(n), e
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
			p.flushLocked()
		}()
	}
	if err != nil {
		err = fmt.Errorf("%w: %s keeps the first %d bytes", p.explain(err), p.where(p.path), p.Have)
	}
	return err
}

// flushLocked flushes the part to the disk, if the file system can do that.
func (p *Part) flushLocked() {
	err := p.sync(p.file)
	is := func(e error) bool { return errors.Is(err, e) }
	if !is(errors.ErrUnsupported) && !slices.ContainsFunc(notSynced, is) {
		p.flushErr = cmp.Or(p.flushErr, err)
	}
}

// Close ends work on the part. Its bytes are kept; a part without a byte, as on a full disk, is removed.
func (p *Part) Close() {
	if p.Have == 0 {
		p.Drop()
	}
	p.flush.Lock()
	defer p.flush.Unlock()
	p.file.Close() // these may be nil, which fails
	p.whole.Close()
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

// explain says why a file cannot be saved. It leaves out the name of the system call.
func (p *Part) explain(err error) error {
	if err == nil {
		return nil
	}
	for inner := err; inner != nil; inner = errors.Unwrap(inner) {
		err = inner
	}
	return fmt.Errorf("cannot save it in %s: %w", p.folder, err)
}

// where returns the path of a file below the folder as the system writes it.
func (p *Part) where(local string) string { return filepath.Join(p.folder, filepath.FromSlash(local)) }
