// Package files is the shared folder: it lists the folder and sends files from it.
//
// A disk may hang, as that of a network drive does. So every use of the disk is in a goroutine of its own,
// and a hung disk holds up only the FILES and GET that need it.
package files

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"parley/server/wire"
)

const (
	// downloads that use the disk at a time: each takes a thread while the disk hangs
	maxDiskUses = 64
	closeTime   = time.Second // how long Close waits for the disk

	// downloads in progress: each holds an open file and a goroutine or two, and more would only share
	// the network and the disk with each other
	maxDownloads = 256
	// MaxOpen is how many files are open at most: of each download in progress, and of each digest
	MaxOpen = 2 * maxDownloads
)

// ErrStopped reports that nobody waits for the disk any more.
var ErrStopped = errors.New("stopped")

// A Folder is the shared folder. It is an os.Root: nothing outside of it can be reached, whatever a name, a
// link or a race says. Its methods may be called from any goroutine.
type Folder struct {
	// set at construction
	Path     string // absolute
	Created  bool   // the folder was missing
	guard    func()
	now      func() time.Time
	beforeIO func()         // called before the disk is used, so that a test can block it
	uses     chan struct{}  // holds an element for each download that uses the disk
	hashing  chan struct{}  // holds an element while a digest is computed
	checking chan struct{}  // the same, for one transfer
	listing  chan struct{}  // holds an element while the folder is listed
	closing  chan struct{}  // closed by the first Close
	close    func()         // closes it
	work     sync.WaitGroup // all goroutines that use the disk

	mu        sync.Mutex // guards the following fields
	root      *os.Root
	digests   map[string]*digest // by file name
	doubting  bool               // a file is read again
	nextDoubt time.Time          // when one may be
	unwanted  *digest            // is computed though nobody waits any more
	next      *listing           // the listing that has not begun; nil if nobody waits for one
	downloads map[string]int     // in progress, by address
	sending   int                // all of them
}

// Open opens the folder dir, and creates it if it is missing. guard is deferred in every goroutine of the
// folder.
func Open(dir string, guard func()) (*Folder, error) {
	path, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("cannot find the shared folder %s: %w", dir, err)
	}
	_, missing := os.Stat(path)
	if err := os.MkdirAll(path, 0o755); err != nil {
		return nil, fmt.Errorf("cannot create the shared folder %s: %w", dir, cause(err))
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, fmt.Errorf("cannot open the shared folder %s: %w", dir, cause(err))
	}
	f := &Folder{Path: path, Created: errors.Is(missing, fs.ErrNotExist), guard: guard, now: time.Now,
		beforeIO: func() {}, uses: make(chan struct{}, maxDiskUses), listing: make(chan struct{}, 1),
		hashing: make(chan struct{}, 1), checking: make(chan struct{}, 1), closing: make(chan struct{}),
		root: root, digests: map[string]*digest{}, downloads: map[string]int{}}
	f.close = sync.OnceFunc(func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		close(f.closing)
		if f.unwanted != nil {
			close(f.unwanted.stop)
		}
	})
	return f, nil
}

// Close closes the folder. It waits for the goroutines that use the disk, but not for a hung disk.
func (f *Folder) Close() {
	f.close()
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		f.work.Wait()
		f.root.Close()
	}()
	select {
	case <-closed:
	case <-time.After(closeTime):
	}
}

// current returns the root. If the folder's path leads elsewhere by now, because another folder was moved,
// linked or mounted there, it opens the root anew; the collector closes the old one when nobody uses it.
func (f *Folder) current() (*os.Root, error) {
	f.mu.Lock()
	root := f.root
	f.mu.Unlock()
	found, err := os.Stat(f.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if opened, e := root.Stat("."); err != nil || e == nil && os.SameFile(opened, found) {
		return root, nil // also if the path cannot be followed any more: the folder stays open
	}
	root, err = os.OpenRoot(f.Path)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.root = root
	clear(f.digests)
	return root, nil
}

// millis returns the time when a file was written, or 0 for a time before 1970, which no line can hold.
func millis(info fs.FileInfo) uint64 { return uint64(max(0, info.ModTime().UnixMilli())) }

// A File is an open regular file of the folder.
type File struct {
	*os.File
	Size    int64
	Version string // the time and a hash of the metadata; it may change without the content
	// another content will have another version, unless it is written by a memory mapping
	versionStable bool

	users atomic.Int32 // a transfer, and what computes a digest: the last one closes the file
}

// release is called by each user after its last use.
func (f *File) release() {
	if f.users.Add(-1) == 0 {
		f.Close()
	}
}

// enter counts a download in progress, and reports whether there is room for it: no address has more than all
// others leave free, so that there is always some for another one.
func (f *Folder) enter(addr string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.downloads[addr] >= maxDownloads-f.sending {
		return false
	}
	f.downloads[addr]++
	f.sending++
	return true
}

// leave counts the end of a download.
func (f *Folder) leave(addr string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sending--
	f.downloads[addr]--
	if f.downloads[addr] == 0 {
		delete(f.downloads, addr)
	}
}

// open opens the regular file name. The error is a *wire.ProtocolError.
func (f *Folder) open(name string) (*File, error) {
	root, err := f.current()
	if err != nil {
		return nil, folderError(wire.Get, err)
	}
	file, err := openRegular(root, name)
	if err != nil {
		return nil, fileError(name, err)
	}
	opened, err := f.stat(file)
	if err != nil {
		file.Close()
		return nil, fileError(name, err)
	}
	opened.users.Store(1)
	return opened, nil
}

// openRegular opens the regular file name. To open a named pipe would wait for its other end, so it looks
// first. A pipe that takes the file's place just then is opened without waiting, and refused by stat.
func openRegular(root *os.Root, name string) (*os.File, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	if isHidden(name) {
		return nil, fs.ErrNotExist
	}
	info, err := root.Stat(name)
	if err == nil {
		err = checkRegular(info)
	}
	if err != nil {
		return nil, err
	}
	return root.OpenFile(name, os.O_RDONLY|nonblock, 0)
}

// stat returns the size and the version that an open file has now.
func (f *Folder) stat(file *os.File) (*File, error) {
	info, err := file.Stat()
	if err == nil {
		err = checkRegular(info)
	}
	if err != nil {
		return nil, err
	}
	// A program can set the size and the mtime back after a change, but not the ctime. The inode tells
	// files with the same ctime apart.
	ctime, inode := change(file)
	sum := sha256.Sum256(fmt.Append(nil, info.Size(), info.ModTime().UnixNano(), ctime.UnixNano(), inode))
	stable := !ctime.IsZero() && f.now().Sub(ctime) > timeStep
	version := fmt.Sprintf("%d-%x", millis(info), sum[:16])
	return &File{File: file, Size: info.Size(), Version: version, versionStable: stable}, nil
}

func checkRegular(info fs.FileInfo) error {
	if !info.Mode().IsRegular() {
		return errors.New("not a regular file")
	}
	return nil
}

// checkName returns an error unless name is that of a file below the folder and fits into a line.
func checkName(name string) error {
	const lineRoom = 512 // bytes that a line needs beside the name
	switch {
	case !utf8.ValidString(name):
		return errors.New("the name is not UTF-8")
	case !fs.ValidPath(name) || name == "." || strings.Contains(name, `\`) && os.PathSeparator == '\\':
		return errors.New("not a name below the shared folder")
	case len(name) > wire.MaxLine-lineRoom:
		return errors.New("the name is too long")
	case wire.CheckText([]byte(name)) != nil:
		return errors.New("the name holds control characters")
	}
	return nil
}

// isHidden reports whether a file or a folder that it is in begins with a dot. Such files are a person's
// settings and secrets, or a program's, and are not shared.
func isHidden(name string) bool {
	return strings.HasPrefix(name, ".") && name != "." || strings.Contains(name, "/.")
}

// fileError returns the answer to a GET whose file cannot be opened.
func fileError(name string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return wire.Errorf(wire.Get, wire.CodeNoFile, "there is no file %s: /files lists what there is", name)
	}
	code := wire.CodeNoFile
	if errors.Is(err, fs.ErrPermission) {
		code = wire.CodeFileFailed
	}
	return wire.Errorf(wire.Get, code, "%s cannot be read: %v", name, cause(err))
}

// folderError returns the answer to a FILES or GET if the folder itself cannot be read.
func folderError(verb wire.Verb, err error) error {
	return wire.Errorf(verb, wire.CodeFileFailed, "the shared folder cannot be read: %v", cause(err))
}

// cause strips the path from an error of the file system, because it may tell where the folder is.
func cause(err error) error {
	if e := (*fs.PathError)(nil); errors.As(err, &e) {
		return e.Err
	}
	return err
}
