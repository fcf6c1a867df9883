package terminal

import (
	"fmt"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/google/go-cmp/cmp"

	"parley/client/internal/chat"
)

// keys presses keys, which are named as tea names them.
func keys(p *prompt, names ...string) {
	special := map[string]tea.Key{
		"enter": {Code: tea.KeyEnter}, "up": {Code: tea.KeyUp}, "down": {Code: tea.KeyDown},
		"ctrl+c": {Code: 'c', Mod: tea.ModCtrl}, "ctrl+d": {Code: 'd', Mod: tea.ModCtrl}, "left": {Code: tea.KeyLeft},
	}
	for _, name := range names {
		key, ok := special[name]
		if !ok {
			key = tea.Key{Text: name, Code: []rune(name)[0]}
		}
		p.Update(tea.KeyPressMsg(key))
	}
}

func TestPrompt(t *testing.T) {
	tests := []struct {
		name  string
		keys  []string
		typed []string // what the chat gets
		line  string   // what stays on the line
		gone  bool     // the chat is told to end
	}{
		{"a line", []string{"h", "i", "enter", "y"}, []string{"hi"}, "y", false},
		{"nothing", []string{"enter"}, nil, "", false},
		{"wide", []string{"日", "本", "left", "x", "enter"}, []string{"日x本"}, "", false},
		{"past", []string{"a", "enter", "b", "enter", "up", "up", "up"}, []string{"a", "b"}, "a", false},
		{"past and back", []string{"a", "enter", "b", "enter", "up", "up", "down", "down", "down"}, []string{"a", "b"}, "", false},
		{"again", []string{"a", "enter", "up", "enter"}, []string{"a", "a"}, "", false},
		{"leave", []string{"a", "ctrl+c", "ctrl+c"}, nil, "a", true},
		{"end of input", []string{"a", "left", "ctrl+d", "ctrl+d"}, nil, "", true},
		{"after the end", []string{"ctrl+c", "a", "enter"}, nil, "a", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			typed := make(chan string, 10)
			p := newPrompt(typed, nil)
			keys(p, tt.keys...)
			if gone := p.typed == nil; gone != tt.gone {
				t.Errorf("the end was told: %v, want %v", gone, tt.gone)
			}
			p.hangUp()
			var got []string
			for in := range typed {
				got = append(got, in)
			}
			if diff := cmp.Diff(tt.typed, got); diff != "" {
				t.Errorf("typed (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.line, p.line.Value()); diff != "" {
				t.Errorf("left on the line (-want +got):\n%s", diff)
			}
		})
	}
}

// A line that the chat cannot take yet stays where it is.
func TestPromptFull(t *testing.T) {
	p := newPrompt(make(chan string), nil)
	keys(p, "a", "enter")
	if diff := cmp.Diff("a", p.line.Value()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestThin(t *testing.T) {
	f := &Face{due: true}
	f.Show(chat.Line{Kind: chat.Answer, Text: "answer"})
	for i := range 100_000 {
		f.Show(chat.Line{Kind: chat.Message, Text: fmt.Sprint(i)})
		if len(f.lines) > 10*readable+1 {
			t.Fatalf("%d lines are kept", len(f.lines))
		}
	}
	f.thinLocked()
	want := []chat.Line{{Kind: chat.Answer, Text: "answer"}}
	for i := range readable {
		want = append(want, chat.Line{Kind: chat.Message, Text: fmt.Sprint(100_000 - readable + i)})
	}
	if diff := cmp.Diff(want, f.lines); diff != "" {
		t.Errorf("kept (-want +got):\n%s", diff)
	}
	if want := 100_000 - readable; f.missed != want {
		t.Errorf("%d were counted, want %d", f.missed, want)
	}
}
