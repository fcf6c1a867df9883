package terminal

import (
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

const (
	escWait     = 250 * time.Millisecond // then Esc is a key, not the beginning of a sequence
	stalled     = 100 * time.Millisecond // a Ctrl-C that comes alone after such a pause was not pasted
	maxSequence = 256                    // bytes: no key and no answer of a terminal is longer
	maxRead     = 256                    // bytes: with those held, they become less than 4 KiB of sequences

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
	// begun matches what more bytes can make whole.
	begun = regexp.MustCompile(`^\x1b(\x1b?(\[\[?|[\[O][ -?]*)?|[P\]X^_][^\x00-\x1f]*\x1b?)$`)
	// either matches what is begun but can also be keys: Esc, Esc twice, or Alt and the first character of an
	// answer.
	either = regexp.MustCompile(`^\x1b[\x1bP\]X^_]?$`)
)

// An input is the terminal as Bubble Tea reads it. Bubble Tea gets only whole characters and sequences,
// whatever the pieces in which they arrive and the pauses between them. On Windows it reads the console's
// records, not the input.
type input struct {
	*os.File
	decoder
	last time.Time // when something was read
}

// Read returns 0 and no error when only a part of a sequence has arrived. It keeps nothing back that is
// whole, because Bubble Tea waits for the terminal before it calls Read again. So p needs room for all that
// one read can become.
func (in *input) Read(p []byte) (int, error) {
	var raw [maxRead]byte
	n, err := in.File.Read(raw[:])
	if errors.Is(err, io.EOF) { // Bubble Tea would stop reading and go on
		err = errors.New("the terminal is gone")
	}
	paused := time.Since(in.last) > stalled
	in.last = time.Now()
	out := in.decode(raw[:n], paused)
	if err == nil && in.doubtful() && !comes(in.File, escWait) {
		out = append(out, in.settle()...)
	}
	return copy(p, out), err
}

// A decoder joins the bytes that a terminal sends to whole characters and sequences. Its zero value is ready
// to use.
type decoder struct {
	held    []byte // the beginning of a character or sequence
	pasting bool   // inside a paste
	settled bool   // the last byte was an Esc that was taken for the key
}

// decode returns all that is whole after b has arrived. It reads bytes that are not UTF-8 as Latin-1. A paste
// whose end is lost would swallow every key, so a Ctrl-C that comes alone after a pause ends it, as its last
// character.
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

// next returns the length of the first character or sequence and what to pass on for it. The length is 0 when
// a part has not arrived.
func (d *decoder) next(s string) (n int, token string) {
	switch {
	case d.pasting && strings.HasPrefix(s, pasteEnd):
		d.pasting = false
		return len(pasteEnd), pasteEnd
	case d.pasting && strings.HasPrefix(pasteEnd, s):
		return 0, ""
	case s[0] != '\x1b' || d.pasting:
		return character(s, d.pasting)
	}
	n, token = sequence(s)
	d.pasting = token == pasteStart
	return n, token
}

// character is next for a character. Of the control characters, a paste keeps only white space.
func character(s string, pasted bool) (n int, token string) {
	r, n := utf8.DecodeRuneInString(s)
	switch {
	case !utf8.FullRuneInString(s):
		return 0, ""
	case n == 1 && s[0] >= 0xa0:
		return 1, string(rune(s[0]))
	case n == 1 && r == utf8.RuneError, n > 1 && unicode.IsControl(r),
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

// doubtful reports whether what is held may be keys, with nothing to follow.
func (d *decoder) doubtful() bool { return !d.pasting && either.Match(d.held) }

// settle takes it for keys.
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
