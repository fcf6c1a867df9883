// Package files is the shared folder: what is in it, and the sending of it.
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
	"time"
	"unicode/utf8"

	"parley/server/wire"
)

// maxDisk is how many downloads may wait for the disk at a time: each takes a thread while the disk does not
// answer.
const maxDisk = 64

// A Folder is the shared folder. It is an os.Root: nothing outside of it can be reached, whatever a name, a
// link or a race says. Its methods may be called from any goroutine.
type Folder struct {
	// set at construction
	Path    string // absolute
	Created bool   // the folder was missing
	guard   func()
	now     func() time.Time
	stall   func()         // called before the disk is used, so that tests can have it wait
	disk    chan struct{}  // holds an element for each download that waits for the disk
	work    sync.WaitGroup // all goroutines that use the disk

	mu      sync.Mutex // guards the following fields
	root    *os.Root
	digests map[string]*known // by file name: a file that was read whole is not read again for its digest
	next    *listing          // the listing that has not begun; nil when nobody waits for one
	listing bool              // a goroutine is listing
}

// Open opens the folder dir, and creates it when it is missing. guard is deferred in every goroutine of the
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
	return &Folder{Path: path, Created: errors.Is(missing, fs.ErrNotExist), guard: guard, now: time.Now,
		stall: func() {}, disk: make(chan struct{}, maxDisk), root: root, digests: map[string]*known{}}, nil
}

// Close closes the folder. It waits for the goroutines that use the disk, unless the disk does not answer.
func (f *Folder) Close() {
	const most = time.Second
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		f.work.Wait()
		f.root.Close()
	}()
	select {
	case <-closed:
	case <-time.After(most):
	}
}

// current returns the root. When the folder's path leads elsewhere by now, because another folder was moved,
// linked or mounted there, it is opened anew; the collector closes the old root when nobody uses it any more.
func (f *Folder) current() (*os.Root, error) {
	f.mu.Lock()
	root := f.root
	f.mu.Unlock()
	there, err := os.Stat(f.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if here, e := root.Stat("."); err != nil || e == nil && os.SameFile(here, there) {
		return root, nil // also when the way to the folder was closed: it stays open
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

// millis returns when a file was written, or 0 for a time before 1970, which no line can hold.
func millis(info fs.FileInfo) uint64 { return uint64(max(0, info.ModTime().UnixMilli())) }

// A File is a regular file of the folder, opened.
type File struct {
	*os.File
	Size    int64
	Version string // the file's time and what changes with the content, and at times without
	settled bool   // no content to come has this version, unless it is written through a memory mapping
}

// open opens the regular file name.
func (f *Folder) open(name string) (*File, error) {
	if err := checkName(name); err != nil {
		return nil, noFile(name, err)
	}
	root, err := f.current()
	if err != nil {
		return nil, unreadable(wire.Get, err)
	}
	// To open a named pipe would wait for its other end, so look first. Should one take the file's place just
	// then, it is opened without waiting, and refused below.
	info, err := root.Stat(name)
	if err != nil {
		return nil, noFile(name, err)
	}
	if !info.Mode().IsRegular() {
		return nil, noFile(name, errors.New("not a regular file"))
	}
	file, err := root.OpenFile(name, os.O_RDONLY|nonblock, 0)
	if err != nil {
		return nil, noFile(name, err)
	}
	opened, err := f.look(file)
	if err != nil {
		file.Close()
		return nil, noFile(name, err)
	}
	return opened, nil
}

// look returns what a file is now.
func (f *Folder) look(file *os.File) (*File, error) {
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("not a regular file")
	}
	if err != nil {
		return nil, err
	}
	// Size and mtime can be set to what they were before a change, but not the ctime. The inode tells apart
	// files of one ctime.
	ctime, inode := change(file)
	sum := sha256.Sum256(fmt.Append(nil, info.Size(), info.ModTime().UnixNano(), ctime.UnixNano(), inode))
	settled := !ctime.IsZero() && f.now().Sub(ctime) > timeStep
	return &File{file, info.Size(), fmt.Sprintf("%d-%x", millis(info), sum[:16]), settled}, nil
}

// checkName returns an error for a name that is not one of a file below the folder.
func checkName(name string) error {
	const room = 512 // bytes that a line needs beside the name
	switch {
	case !utf8.ValidString(name):
		return errors.New("the name is not UTF-8")
	case !fs.ValidPath(name) || name == "." || strings.Contains(name, `\`) && os.PathSeparator == '\\':
		return errors.New("not a name below the shared folder")
	case len(name) > wire.MaxLine-room:
		return errors.New("the name is too long")
	case wire.CheckText([]byte(name)) != nil:
		return errors.New("the name holds control characters")
	}
	return nil
}

func noFile(name string, err error) error {
	code := wire.CodeNoFile
	text := fmt.Sprintf("there is no file %s: /files lists what there is", name)
	if !errors.Is(err, fs.ErrNotExist) {
		text = fmt.Sprintf("%s cannot be read: %v", name, cause(err))
	}
	if errors.Is(err, fs.ErrPermission) {
		code = wire.CodeFileFailed
	}
	return &wire.ProtocolError{Verb: wire.Get, Code: code, Text: text}
}

// unreadable is what FILES and GET are answered when the folder itself cannot be read.
func unreadable(verb wire.Verb, err error) error {
	return wire.Errorf(verb, wire.CodeFileFailed, "the shared folder cannot be read: %v", cause(err))
}

// cause strips the path, which may tell where on the server the folder is, from an error of the file system.
func cause(err error) error {
	if e := (*fs.PathError)(nil); errors.As(err, &e) {
		return e.Err
	}
	return err
}
