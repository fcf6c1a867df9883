package terminal

import (
	"fmt"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"

	"parley/client/internal/chat"
)

// pressKeys presses keys, which are named as tea names them, or pastes a text that begins with a quote.
func pressKeys(p *prompt, names ...string) {
	special := map[string]tea.Key{
		"enter": {Code: tea.KeyEnter}, "up": {Code: tea.KeyUp}, "down": {Code: tea.KeyDown},
		"left":  {Code: tea.KeyLeft},
		"right": {Code: tea.KeyRight}, "home": {Code: tea.KeyHome}, "backspace": {Code: tea.KeyBackspace},
		"delete": {Code: tea.KeyDelete}, "tab": {Code: tea.KeyTab}, "alt+d": {Code: 'd', Mod: tea.ModAlt},
	}
	for _, name := range names {
		key, ok := special[name]
		if letter, ctrl := strings.CutPrefix(name, "ctrl+"); ctrl {
			key = tea.Key{Code: rune(letter[0]), Mod: tea.ModCtrl}
		} else if text, pasted := strings.CutPrefix(name, "'"); pasted {
			p.Update(tea.PasteMsg{Content: text})
			continue
		} else if !ok {
			key = tea.Key{Text: name, Code: []rune(name)[0]}
		}
		p.Update(tea.KeyPressMsg(key))
	}
}

func TestPrompt(t *testing.T) {
	eleven := strings.Repeat("x\n", 11)
	tests := []struct {
		name  string
		keys  []string
		typed []string // what the chat gets; with > what was pasted, with ? what is to be completed
		line  string   // what stays on the line
		gone  bool     // the chat is sent to end
	}{
		{"a line", []string{"h", "i", "enter", "y"}, []string{"hi"}, "y", false},
		{"nothing", []string{"enter"}, nil, "", false},
		{"wide", []string{"日", "本", "left", "x", "enter"}, []string{"日x本"}, "", false},
		{"past", []string{"a", "enter", "b", "enter", "up", "up", "up"}, []string{"a", "b"}, "a", false},
		{"draft", []string{"a", "enter", "b", "up", "down", "down", "c"}, []string{"a"}, "bc", false},
		{"again", []string{"a", "enter", "up", "enter"}, []string{"a", "a"}, "", false},
		{"clear", []string{"a", "ctrl+c", "b"}, nil, "b", false},
		{"leave", []string{"a", "ctrl+c", "ctrl+c"}, nil, "", true},
		{"stay", []string{"ctrl+c", "a", "ctrl+c"}, nil, "", false},
		{"leave, with Ctrl let go", []string{"ctrl+c", "ctrl+ ", "ctrl+c"}, nil, "", true},
		{"end of input", []string{"a", "left", "ctrl+d", "ctrl+d"}, nil, "", true},
		{"after the end", []string{"ctrl+c", "ctrl+c", "a", "enter"}, nil, "a", true},

		{"combining", []string{"e\u0301", "x", "left", "left", "y", "enter"}, []string{"ye\u0301x"}, "",
			false},
		{"combining, erased", []string{"a", "e\u0301", "backspace"}, nil, "a", false},
		{"a family, deleted", []string{"a", "👩\u200d👧", "b", "home", "right", "delete", "enter"},
			[]string{"ab"}, "", false},
		{"cut and put back", []string{"'one two three", "ctrl+w", "home", "ctrl+y", "enter"},
			[]string{"threeone two "}, "", false},
		{"cut the last letter", []string{"a", "home", "alt+d", "ctrl+y", "ctrl+y"}, nil, "aa", false},
		{"cut to the end", []string{"'ab", "left", "ctrl+k", "ctrl+k", "home", "ctrl+y"}, nil, "ba", false},
		{"cut to the beginning", []string{"'ab", "left", "ctrl+u"}, nil, "b", false},

		{"pasted words", []string{"a", "'b c\n", "d"}, nil, "ab cd", false},
		{"pasted with Shift", []string{"'\x00B\x00b"}, nil, "Bb", false},
		{"pasted lines", []string{"a", "'b\r\nc\rd", "enter"}, []string{">ab", ">c", "d"}, "", false},
		{"pasted before the end", []string{"'ad", "left", "'b\nc", "x"}, []string{">ab"}, "cxd", false},
		{"pasted commands", []string{"'/quit\n//x\n\n", "y"}, []string{">/quit", ">//x"}, "y", false},
		{"pasted into a command", []string{"'/tell bob ", "'a\nb\n", "enter"}, []string{"/tell bob a b"}, "",
			false},
		{"pasted into a command after a blank", []string{"' ／tell bob ", "'a\nb\n", "enter"},
			[]string{" ／tell bob a b"}, "", false},
		{"pasted after //", []string{"'//a ", "'b\nc\n"}, []string{">/a b", ">c"}, "", false},
		{"pasted without an end", []string{"a", "'b\n/quit\nc\x03", "d"}, nil, "d", false},
		{"much pasted, no", []string{"a", "'" + eleven, "enter", "n", "b"}, nil, "ab", false},
		{"much pasted, leave", []string{"a", "'" + eleven, "ctrl+c", "ctrl+c"}, nil, "", true},
		{"much pasted, twice", []string{"'" + eleven, "'y\nz", "y"},
			strings.Split(strings.Repeat(">x,", 11)+">y", ","), "z", false},
		{"much pasted, dropped", []string{"'" + eleven, "y", "ctrl+c"},
			strings.Split(strings.Repeat(">x,", 10)+">x", ","), "", false},

		{"tab", []string{"'/g x", "left", "tab"}, []string{"?/g "}, "/g x", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			typed := make(chan chat.Input, 100)
			p := newPrompt("alice", typed)
			pressKeys(p, tt.keys...)
			if gone := p.typed == nil; gone != tt.gone {
				t.Errorf("hung up: %v, want %v", gone, tt.gone)
			}
			p.hangUp()
			var got []string
			for in := range typed {
				if in.Pasted {
					in.Text = ">" + in.Text
				}
				if in.Complete != nil {
					in.Text = "?" + in.Text
				}
				got = append(got, in.Text)
			}
			if diff := cmp.Diff(tt.typed, got); diff != "" {
				t.Errorf("typed (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.line, p.line.text()); diff != "" {
				t.Errorf("left on the line (-want +got):\n%s", diff)
			}
		})
	}
}

// No key asks another program for anything: Ctrl-V would ask for the clipboard, which the terminal pastes
// when sent to.
func TestKeysAskNobody(t *testing.T) {
	p := newPrompt("alice", make(chan chat.Input, 1))
	for key := rune('a'); key <= 'z'; key++ {
		for _, mod := range []tea.KeyMod{tea.ModCtrl, tea.ModAlt, tea.ModCtrl | tea.ModAlt,
			tea.ModCtrl | tea.ModShift} {
			press := tea.KeyPressMsg{Code: key, Mod: mod}
			if _, cmd := p.Update(press); cmd != nil && press.String() != "ctrl+z" {
				t.Errorf("%s has something done: %T", press, cmd())
			}
		}
	}
}

// Lines that the chat cannot take yet stay in order, and pasted ones also wait for the server.
func TestPromptFull(t *testing.T) {
	typed := make(chan chat.Input, 1)
	p := newPrompt("alice", typed)
	pressKeys(p, "'a\nb\nc", "enter")
	p.Update(update{status: chat.Status{Waiting: maxAhead}})
	var got []string
	for n := range 3 {
		got = append(got, (<-typed).Text, fmt.Sprint(len(p.queue)))
		p.Update(update{status: chat.Status{Taken: n + 1}})
	}
	want := []string{"a", "2", "b", "1", "c", "0"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestComplete(t *testing.T) {
	tests := []struct {
		name         string
		line         string
		answer       chat.Completion
		before, hint string
	}{
		{"one", "/te", chat.Completion{Line: "/te", Longer: "/tell ", Words: []string{"/tell"}}, "/tell ",
			""},
		{"several", "bo", chat.Completion{Line: "bo", Longer: "Bob", Words: []string{"Bob", "Bobby"}}, "Bob",
			"Bob  Bobby"},
		{"none", "x", chat.Completion{Line: "x", Longer: "x"}, "x", "no match"},
		{"too late", "hi bo, but", chat.Completion{Line: "hi bo", Longer: "hi bob", Words: []string{"bob"}},
			"hi bo, but", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newPrompt("alice", nil)
			p.line.set(tt.line)
			p.Update(tt.answer)
			before := p.line.before
			if diff := cmp.Diff([]string{tt.before, tt.hint}, []string{before, p.hint}); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A blocked terminal costs no memory: of the messages that arrive meanwhile the newest are kept, and the
// others counted.
func TestFlood(t *testing.T) {
	f := &UI{updates: make(chan update, 1)}
	f.Show(chat.Line{Kind: chat.Answer, Text: "answer"})
	for i := range 100_000 {
		f.Show(chat.Line{Kind: chat.Message, Text: fmt.Sprint(i)})
	}
	f.Flush(chat.Status{Waiting: 1})
	sent := <-f.updates
	p := newPrompt("alice", nil)
	for _, n := range []update{{lines: sent.lines[:50]},
		{lines: sent.lines[50:], skipped: sent.skipped, status: sent.status}} {
		p.Update(n)
	}
	want := update{skipped: 100_000 - readable, status: chat.Status{Waiting: 1}}
	want.lines = append(want.lines, chat.Line{Kind: chat.Answer, Text: "answer"})
	for i := range readable {
		want.lines = append(want.lines,
			chat.Line{Kind: chat.Message, Text: fmt.Sprint(100_000 - readable + i)})
	}
	if diff := cmp.Diff(want, p.update, cmp.AllowUnexported(update{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Private messages stay, however much is said to everyone meanwhile; a flood of them is limited, too.
func TestFloodAroundPrivateMessages(t *testing.T) {
	const secrets, rounds = 40, 1000
	var u update
	for i := range rounds {
		var later update
		if i < secrets {
			later.lines = []chat.Line{{Kind: chat.Message, To: chat.User, Text: "psst"}}
		}
		for range 10 {
			later.lines = append(later.lines, chat.Line{Kind: chat.Message, Text: "noise"})
		}
		u.add(later)
	}
	count := func() (n int) {
		for _, l := range u.lines {
			if l.To == chat.User {
				n++
			}
		}
		return n
	}
	if n := count(); n != secrets || len(u.lines) != secrets+readable {
		t.Errorf("%d of %d private messages in %d lines", n, secrets, len(u.lines))
	}
	for range rounds {
		u.add(update{lines: []chat.Line{{Kind: chat.Message, To: chat.User, Text: "flood"}}})
	}
	if n := count(); n != readable {
		t.Errorf("%d private messages of a flood, want %d", n, readable)
	}
}

// The view has the width and height of the screen at most, and the cursor is in it.
func TestView(t *testing.T) {
	tests := []struct {
		name   string
		width  int
		status chat.Status
		line   string
		want   string // with | for the cursor
	}{
		{"empty", 20, chat.Status{}, "", "[all] |"},
		{"wide", 20, chat.Status{To: "bob"}, "日本", "[to bob] 日本|"},
		{"combining", 20, chat.Status{}, "e\u0301", "[all] e\u0301|"},
		{"scrolled", 20, chat.Status{}, "0123456789abcdefgh", "[all] 6789abcdefgh|"},
		{"long name", 20, chat.Status{To: "a-very-long-name"}, "hi", "[to a-ver…] hi|"},
		{"narrow", 8, chat.Status{Away: true}, "hello", "[…] lo|"},
		{"very narrow", 3, chat.Status{}, "hello", "o|"},
		{"away", 60, chat.Status{Away: true, Waiting: 2}, "", "[all, away, reconnecting, 2 waiting] |"},
		{"hidden characters", 40, chat.Status{}, "a\u202eb", `[all] a\u{202E}b|`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newPrompt("alice", nil)
			p.resize(tea.WindowSizeMsg{Width: tt.width, Height: 3})
			p.Update(update{status: tt.status})
			p.line.set(tt.line)
			view := p.View()
			x, row := view.Cursor.X, ansi.Strip(view.Content)
			got := ansi.TruncateWc(row, x, "") + "|" + ansi.TruncateLeftWc(row, x, "")
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if x >= tt.width {
				t.Errorf("the cursor is in column %d of %d", x, tt.width)
			}
		})
	}
}
