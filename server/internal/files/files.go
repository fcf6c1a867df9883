// Package files is the shared folder: what is in it, and the sending of it.
package files

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"
	"time"

	"parley/server/wire"
)

// timeStep is the coarsest that a file system counts time: a file may change twice within it and show one time.
const timeStep = 2 * time.Second

// A Folder is the shared folder. It is an os.Root: nothing outside of it can be reached, whatever a name, a link or a race
// says. Its methods may be called from any goroutine.
type Folder struct {
	root    *os.Root         // set at construction
	now     func() time.Time // the same
	digests sync.Map         // of name to known: what was read whole is not read again for its digest
}

// known is the digest of a version of a file.
type known struct{ version, digest string }

// Open opens the folder dir, and creates it when it is missing.
func Open(dir string) (*Folder, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("cannot create the shared folder %s: %w", dir, cause(err))
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("cannot open the shared folder %s: %w", dir, cause(err))
	}
	return &Folder{root: root, now: time.Now}, nil
}

// Close closes the folder.
func (f *Folder) Close() error { return f.root.Close() }

// List returns a FILE message for each regular file, in the order of their names. A file whose name does not fit into a line,
// or that cannot be looked at, is left out.
func (f *Folder) List() ([]wire.Message, error) {
	var list []wire.Message
	err := fs.WalkDir(f.root.FS(), ".", func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			if name == "." {
				return err
			}
			return nil // a subfolder that may not be read, or a file that just went
		}
		if len(list) == wire.MaxFiles {
			return fs.SkipAll
		}
		info, err := f.root.Stat(name) // follows links that stay within the folder
		if err != nil || !info.Mode().IsRegular() || checkName(name) != nil {
			return nil
		}
		list = append(list, wire.Message{Verb: wire.File, Size: uint64(info.Size()), Time: millis(info), Name: []byte(name)})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("the shared folder cannot be read: %w", cause(err))
	}
	return list, nil
}

// millis returns when a file was written, or 0 for a time before 1970, which no line can hold.
func millis(info fs.FileInfo) uint64 { return uint64(max(0, info.ModTime().UnixMilli())) }

// A File is a regular file of the folder, opened.
type File struct {
	*os.File
	Size    int64
	Version string // changes whenever the content does, and at times when it does not
	mtime   time.Time
	settled bool // no content to come has this version
}

// open opens the regular file name.
func (f *Folder) open(name string) (*File, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	// To open a named pipe would wait for its other end, so look first. Should one take the file's place just then, it is
	// opened without waiting, and refused below.
	info, err := f.root.Stat(name)
	if err != nil {
		return nil, noFile(name, err)
	}
	if !info.Mode().IsRegular() {
		return nil, noFile(name, errors.New("not a regular file"))
	}
	file, err := f.root.OpenFile(name, os.O_RDONLY|nonblock, 0)
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
	// Size and mtime can be set to what they were before a change, but not the ctime. The inode tells apart files of one ctime.
	ctime, inode := change(file)
	sum := sha256.Sum256(fmt.Append(nil, info.Size(), info.ModTime().UnixNano(), ctime.UnixNano(), inode))
	settled := !ctime.IsZero() && f.now().Sub(ctime) > timeStep
	return &File{file, info.Size(), hex.EncodeToString(sum[:16]), info.ModTime(), settled}, nil
}

// checkName returns an error for a name that is not one of a file below the folder.
func checkName(name string) error {
	const room = 512 // bytes that a line needs beside the name
	switch {
	case !fs.ValidPath(name) || name == "." || strings.Contains(name, `\`) && os.PathSeparator == '\\':
		return noFile(name, errors.New("not a name below the shared folder"))
	case len(name) > wire.MaxLine-room:
		return noFile(name, errors.New("the name is too long"))
	case wire.CheckText([]byte(name)) != nil:
		return noFile(name, errors.New("the name holds control characters"))
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

// cause strips the path, which may tell where on the server the folder is, from an error of the file system.
func cause(err error) error {
	if e := (*fs.PathError)(nil); errors.As(err, &e) {
		return e.Err
	}
	return err
}
