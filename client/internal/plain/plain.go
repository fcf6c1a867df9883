// Package plain is the client's face for pipes and files: lines in, lines out.
package plain

import (
	"bufio"
	"fmt"
	"io"

	"parley/client/internal/chat"
)

// maxInput is the bytes of a line of input that are looked at: far more than any message or command can have.
const maxInput = 64 << 10

// byteOrderMark begins a file that some editors wrote.
const byteOrderMark = "\ufeff"

// A Face writes each event as one line. It is not safe for concurrent use.
type Face struct {
	out  *bufio.Writer
	errs io.Writer
}

// New returns a Face that writes what happens to out, and what goes wrong to errs.
func New(out, errs io.Writer) *Face { return &Face{bufio.NewWriter(out), errs} }

// Show writes a line: what went wrong after all that was shown before it. What stops a line comes back from
// Flush.
func (f *Face) Show(l chat.Line) {
	if l.Kind == chat.Failure || l.Kind == chat.Unsent {
		f.out.Flush()
		fmt.Fprintln(f.errs, l)
	} else {
		fmt.Fprintln(f.out, l)
	}
}

// Flush writes what was not written yet. How things are is for a prompt, which there is not.
func (f *Face) Flush(chat.Status) error {
	err := f.out.Flush()
	if err != nil {
		fmt.Fprintln(f.errs, chat.Complaint(fmt.Sprintf("cannot write what happens: %v", err)))
	}
	return err
}

// Read returns the lines of r, at most maxInput bytes of each, and closes the channel at its end. Its
// goroutine lasts until then: nothing can stop a read from standard input, so it may outlive the chat.
func Read(r io.Reader) <-chan chat.Input {
	lines := make(chan chat.Input)
	go func() {
		defer close(lines)
		b := bufio.NewReaderSize(r, maxInput)
		if start, _ := b.Peek(len(byteOrderMark)); string(start) == byteOrderMark {
			b.Discard(len(byteOrderMark))
		}
		for rest := false; ; {
			line, more, err := b.ReadLine()
			if err != nil {
				return
			}
			if len(line) > 0 && !rest {
				lines <- chat.Input{Text: string(line)}
			}
			rest = more
		}
	}()
	return lines
}
