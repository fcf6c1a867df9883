package download

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNumbered(t *testing.T) {
	x := strings.Repeat("x", 300)
	tests := []struct {
		local string
		n     int
		want  string
	}{
		{"a.txt", 1, "a.txt"},
		{"sub.d/a.tar.gz", 2, "sub.d/a.tar (2).gz"},
		{".profile", 2, ".profile (2)"},
		{x[:255], 12, x[:250] + " (12)"},
		{"s/" + x[:251] + ".txt", 2, "s/" + x[:247] + " (2).txt"},
		{"a." + x[:253], 2, "a." + x[:249] + " (2)"},
		{strings.Repeat("名", 85), 2, strings.Repeat("名", 83) + " (2)"},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, numbered(tt.local, tt.n)); diff != "" {
			t.Errorf("number %d of %s (-want +got):\n%s", tt.n, tt.local, diff)
		}
	}
}

// Names as long as they can be are saved, those of which the parts have one name, too.
func TestLongNames(t *testing.T) {
	dir := t.TempDir()
	long := strings.Repeat("é", 126)
	one, two := long+"abc", long+"abd"
	fetch(t, dir, one, "1", fmt.Sprintf("DIR/%s ()", one))
	short := strings.Repeat("é", 125)
	fetch(t, dir, one, "2", fmt.Sprintf("DIR/%s (2) (DIR/%s is another file)", short, one))
	p, err := take(dir, two, "v", "x", 2)
	if err != nil {
		t.Fatal(err)
	}
	p.Close()
	opened(t, dir, long+"abe", "x").Close() // for the server to say that this is not its beginning
	fetch(t, dir, two, "3", fmt.Sprintf("DIR/%s ()", two))
	wantTree(t, dir, map[string]string{one: "1", short + " (2)": "2", two: "3"})
	if n := len(filepath.Base(partOf(one))); n > 255 {
		t.Errorf("the part's name has %d bytes", n)
	}
}
