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
	values := []string{
		"word", "", "two words", "a=b", `say "x"`, "Jürgen", "zwölf Äpfel", "漢字", "a\u00a0b", "\u2028", "bell\a", "😀", "{}[]~!", "\xff", "tab\t",
	}
	// Every character of ASCII but DEL, alone and after one that may decide otherwise.
	for i := range 0x7f {
		b := string(rune(i))
		values = append(values, b, "x"+b+"y", "é"+b, "x "+b, "x="+b, `x\`+b)
	}
	for _, value := range values {
		var b bytes.Buffer
		slog.New(slog.NewTextHandler(&b, nil)).Info("", "text", value)
		_, want, _ := strings.Cut(strings.TrimSuffix(b.String(), "\n"), "text=")
		if diff := cmp.Diff(want, string(appendValue([]byte("x"), value)[1:])); diff != "" {
			t.Errorf("%q (-slog +ours):\n%s", value, diff)
		}
	}
	// slog leaves DEL as it is; in ours no control character stays.
	if diff := cmp.Diff(`"a\x7f"`, string(appendValue(nil, "a\x7f"))); diff != "" {
		t.Errorf("DEL (-want +got):\n%s", diff)
	}
}
