package terminal

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"

	"parley/client/internal/chat"
)

func init() { lipgloss.Writer.Profile = colorprofile.ANSI256 } // whatever the tests write to

var (
	today = time.Date(2026, 11, 22, 0, 0, 0, 0, time.Local)
	noon  = today.Add(12 * time.Hour)
	fresh = noon.Add(-time.Hour)
	old   = noon.Add(-48 * time.Hour)
)

// marked returns painted rows with words in place of sequences.
func marked(rows []string) []string {
	first, second := nameColors("bob")
	bob := "\x1b[38;5;" + first + "mb\x1b[m\x1b[38;5;" + second + "mob\x1b[m"
	words := strings.NewReplacer(bob, "bob{bob}", "\x1b[m", "}", "\x1b[2m", "dim{", "\x1b[1m", "bold{",
		"\x1b[1;7m", "called{", "\x1b[38;5;160m", "wrong{")
	return strings.Split(words.Replace(strings.Join(rows, "\n")), "\n")
}

func TestPaint(t *testing.T) {
	tests := []struct {
		name  string
		line  chat.Line
		room  int
		want  []string
		calls bool
	}{
		{"message", chat.Line{Kind: chat.Message, At: fresh, From: "bob", Text: "hi"}, 40,
			[]string{"dim{11:00 }bob{bob}: hi"}, false},
		{"of another day", chat.Line{Kind: chat.Message, At: old, From: "bob", Text: "hi"}, 40,
			[]string{"dim{Nov 20 12:00 }bob{bob}: hi"}, false},
		{"unicast", chat.Line{Kind: chat.Message, At: fresh, From: "bob", To: "you", Text: "hi"}, 40,
			[]string{"dim{11:00 }bob{bob} → bold{you}: hi"}, false},
		{"own", chat.Line{Kind: chat.Answer, At: fresh, From: "you", To: "bob", Text: "al"}, 40,
			[]string{"dim{11:00 }bold{you} → bob{bob}: al"}, false},
		{"calls", chat.Line{Kind: chat.Message, At: fresh, From: "bob", Text: "AL, al!"}, 40,
			[]string{"dim{11:00 }bob{bob}: called{AL}, called{al}!"}, true},
		{"calls again", chat.Line{Kind: chat.Message, At: fresh, From: "bob", Text: "al al al2 al"}, 40,
			[]string{"dim{11:00 }bob{bob}: called{al} called{al} al2 called{al}"}, true},
		{"does not call", chat.Line{Kind: chat.Message, At: fresh, From: "al", Text: "also all pal al2"}, 40,
			[]string{"dim{11:00 }" + marked([]string{styleName("al")})[0] + ": also all pal al2"}, false},
		{"joined", chat.Line{Kind: chat.Presence, At: fresh, Text: "al has joined"}, 40,
			[]string{"dim{11:00 }dim{al has joined}"}, false},
		{"history", chat.Line{Kind: chat.Earlier, At: fresh, From: "bob", Text: "hi al"}, 40,
			[]string{"dim{11:00 }dim{bob: hi al}"}, false},
		{"answer", chat.Line{Text: "you may read this"}, 12, []string{"you may", "dim{│ }read this"}, false},
		{"failure", chat.Line{Kind: chat.Failure, Text: "no such"}, 40, []string{"wrong{no such}"}, false},
		{"wrapped", chat.Line{Kind: chat.Message, At: fresh, From: "bob", Text: "one two three four"}, 20,
			[]string{"dim{11:00 }bob{bob}: one two", "dim{    │ }three four"}, false},
		{"wrapped look", chat.Line{Kind: chat.Presence, At: fresh, Text: "one two three four"}, 20,
			[]string{"dim{11:00 }dim{one two three}", "dim{    │ }dim{four}"}, false},
		{"long word", chat.Line{Kind: chat.Message, At: fresh, From: "bob", Text: strings.Repeat("x", 20)},
			20, []string{"dim{11:00 }bob{bob}: xxxxxxxxx", "dim{    │ }xxxxxxxxxxx"}, false},
		{"long word after others", chat.Line{Text: "one two " + strings.Repeat("x", 20) + " end"}, 12,
			[]string{"one two xx", "dim{│ }xxxxxxxxxx", "dim{│ }xxxxxxxx", "dim{│ }end"}, false},
		{"wide", chat.Line{Kind: chat.Message, At: fresh, From: "bob", Text: "日本語日本語"}, 20,
			[]string{"dim{11:00 }bob{bob}: 日本語日", "dim{    │ }本語"}, false},
		{"combining", chat.Line{Text: "e\u0301e\u0301e\u0301 e\u0301"}, 6,
			[]string{"e\u0301e\u0301e\u0301", "dim{│ }e\u0301"}, false},
		{"hearts", chat.Line{Text: strings.Repeat("❤️", 5)}, 6, []string{"❤️❤️", "dim{│ }❤️❤️", "dim{│ }❤️"},
			false},
		{"narrow", chat.Line{Kind: chat.Message, At: fresh, From: "bob", Text: "hi you"}, 12,
			[]string{"dim{11:00 }bob{bob}:", "dim{│ }hi you"}, false},
		{"narrow and wide", chat.Line{Text: "日本 語"}, 3, []string{"日", "dim{│}本", "dim{│}語"}, false},
		{"narrower than an indent", chat.Line{Text: "日本 語"}, 2, []string{"日", "dim{}本", "dim{}語"}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rows, calls := paint(tt.line, mentionOf("al"), tt.room, today)
			if diff := cmp.Diff(tt.want, marked(rows)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if calls != tt.calls {
				t.Errorf("calls the user: %v, want %v", calls, tt.calls)
			}
		})
	}
}

func TestNoColor(t *testing.T) {
	lipgloss.Writer.Profile = colorprofile.ASCII // as it is with NO_COLOR
	defer func() { lipgloss.Writer.Profile = colorprofile.ANSI256 }()
	rows, _ := paint(chat.Line{Kind: chat.Message, At: fresh, From: "bob", Text: "hi al"}, mentionOf("al"),
		40, today)
	if diff := cmp.Diff([]string{"dim{11:00 }bob: hi called{al}"},
		marked([]string{strings.ReplaceAll(rows[0], "\x1b[mb\x1b[m\x1b[mob\x1b[m", "bob")})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A name has the same colours however it is written, and names have many; each can be read on black and on
// white.
func TestShades(t *testing.T) {
	if a, b := styleName("Bob"), styleName("bob"); strings.ReplaceAll(a, "B", "b") != b {
		t.Errorf("Bob is %q, and bob %q", a, b)
	}
	seen, pairs := make(map[string]bool), make(map[string]int)
	for n := range 1000 {
		first, second := nameColors("user" + strconv.Itoa(n))
		seen[first], seen[second] = true, true
		if n < 40 {
			pairs[first+" "+second]++
		}
	}
	if len(pairs) < 38 {
		t.Errorf("forty names have only %d pairs of colours", len(pairs))
	}
	for name, want := range map[string]string{"小": "小", "e\u0301a": "e\u0301", "한글": "한"} {
		initial, _, _ := strings.Cut(styleName(name), "\x1b[m")
		if got := ansi.Strip(initial); got != want {
			t.Errorf("%s begins with %q in a colour of its own, want %q", name, got, want)
		}
	}
	for _, s := range palette {
		if !seen[s] {
			t.Errorf("of 1000 names none has the colour %s", s)
		}
		n, _ := strconv.Atoi(s)
		level := []float64{0, 95, 135, 175, 215, 255}
		linear := func(i int) float64 { return math.Pow((level[i]/255+0.055)/1.055, 2.4) }
		light := 0.2126*linear((n-16)/36) + 0.7152*linear((n-16)/6%6) + 0.0722*linear((n-16)%6)
		if black, white := (light+0.05)/0.05, 1.05/(light+0.05); black < 3.5 || white < 3.5 {
			t.Errorf("colour %s has a contrast of %.1f to black and %.1f to white, want 3.5", s, black, white)
		}
	}
}

func TestProgress(t *testing.T) {
	tests := []struct {
		p    chat.Progress
		want string
	}{
		{chat.Progress{Name: "a", Size: 10, Began: noon}, "0%, 0 B of 10 B: a"},
		{chat.Progress{Name: "a b", Have: 3e6, Size: 4e6, From: 1e6, Began: noon.Add(-4 * time.Second),
			More: 2}, "75%, 3.0 MB of 4.0 MB, 500.0 kB/s, 2s left, 2 more to come: a b"},
		{chat.Progress{Name: "a", Have: 999, Size: 1000, Began: noon.Add(-time.Second)},
			"99%, 999 B of 1.0 kB, 999 B/s, 0s left: a"},
		{chat.Progress{Name: "a", Have: 100, Size: math.MaxUint64, Began: noon.Add(-time.Second)},
			"0%, 100 B of 18.4 EB, 100 B/s, 277h46m40s left: a"},
		{chat.Progress{Name: "empty", Began: noon}, "100%, 0 B of 0 B: empty"},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, progress(tt.p, noon)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

// widest returns the most columns that a character takes: no row can break one.
func widest(s string) (most int) {
	for s != "" {
		c, n := ansi.FirstGraphemeCluster(s, ansi.WcWidth)
		s, most = s[len(c):], max(most, n)
	}
	return most
}

// FuzzPaint checks that printed lines and the prompt hold no control characters but the sequences for a
// look.
func FuzzPaint(f *testing.F) {
	f.Add("bob", "", "hi \x1b[2J al \u202e\u200d", 0, 20)
	f.Add("\x1b]0;x\a", "al", "👩\u200d👧\xff\u2028 日本語", 3, 5)
	look := regexp.MustCompile("\x1b\\[[0-9;]*m")
	check := func(t *testing.T, row string, columns func(string) int, most int) {
		t.Helper()
		plain := look.ReplaceAllString(row, "")
		parts := strings.NewReplacer("\u200c", "", "\u200d", "").Replace(plain) // a joiner may end a row
		if !utf8.ValidString(plain) || strings.ContainsFunc(plain,
			unicode.IsControl) || chat.Escape(parts) != parts {
			t.Errorf("printed %q", row)
		}
		if w := columns(row); most > 1 && w > most && widest(plain) <= 2 { // in one column nothing is certain
			t.Errorf("%d columns in a room of %d: %q", w, most, row)
		}
	}
	f.Fuzz(func(t *testing.T, from, to, text string, kind, width int) {
		width = min(max(width, 2), 200)
		kind = kind & 7 % 5
		l := chat.Line{Kind: chat.Kind(kind), At: fresh, From: chat.Escape(from), To: chat.Escape(to),
			Text: chat.Escape(text)}
		rows, _ := paint(l, mentionOf("al"), width-1, noon)
		for _, row := range rows {
			check(t, row, maxWidth, width-1)
		}
		p := newPrompt("al", nil)
		p.resize(tea.WindowSizeMsg{Width: width, Height: 9})
		p.Update(update{status: chat.Status{To: chat.Escape(to)}})
		p.line.set(text)
		p.hint = chat.Escape(from)
		view := p.View()
		for row := range strings.SplitSeq(view.Content, "\n") {
			check(t, row, ansi.StringWidthWc, width-1)
		}
		if view.Cursor.X >= width {
			t.Errorf("the cursor is in column %d of %d", view.Cursor.X, width)
		}
	})
}
