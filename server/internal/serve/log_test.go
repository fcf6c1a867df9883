package serve

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Values look in every line of the log as they do in those that slog writes.
func TestValuesLookAlike(t *testing.T) {
	for _, value := range []string{
		"word", "", "two words", "a=b", `say "x"`, "Jürgen", "zwölf Äpfel", "漢字", "a\u00a0b", "\u2028", "bell\a", "😀", "{}[]~!", "\xff", "tab\t",
	} {
		var b bytes.Buffer
		slog.New(slog.NewTextHandler(&b, nil)).Info("", "text", value)
		_, want, _ := strings.Cut(strings.TrimSuffix(b.String(), "\n"), "text=")
		if diff := cmp.Diff(want, string(appendValue([]byte("x"), value)[1:])); diff != "" {
			t.Errorf("%q (-slog +ours):\n%s", value, diff)
		}
	}
}
