package wire

import (
	"bytes"
	"io"
)

const (
	// bytes of a Reader's first buffer: most lines fit, and ten thousand quiet readers cost 1 MiB
	minBuffer = 128
	// growth factor of the buffer: from minBuffer to MaxLine in one step
	growth = MaxLine / minBuffer
)

// A Reader reads lines, and the raw bytes that follow a DATA line. It is not safe for concurrent use.
type Reader struct {
	src     io.Reader
	maxLine int
	maxBuf  int
	buf     []byte
	r, w    int  // buf[r:w] was read from src and not yet returned
	skip    bool // the rest of the current line is dropped: it was too long
}

// NewReader returns a Reader of lines of at most maxLine bytes, the end included. Its buffer grows with the
// traffic, up to maxBuf bytes, which must be at least maxLine. Only Rest frees it.
func NewReader(src io.Reader, maxLine, maxBuf int) *Reader {
	return &Reader{src: src, maxLine: maxLine, maxBuf: maxBuf}
}

// ReadLine returns the next line without its end. The slice is valid until the next call. A *ProtocolError
// means that the line is too long or not text: it comes with the line, or the beginning of it, and the next
// call continues after that line. Any other error is the source's: [io.EOF] at its end, even if that cuts a
// line short.
func (r *Reader) ReadLine() ([]byte, error) {
	seen := 0
	for {
		if i := bytes.IndexByte(r.buf[r.r+seen:r.w], '\n'); i >= 0 {
			line := r.buf[r.r : r.r+seen+i]
			r.r += len(line) + 1
			if r.skip {
				r.skip, seen = false, 0
				continue
			}
			if len(line)+1 > r.maxLine {
				return line, r.tooLong(len(line) + 1)
			}
			line = bytes.TrimSuffix(line, []byte{'\r'})
			return line, CheckText(line)
		}
		seen = r.w - r.r
		if r.skip {
			r.r, seen = r.w, 0
		} else if seen >= r.maxLine {
			line := r.buf[r.r:r.w]
			r.r, r.skip = r.w, true
			return line, r.tooLong(seen + 1)
		}
		if err := r.fill(); err != nil {
			return nil, err
		}
	}
}

// More reports whether the next line is in the buffer already. It keeps the last line valid.
func (r *Reader) More() bool { return bytes.IndexByte(r.buf[r.r:r.w], '\n') >= 0 }

// Rest frees the buffer if it is empty, for a reader that will not be used for a while.
func (r *Reader) Rest() {
	if r.r == r.w {
		r.buf, r.r, r.w = nil, 0, 0
	}
}

func (r *Reader) tooLong(n int) error {
	return Errorf("-", CodeTooLong, "a line of %d or more bytes, at most %d are allowed", n, r.maxLine)
}

// Read reads raw bytes, as after a DATA line.
func (r *Reader) Read(p []byte) (int, error) {
	if r.r == r.w {
		return r.src.Read(p)
	}
	n := copy(p, r.buf[r.r:r.w])
	r.r += n
	return n, nil
}

// fill reads more into the buffer, after making room in it.
func (r *Reader) fill() error {
	buf := r.buf
	if r.w == len(buf) && len(buf) < r.maxBuf {
		// The last read filled the buffer, so more is waiting; or this is the first one.
		buf = make([]byte, min(max(growth*len(buf), minBuffer), r.maxBuf))
	}
	r.w = copy(buf, r.buf[r.r:r.w])
	r.buf, r.r = buf, 0
	n, err := r.src.Read(r.buf[r.w:])
	r.w += n
	if n > 0 {
		return nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return err
}
