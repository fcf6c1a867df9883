package asynclog

import (
	"fmt"
	"os"
)

// A File is a log file. If it was renamed or removed, as logrotate does, the next write makes a new one.
type File struct {
	path string
	file *os.File
	info os.FileInfo // of file
	torn bool        // file ends within a line, because a process was killed or its disk was full
}

// OpenFile opens the file at path to append to it. It creates a missing file.
func OpenFile(path string) (*File, error) {
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err != nil {
		file.Close()
		return nil, err
	}
	return &File{path, file, info, endsTorn(path, info)}, nil
}

// endsTorn reports whether the file ends within a line. It takes a file that it cannot read for whole.
func endsTorn(path string, info os.FileInfo) bool {
	if !info.Mode().IsRegular() || info.Size() == 0 {
		return false
	}
	file, err := os.Open(path)
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
	moved := f.follow()
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

// follow opens the path anew if it leads to another file or to none.
func (f *File) follow() error {
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
