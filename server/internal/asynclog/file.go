package asynclog

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// A File is a log file. If it was renamed or removed, as logrotate does, the next write makes a new one.
type File struct {
	path string
	file *os.File
	info os.FileInfo // of file
	torn bool        // file ends within a line, because a process was killed or its disk was full
}

// OpenFile opens the file at path to append to it. It creates a missing file, which only its owner can read.
// It opens a device such as /dev/null, too, but nothing else: a named pipe would wait for its reader.
func OpenFile(path string) (*File, error) {
	if info, err := os.Stat(path); err == nil && !writable(info) {
		return nil, notWritable(path)
	}
	target, err := follow(path)
	if err != nil {
		return nil, err
	}
	file, err := os.OpenFile(target, os.O_APPEND|os.O_CREATE|os.O_WRONLY|asFound, 0o600)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && !writable(info) {
		err = notWritable(path)
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return &File{path, file, info, endsTorn(target, info)}, nil
}

func writable(info os.FileInfo) bool {
	return info.Mode().IsRegular() || info.Mode()&os.ModeCharDevice != 0
}

func notWritable(path string) error { return &os.PathError{Op: "open", Path: path, Err: ErrKind} }

// ErrKind reports that a log is no file.
var ErrKind = errors.New("neither a regular file nor a device")

// follow returns the path to which path leads over links. It follows those of the user and of root: where
// others can make links, in /tmp or in their own folders, one of theirs could have the log written to any
// file of the user.
func follow(path string) (string, error) {
	const maxLinks = 40 // from one to the next: more are a circle
	target := path
	for range maxLinks {
		info, err := os.Lstat(target)
		if err != nil || info.Mode()&os.ModeSymlink == 0 {
			return target, nil // OpenFile finds out what the error is
		}
		if isForeign(info) {
			return "", &os.PathError{Op: "open", Path: path, Err: errors.New("a link that another user made")}
		}
		next, err := os.Readlink(target)
		if err != nil {
			return "", err
		}
		if !filepath.IsAbs(next) {
			next = filepath.Join(filepath.Dir(target), next)
		}
		target = next
	}
	return "", &os.PathError{Op: "open", Path: path, Err: errors.New("too many links")}
}

// Public reports whether other users of the machine can read the file.
func (f *File) Public() bool { return f.info.Mode().IsRegular() && isPublic(f.info) }

// endsTorn reports whether the file ends within a line. It takes a file that it cannot read for whole.
func endsTorn(path string, info os.FileInfo) bool {
	if !info.Mode().IsRegular() || info.Size() == 0 {
		return false
	}
	file, err := os.OpenFile(path, os.O_RDONLY|asFound, 0)
	if err != nil {
		return false
	}
	defer file.Close()
	var last [1]byte
	_, err = file.ReadAt(last[:], info.Size()-1)
	return err == nil && last[0] != '\n'
}

// Write appends p to the file at the path. If that cannot be opened, p goes to the renamed file, and the
// error says so.
func (f *File) Write(p []byte) (int, error) {
	moved := f.reopen()
	if f.torn {
		if _, err := f.file.WriteString("\n"); err != nil {
			return 0, err
		}
		f.torn = false
	}
	n, err := f.file.Write(p)
	if err == nil && moved != nil {
		err = fmt.Errorf("%w: the renamed file is used meanwhile", moved)
	}
	return n, err
}

// reopen opens the path anew if it leads to another file or to none.
func (f *File) reopen() error {
	info, err := os.Stat(f.path)
	if err == nil && os.SameFile(info, f.info) {
		return nil
	}
	next, err := OpenFile(f.path)
	if err != nil {
		return err
	}
	f.file.Close()
	*f = *next
	return nil
}

// Close closes the file.
func (f *File) Close() error { return f.file.Close() }
