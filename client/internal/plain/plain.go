// Package plain is the client's face for pipes and files: lines in, lines out.
package plain

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"parley/client/internal/chat"
)

// maxInput is the bytes of a line of input that are looked at: far more than any message or command can have.
const maxInput = 64 << 10

// A Face writes each event as one line. It is not safe for concurrent use.
type Face struct {
	out  *bufio.Writer
	errs io.Writer
}

// New returns a Face that writes what happens to out, and what goes wrong to errs.
func New(out, errs io.Writer) *Face { return &Face{bufio.NewWriter(out), errs} }

// Show writes a line. What stops it from being written comes back from Flush.
func (f *Face) Show(l chat.Line) { fmt.Fprintln(f.out, l.Text) }

// Complain writes a line to the errors, after all that was shown before it.
func (f *Face) Complain(text string) {
	f.out.Flush()
	fmt.Fprintln(f.errs, text)
}

// Prompt does nothing: there is no one to prompt.
func (f *Face) Prompt(string) {}

// Flush writes what was not written yet.
func (f *Face) Flush() error {
	err := f.out.Flush()
	if err != nil {
		fmt.Fprintln(f.errs, chat.Complaint(fmt.Sprintf("cannot write what happens: %v", err)))
	}
	return err
}

// Read returns the lines of r, and closes the channel at its end. Its goroutine lasts until then: nothing can stop a
// read from standard input, so it may outlive the chat.
func Read(r io.Reader) <-chan chat.Input {
	lines := make(chan chat.Input)
	go func() {
		defer close(lines)
		b := bufio.NewReaderSize(r, maxInput)
		for {
			line, err := b.ReadSlice('\n')
			in := chat.Input{Text: strings.TrimSuffix(string(line), "\n")}
			for n := len(line); errors.Is(err, bufio.ErrBufferFull); {
				line, err = b.ReadSlice('\n')
				n += len(line)
				in = chat.Input{Err: fmt.Errorf("a line of %d bytes is too long", n)}
			}
			if in.Text != "" || in.Err != nil {
				lines <- in
			}
			if err != nil {
				return
			}
		}
	}()
	return lines
}
