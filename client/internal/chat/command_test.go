package chat

import "testing"

// Blanks before a slash do not make a command a message, but a second slash does.
func TestCommand(t *testing.T) {
	tests := []struct {
		line, command string
		ok            bool
	}{
		{"/tell bob x", "/tell bob x", true},
		{" \t/who", "/who", true},
		{"\u00a0\u3000\u2009/who", "/who", true},
		{"\ufeff/who", "/who", true},
		{"\u200b\u2060\u200e\u00ad/who", "/who", true},
		{"／who", "/who", true},
		{" ／", "/", true},
		{"\ufe0f\u2800\u0301/who", "/who", true},
		{"\u2215who", "/who", true},
		{"\u2044who", "/who", true},
		{"\u29f8who", "/who", true},
		{"//who", "//who", false},
		{" //who", "//who", false},
		{"say /who", "say /who", false},
		{"", "", false},
	}
	for _, tt := range tests {
		if command, ok := Command(tt.line); command != tt.command || ok != tt.ok {
			t.Errorf("%+q: %+q %v, want %+q %v", tt.line, command, ok, tt.command, tt.ok)
		}
	}
}
