// Package files is the shared folder: what is in it, and the sending of it.
package files

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"

	"parley/server/wire"
)

const maxDigests = 10_000 // digests remembered: what is there of a file that is downloaded on is not read again

// A Folder is the shared folder. It is an os.Root: nothing outside of it can be reached, whatever a name, a link or a race
// says. Its methods may be called from any goroutine.
type Folder struct {
	root *os.Root // set at construction

	mu      sync.Mutex // guards the following field; held for memory work only
	digests map[string]string
}

// Open opens the folder dir, and creates it when it is missing.
func Open(dir string) (*Folder, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("cannot create the shared folder %s: %w", dir, cause(err))
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("cannot open the shared folder %s: %w", dir, cause(err))
	}
	return &Folder{root: root, digests: map[string]string{}}, nil
}

// Close closes the folder.
func (f *Folder) Close() error { return f.root.Close() }

// List returns a FILE message for each regular file, in the order of their names. A file whose name does not fit into a line,
// or that cannot be looked at, is left out.
func (f *Folder) List() ([]wire.Message, error) {
	var list []wire.Message
	err := fs.WalkDir(f.root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			if name == "." {
				return err
			}
			return nil // a subfolder that may not be read, or a file that just went
		}
		if len(list) == wire.MaxFiles {
			return fs.SkipAll
		}
		if entry.IsDir() || checkName(name) != nil {
			return nil
		}
		info, err := f.root.Stat(name) // follows links that stay within the folder
		if err != nil || !info.Mode().IsRegular() {
			return nil
		}
		list = append(list, wire.Message{Verb: wire.File, Size: uint64(info.Size()), Time: uint64(info.ModTime().UnixMilli()), Name: []byte(name)})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("the shared folder cannot be read: %w", cause(err))
	}
	return list, nil
}

// A File is a regular file of the folder, opened.
type File struct {
	*os.File
	Name    string // below the folder, with slashes
	Size    int64
	Version string // changes when the content does
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
	if info, err = file.Stat(); err != nil || !info.Mode().IsRegular() {
		file.Close()
		return nil, noFile(name, errors.New("not a regular file"))
	}
	return &File{file, name, info.Size(), version(info)}, nil
}

// version makes a token of what tells one content of a file from another without reading it.
func version(info fs.FileInfo) string {
	return fmt.Sprintf("%x-%x", info.ModTime().UnixNano(), info.Size())
}

// digest returns the SHA-256 of that version of the file, if it is known.
func (f *Folder) digest(file *File) (string, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	d, ok := f.digests[file.Name+"/"+file.Version]
	return d, ok
}

func (f *Folder) remember(file *File, sum []byte) string {
	d := hex.EncodeToString(sum)
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.digests) >= maxDigests {
		clear(f.digests)
	}
	f.digests[file.Name+"/"+file.Version] = d
	return d
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
