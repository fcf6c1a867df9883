package e2e

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/hinshun/vt10x"
	"golang.org/x/text/width"
)

// A screen is what a person sees of a terminal. vt10x keeps the cells; wide characters, repetition and the
// questions that programs ask, which it does not know, are added here.
type screen struct {
	answer io.Writer // takes the terminal's answers

	// mu guards the following fields.
	mu    sync.Mutex
	cells vt10x.Terminal
	rest  []byte        // an incomplete sequence or character
	last  rune          // the latest character, for REP to repeat
	bells int           // how often the bell rang
	more  chan struct{} // closed, and replaced, when the screen has changed
}

// filler is in the second cell of a wide character; it is for private use, so no text has it.
const filler = '\ue000'

// newScreen returns a screen of that size. Size 0 stands for a terminal that does not tell its size.
func newScreen(cols, rows int, answer io.Writer) *screen {
	if cols == 0 {
		cols, rows = 80, 24
	}
	return &screen{answer: answer, cells: vt10x.New(vt10x.WithSize(cols, rows)), more: make(chan struct{})}
}

// Write shows what a program printed.
func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rest = append(s.rest, p...)
	for len(s.rest) > 0 {
		n := s.stepLocked(s.rest)
		if n == 0 {
			break
		}
		s.rest = s.rest[n:]
	}
	close(s.more)
	s.more = make(chan struct{})
	return len(p), nil
}

// stepLocked shows the first character or sequence of b and returns its length, or 0 when it is cut short.
func (s *screen) stepLocked(b []byte) int {
	switch {
	case b[0] == '\a':
		s.bells++
		return 1
	case b[0] != 0x1b && (b[0] < ' ' || b[0] == 0x7f):
		s.rawLocked(b[:1])
		return 1
	case b[0] != 0x1b:
		if !utf8.FullRune(b) {
			return 0
		}
		r, n := utf8.DecodeRune(b)
		s.putLocked(r)
		return n
	case len(b) < 2:
		return 0
	}
	switch b[1] {
	case '[':
		for i := 2; i < len(b); i++ {
			if b[i] >= 0x40 && b[i] <= 0x7e {
				s.controlLocked(b[:i+1])
				return i + 1
			}
		}
		return 0
	case ']', 'P', '_', '^', 'X': // titles, colours and the like: nothing that a row shows
		end := bytes.Index(b, []byte("\x1b\\"))
		if bell := bytes.IndexByte(b, '\a'); bell >= 0 && (end < 0 || bell < end) {
			return bell + 1
		}
		if end < 0 {
			return 0
		}
		return end + 2
	case '(', ')', '*', '+': // character sets
		if len(b) < 3 {
			return 0
		}
		return 3
	}
	s.rawLocked(b[:2])
	return 2
}

// rawLocked passes b to vt10x, which understands it.
func (s *screen) rawLocked(b []byte) {
	_, _ = s.cells.Write(b) // it never fails
}

// putLocked shows a character in as many cells as terminals do.
func (s *screen) putLocked(r rune) {
	if unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf) {
		return // joins the character before it
	}
	s.last = r
	if k := width.LookupRune(r).Kind(); k != width.EastAsianWide && k != width.EastAsianFullwidth {
		s.rawLocked([]byte(string(r)))
		return
	}
	if cols, _ := s.cells.Size(); s.cells.Cursor().X == cols-1 {
		s.rawLocked([]byte(string(filler))) // no room in this row
	}
	s.rawLocked([]byte(string(r) + string(filler)))
}

// controlLocked carries out a control sequence, ESC [ to its final byte.
func (s *screen) controlLocked(seq []byte) {
	final := seq[len(seq)-1]
	body := string(seq[2 : len(seq)-1])
	private := body != "" && strings.ContainsRune("<=>?", rune(body[0]))
	switch {
	case strings.HasPrefix(body, "?") && strings.HasSuffix(body, "$") && final == 'p':
		s.reportLocked(strings.Trim(body, "?$"))
	case private && (body[0] != '?' || final != 'h' && final != 'l'),
		strings.ContainsAny(body, " !\"$'*"), final == 't':
		// keyboard protocols, cursor shapes, window sizes: nothing that a row shows
	case final == 'c':
		fmt.Fprint(s.answer, "\x1b[?62;22c") // a VT220 with colours
	case final == 'n' && body == "6":
		at := s.cells.Cursor()
		fmt.Fprintf(s.answer, "\x1b[%d;%dR", at.Y+1, at.X+1)
	case final == 'b': // REP
		n, err := strconv.Atoi(body)
		if err != nil {
			n = 1
		}
		for range n {
			s.putLocked(s.last)
		}
	case final == 'm':
		s.rawLocked([]byte("\x1b[" + dimmed(body) + "m"))
	default:
		s.rawLocked(seq)
	}
}

// dimmed returns the parameters of a look with italics in place of dim, which vt10x does not know: nothing is
// in italics here.
func dimmed(params string) string {
	words := strings.Split(params, ";")
	for i := 0; i < len(words); i++ {
		switch words[i] {
		case "2":
			words[i] = "3"
		case "22": // neither bold nor dim
			words[i] = "22;23"
		case "38", "48":
			i += 2 // a colour of the 256
		}
	}
	return strings.Join(words, ";")
}

// reportLocked answers whether a mode is known. Only synchronized output is, as in most terminals.
func (s *screen) reportLocked(mode string) {
	state := 0 // not known
	if mode == "2026" {
		state = 2 // known and not set
	}
	fmt.Fprintf(s.answer, "\x1b[?%s;%d$y", mode, state)
}

// resize changes the size of the screen.
func (s *screen) resize(cols, rows int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cells.Resize(cols, rows)
}

// rows returns the text of each row, without the blanks at its end.
func (s *screen) rows() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, n := s.cells.Size()
	rows := make([]string, n)
	for y := range rows {
		rows[y] = s.rowLocked(y, -1)
	}
	return rows
}

// prompt returns the row that the cursor is in, with | where it is.
func (s *screen) prompt() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	x, y := s.cursorLocked()
	return s.rowLocked(y, x)
}

// cursorLocked returns the column and row of the cursor: of the terminal's own, or, when that is hidden, of
// the first cell in reverse, which is how programs draw one.
func (s *screen) cursorLocked() (x, y int) {
	const reverse = 1 // in the Mode of a cell
	cols, rows := s.cells.Size()
	for y := 0; y < rows && !s.cells.CursorVisible(); y++ {
		for x := range cols {
			if s.cells.Cell(x, y).Mode&reverse != 0 {
				return x, y
			}
		}
	}
	at := s.cells.Cursor()
	return at.X, at.Y
}

// rowLocked returns the text of the row y, with | at the column mark.
func (s *screen) rowLocked(y, mark int) string {
	cols, _ := s.cells.Size()
	var b strings.Builder
	for x := range cols {
		if x == mark {
			b.WriteByte('|')
		}
		switch r := s.cells.Cell(x, y).Char; r {
		case filler:
		case 0:
			b.WriteByte(' ')
		default:
			b.WriteRune(r)
		}
	}
	return strings.TrimRight(b.String(), " ")
}

// looks returns the look of each place on the screen that holds text: plain, or its colours and styles.
func (s *screen) looks(text string) (found []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	cols, rows := s.cells.Size()
	for y := range rows {
		var row strings.Builder
		cells := make(map[int]vt10x.Glyph) // by where they are in row
		for x := range cols {
			if cell := s.cells.Cell(x, y); cell.Char != filler {
				cells[row.Len()] = cell
				row.WriteRune(cell.Char)
			}
		}
		for at, end := 0, 0; ; at = end {
			i := strings.Index(row.String()[at:], text)
			if i < 0 {
				break
			}
			end = at + i + len(text)
			var all []string
			for b := at + i; b < end; b++ {
				if cell, ok := cells[b]; ok && cell.Char != ' ' && !slices.Contains(all, look(cell)) {
					all = append(all, look(cell))
				}
			}
			found = append(found, strings.Join(all, ", "))
		}
	}
	return found
}

// look returns how a cell looks.
func look(cell vt10x.Glyph) string {
	var is []string
	for bit, word := range []string{"reverse", "underlined", "bold", "", "dim"} { // as in the Mode of a cell
		if word != "" && cell.Mode&(1<<bit) != 0 {
			is = append(is, word)
		}
	}
	swapped := slices.Contains(is, "reverse") // vt10x has put the colours in each other's place
	if cell.FG != vt10x.DefaultFG && !swapped {
		is = append(is, strconv.Itoa(int(cell.FG)))
	}
	if is == nil {
		return "plain"
	}
	return strings.Join(is, " ")
}

// rung returns how often the bell rang.
func (s *screen) rung() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return []string{strconv.Itoa(s.bells)}
}

// changed returns a channel that is closed when the screen changes.
func (s *screen) changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.more
}

// String draws the screen, with its cursor.
func (s *screen) String() string {
	rows := s.rows()
	return indent(rows) + "cursor: " + s.prompt() + "\n"
}
