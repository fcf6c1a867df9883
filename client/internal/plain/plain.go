// Package plain reads and writes plain lines where the client has no terminal.
package plain

import (
	"bufio"
	"fmt"
	"io"

	"parley/client/internal/chat"
)

const (
	maxInput      = 64 << 10 // bytes of an input line that are read: far more than a message or command has
	byteOrderMark = "\ufeff" // some editors write it at the beginning of a file
)

// A Face writes each event as one line. It is not safe for concurrent use.
type Face struct {
	out  *bufio.Writer
	errs io.Writer
}

// New returns a Face that writes events to out and errors to errs.
func New(out, errs io.Writer) *Face { return &Face{bufio.NewWriter(out), errs} }

// Show writes a line. An error comes after the lines that were shown before it. Flush returns why a line
// could not be written.
func (f *Face) Show(l chat.Line) {
	if l.Kind == chat.Failure || l.Kind == chat.Unsent {
		f.out.Flush()
		fmt.Fprintln(f.errs, l)
	} else {
		fmt.Fprintln(f.out, l)
	}
}

// Flush writes buffered lines. The status is ignored: there is no prompt.
func (f *Face) Flush(chat.Status) error {
	err := f.out.Flush()
	if err != nil {
		fmt.Fprintln(f.errs, chat.Complaint(fmt.Sprintf("cannot write output: %v", err)))
	}
	return err
}

// Read returns the lines of r, at most maxInput bytes of each, and closes the channel at the end of r. Its
// goroutine may outlive the chat, because nothing can stop a read from standard input.
func Read(r io.Reader) <-chan chat.Input {
	lines := make(chan chat.Input)
	go func() {
		defer close(lines)
		b := bufio.NewReaderSize(r, maxInput)
		if start, _ := b.Peek(len(byteOrderMark)); string(start) == byteOrderMark {
			b.Discard(len(byteOrderMark))
		}
		for continued := false; ; {
			line, more, err := b.ReadLine()
			if err != nil {
				return
			}
			if len(line) > 0 && !continued {
				lines <- chat.Input{Text: string(line)}
			}
			continued = more
		}
	}()
	return lines
}
