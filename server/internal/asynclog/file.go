package asynclog

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// A File is a log file. If it was renamed or removed, as logrotate does, the next write makes a new one. When
// it is full it is renamed, with .old after its name, in the place of the one before.
type File struct {
	path    string
	max     int64  // bytes that the file can have; 0 is any number
	target  string // where path leads
	file    *os.File
	info    os.FileInfo // of file, before the last write; nil when file is closed
	torn    bool        // file ends within a line, because a process was killed or its disk was full
	partial bool        // the last write ended within a line, which the next one goes on with
}

// OpenFile opens the file at path to append to it. It creates a missing file, which only its owner can read.
// It opens a device such as /dev/null, too, but nothing else: a named pipe would wait for its reader. The
// file grows to max bytes at most, unless a line is longer; 0 is without limit.
func OpenFile(path string, max int64) (*File, error) {
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
	torn := endsTorn(target, info)
	return &File{path: path, max: max, target: target, file: file, info: info, torn: torn}, nil
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

// Write appends p to the file at the path. If that cannot be opened or the full file cannot be renamed, p
// goes to the file that there is, and the error says so.
func (f *File) Write(p []byte) (written int, err error) {
	var trouble error
	for written < len(p) {
		if err := f.reopen(); err != nil && f.info == nil {
			return written, err
		} else if err != nil {
			trouble = fmt.Errorf("%w: the renamed file is used meanwhile", err)
		}
		next := p[written:]
		if trouble == nil {
			next = f.fitting(next)
		}
		if len(next) == 0 {
			if err := f.rotate(); err != nil {
				trouble = fmt.Errorf("%w: the full file is used meanwhile", err)
			}
			continue
		}
		n, err := f.append(next)
		written += n
		if err != nil {
			return written, err
		}
	}
	return written, trouble
}

// fitting returns the lines at the beginning of p that the file has room for. It has room for the rest of a
// line that it holds the beginning of, and when it is empty for any line.
func (f *File) fitting(p []byte) []byte {
	room := f.max - f.info.Size()
	if f.max == 0 || int64(len(p)) <= room || !f.info.Mode().IsRegular() {
		return p
	}
	end := bytes.LastIndexByte(p[:max(room, 0)], '\n') + 1
	if end == 0 && (f.partial || f.info.Size() == 0) {
		line, _, _ := bytes.Cut(p, []byte("\n"))
		end = min(len(line)+1, len(p))
	}
	return p[:end]
}

// rotate makes the file the old one. Windows renames no file that is open, so the next step is reopen.
func (f *File) rotate() error {
	f.file.Close()
	f.info = nil
	return os.Rename(f.target, f.target+".old")
}

func (f *File) append(p []byte) (int, error) {
	if f.torn {
		if _, err := f.file.WriteString("\n"); err != nil {
			return 0, err
		}
		f.torn = false
	}
	n, err := f.file.Write(p)
	if n > 0 {
		f.partial = p[n-1] != '\n'
	}
	return n, err
}

// reopen opens the path anew if it leads to another file or to none.
func (f *File) reopen() error {
	info, err := os.Stat(f.path)
	if err == nil && os.SameFile(info, f.info) {
		f.info = info
		return nil
	}
	next, err := OpenFile(f.path, f.max)
	if err != nil {
		return err
	}
	f.file.Close()
	*f = *next
	return nil
}

// Close closes the file.
func (f *File) Close() error { return f.file.Close() }
