package chat

import (
	"strings"
	"testing"
)

// A script ends at a command that should have directed the lines after it and failed: they reach nobody.
func TestUndirected(t *testing.T) {
	for _, command := range []string{"/to", "/to a b", "/t bob", "/t", "/", "/too bob", "/all x", "/TO"} {
		t.Run(command, func(t *testing.T) {
			got, status := play(t, Config{Folder: t.TempDir()}, ". "+command+"\n> QUIT\n. secret\n< BYE bye")
			if status != 1 || len(got) != 3 || !strings.HasPrefix(got[1], "! client: ") ||
				got[2] != "! client: not sent: secret" {
				t.Errorf("status %d, shown %q", status, got)
			}
		})
	}
	got, _ := play(t, Config{Folder: t.TempDir()}, ". /fils\n. /who x\n. hello\n> SAY hello\n< OK 11")
	if len(got) != 3 {
		t.Errorf("a script ends at another command: %q", got)
	}
}
