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

func TestLocal(t *testing.T) {
	const invalid, hidden, invisible = "renamed: the name is not valid on every system",
		"renamed: hidden files can change what programs do", "renamed: the name holds invisible characters"
	tests := []struct{ name, want, why string }{
		{"sub/a.txt", "sub/a.txt", ""},
		{"👩\u200d👧.png", "👩\u200d👧.png", ""},
		{"a\u202etxt.exe", "atxt.exe", invisible},
		{"in\u200bvoice.pdf", "invoice.pdf", invisible},
		{"pay\u200dpal/x\ufeff", "paypal/x", invisible},
		{"\u2066", "_", invisible},
		{".bashrc", "_bashrc", hidden},
		{"a/.git/hooks/post-checkout", "a/_git/hooks/post-checkout", hidden},
		{"\u200b.bashrc", "_bashrc", invisible},
		{"..", "_", invalid},
		{"con", "_con", invalid},
	}
	for _, tt := range tests {
		got := []string{local(tt.name), renamed(tt.name)}
		if diff := cmp.Diff([]string{tt.want, tt.why}, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestDepth(t *testing.T) {
	dir := t.TempDir()
	deep := strings.Repeat("d/", maxDepth)
	fetch(t, dir, deep+"x", "1", fmt.Sprintf("DIR/%sx ()", deep))
	p, err := Open(dir, deep+"d/x")
	p.Close()
	want := fmt.Sprintf("cannot save it in %s: it lies in 65 folders, at most 64 are made", dir)
	if diff := cmp.Diff(want, fmt.Sprint(err)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
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
