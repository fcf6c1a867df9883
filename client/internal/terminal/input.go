package terminal

import (
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"
)

const (
	escWait     = 250 * time.Millisecond // after it, Esc is a key, not the beginning of a sequence
	stalled     = 100 * time.Millisecond // after such a pause, a Ctrl-C that comes alone was not pasted
	maxSequence = 256                    // bytes: no key and no answer of a terminal is longer
	maxRead     = 256                    // bytes: with those held they become less than 4 KiB of sequences

	ctrlC      = "\x03"
	escKey     = "\x1b[27u"   // the Esc key, of which no sequence is the beginning
	altKey     = "\x1b[%d;3u" // Alt and a character
	pasteStart = "\x1b[200~"
	pasteEnd   = "\x1b[201~"
	noText     = "?" // stands for what cannot be text
)

var (
	// whole matches the sequence of a key, also with Alt, or an answer that holds a text. ESC [ [ A comes
	// from the Linux console, ESC [ 3 $ from rxvt.
	whole = regexp.MustCompile(`^\x1b(\x1b?(\[\[[@-~]|\[[0-9]+\$|[\[O][ -?]*[@-Z\\-~])` +
		`|[P\]X^_][^\x00-\x1f]*(\a|\x1b\\))`)
	// begun matches the beginning of a sequence.
	begun = regexp.MustCompile(`^\x1b(\x1b?(\[\[?|[\[O][ -?]*)?|[P\]X^_][^\x00-\x1f]*\x1b?)$`)
	// either matches what is begun but can also be keys: Esc, Esc twice, or Alt and the first character of an
	// answer.
	either = regexp.MustCompile(`^\x1b[\x1bP\]X^_]?$`)
)

// An input is the terminal as Bubble Tea reads it. Bubble Tea v2.0.10 takes a sequence or character that
// arrives in pieces for several keys (https://github.com/charmbracelet/bubbletea); so it gets only whole
// ones. On Windows it reads the console's records, not the input. Delete input when Bubble Tea waits for the
// rest by itself.
type input struct {
	*os.File
	last time.Time // when something was read

	mu      sync.Mutex // guards decoder
	decoder decoder
}

// unfinished returns the text of which a part has not arrived. There must be no more reads.
func (in *input) unfinished() string {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.decoder.unfinished()
}

// Read returns 0 and no error if only a part of a sequence has arrived. It keeps nothing back that is whole,
// because Bubble Tea waits for the terminal before it calls Read again. So p needs room for everything that
// one read can become.
func (in *input) Read(p []byte) (int, error) {
	var raw [maxRead]byte
	n, err := in.File.Read(raw[:])
	if errors.Is(err, io.EOF) { // Bubble Tea would stop reading and go on
		err = errors.New("the terminal is gone")
	}
	paused := time.Since(in.last) > stalled
	in.last = time.Now()
	in.mu.Lock()
	defer in.mu.Unlock()
	out := in.decoder.decode(raw[:n], paused)
	if err == nil && in.decoder.doubtful() && !arrives(in.File, escWait) {
		out = append(out, in.decoder.settle()...)
	}
	return copy(p, out), err
}

// A decoder joins the bytes from a terminal to whole characters and sequences. Its zero value is ready to
// use.
type decoder struct {
	held    []byte // the beginning of a character or sequence
	pasting bool   // inside a paste
	pasted  []byte // its text so far
	settled bool   // the last byte was an Esc that was taken for the key
}

// unfinished returns the text of a paste that has not ended, and the bytes of a character that is not whole.
func (d *decoder) unfinished() string {
	text := string(d.pasted)
	if len(d.held) > 0 && d.held[0] != '\x1b' {
		for _, b := range d.held {
			text += latin1(b)
		}
	}
	return text
}

// decode returns everything that is whole after b has arrived. It reads bytes that are not UTF-8 as Latin-1.
// A paste whose end is lost would swallow every key, so a Ctrl-C that comes alone after a pause ends it, as
// its last character.
func (d *decoder) decode(b []byte, paused bool) (out []byte) {
	if d.pasting && paused && string(b) == ctrlC {
		*d = decoder{}
		return []byte(ctrlC + pasteEnd)
	}
	if late := "\x1b" + string(b); d.settled && len(b) > 0 {
		if whole.FindString(late) == late || strings.HasPrefix(late, pasteStart) {
			d.held = []byte{'\x1b'} // nobody types the rest of a sequence in one go
		}
		d.settled = false
	}
	rest := string(d.held) + string(b)
	for rest != "" {
		n, token := d.next(rest)
		if n == 0 {
			break
		}
		out, rest = append(out, token...), rest[n:]
	}
	d.held = []byte(rest)
	return out
}

// next returns the length of the first character or sequence and what to pass on for it. The length is 0 if a
// part has not arrived.
func (d *decoder) next(s string) (n int, token string) {
	switch {
	case d.pasting && strings.HasPrefix(s, pasteEnd):
		d.pasting, d.pasted = false, nil
		return len(pasteEnd), pasteEnd
	case d.pasting && strings.HasPrefix(pasteEnd, s):
		return 0, ""
	case d.pasting:
		n, token = character(s, true)
		d.pasted = append(d.pasted, token...)
		return n, token
	case s[0] != '\x1b':
		return character(s, false)
	}
	n, token = sequence(s)
	d.pasting = token == pasteStart
	return n, token
}

// latin1 returns the character that b is if it is not UTF-8.
func latin1(b byte) string {
	if b >= 0xa0 {
		return string(rune(b))
	}
	return noText
}

// character is next for a character. Of the control characters, a paste keeps only white space.
func character(s string, pasted bool) (n int, token string) {
	r, n := utf8.DecodeRuneInString(s)
	switch {
	case !utf8.FullRuneInString(s):
		return 0, ""
	case n == 1 && r == utf8.RuneError:
		return 1, latin1(s[0])
	case n > 1 && unicode.IsControl(r),
		pasted && unicode.IsControl(r) && !strings.ContainsRune("\t\r\n", r):
		return n, noText
	}
	return n, s[:n]
}

// sequence is next for a sequence. Esc before anything that continues no sequence is the key itself, or Alt.
func sequence(s string) (n int, token string) {
	token = whole.FindString(s[:min(len(s), maxSequence)])
	if token != "" {
		return len(token), strings.ToValidUTF8(token, noText)
	}
	if begun.MatchString(s) && len(s) < maxSequence || !utf8.FullRuneInString(s[1:]) {
		return 0, ""
	}
	r, n := utf8.DecodeRuneInString(s[1:])
	if r == utf8.RuneError || unicode.IsControl(r) && !strings.ContainsRune("\t\r\x7f", r) {
		return 1, escKey
	}
	return 1 + n, fmt.Sprintf(altKey, r)
}

// doubtful reports whether the held bytes may be keys, with nothing to follow.
func (d *decoder) doubtful() bool { return !d.pasting && either.Match(d.held) }

// settle takes the held bytes for keys.
func (d *decoder) settle() (out []byte) {
	last := d.held[len(d.held)-1]
	d.settled = last == '\x1b'
	if d.settled {
		out = []byte(strings.Repeat(escKey, len(d.held)))
	} else {
		out = fmt.Appendf(nil, altKey, last)
	}
	d.held = nil
	return out
}
