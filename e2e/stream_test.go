package e2e

import (
	"bytes"
	"errors"
	"regexp"
	"strings"
	"sync"
	"time"
)

// A stream holds the lines of a program or a connection, as they come. One goroutine writes it, the scenario
// reads it.
type stream struct {
	next int // index of the first line that no expect has passed; only the scenario uses it

	// mu guards the following fields.
	mu    sync.Mutex
	lines []string
	part  []byte        // an incomplete line
	ended bool          // nothing more will come
	more  chan struct{} // closed, and replaced, when any of the above changes
}

func newStream() *stream { return &stream{more: make(chan struct{})} }

// Write splits p into lines.
func (s *stream) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.part = append(s.part, p...)
	for {
		i := bytes.IndexByte(s.part, '\n')
		if i < 0 {
			break
		}
		s.lines = append(s.lines, string(bytes.TrimSuffix(s.part[:i], []byte("\r"))))
		s.part = s.part[i+1:]
	}
	s.changedLocked()
	return len(p), nil
}

// end marks the end of the output. A last line without LF counts as a line.
func (s *stream) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.part) > 0 {
		s.lines, s.part = append(s.lines, string(s.part)), nil
	}
	s.ended = true
	s.changedLocked()
}

func (s *stream) changedLocked() {
	close(s.more)
	s.more = make(chan struct{})
}

// now returns the lines so far, whether they are all, and a channel that is closed when either changes.
func (s *stream) now() (lines []string, ended bool, more <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lines[:len(s.lines):len(s.lines)], s.ended, s.more
}

// errEnded reports that no more output can come.
var errEnded = errors.New("it has ended")

// expect waits for a line after those passed that matches want, passes it, and returns the match.
func (s *stream) expect(want *regexp.Regexp, patience time.Duration) (match []string, err error) {
	deadline := time.After(patience)
	for from := s.next; ; {
		lines, ended, more := s.now()
		for ; from < len(lines); from++ {
			if m := want.FindStringSubmatch(lines[from]); m != nil {
				s.next = from + 1
				return m, nil
			}
		}
		if ended {
			return nil, errEnded
		}
		select {
		case <-more:
		case <-deadline:
			return nil, errors.New("nothing more in " + patience.String())
		}
	}
}

// unread returns the last forty lines that no expectation has passed, indented.
func (s *stream) unread() string {
	lines, _, _ := s.now()
	return indent(lines[s.next:])
}

func indent(lines []string) string {
	const most = 40 // lines: what led to a failure is near the end
	var b strings.Builder
	if n := len(lines) - most; n > 0 {
		b.WriteString("\t...\n")
		lines = lines[n:]
	}
	for _, l := range lines {
		if len(l) > 200 {
			l = l[:100] + "..." + l[len(l)-100:]
		}
		b.WriteString("\t" + l + "\n")
	}
	return b.String()
}
