package wire_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"parley/server/wire"
)

func TestCheckName(t *testing.T) {
	long := strings.Repeat("n", wire.MaxName)
	tests := []struct {
		name, want string
		why        string // the error's text, or empty
	}{
		{"alice", "alice", ""},
		{"Alice", "Alice", ""},
		{"7of9", "7of9", ""},
		{"a_b-c.d", "a_b-c.d", ""},
		{"Zoe\u0308", "Zo\u00eb", ""}, // normalized to one character
		{"ａｂｃ", "abc", ""},            // full width
		{"Ольга", "Ольга", ""},
		{"小明", "小明", ""},
		{long, long, ""},
		{"", "", "the name is empty: use 1 to 32 letters or digits"},
		// characters count, not bytes
		{strings.Repeat("ж", wire.MaxName), strings.Repeat("ж", wire.MaxName), ""},
		{long + "n", "", "a name of 33 characters is too long: use 1 to 32"},
		{"a b", "", `"a b" cannot be a name: use letters and digits, without spaces`},
		{"a\tb", "", `"a\tb" cannot be a name: use letters and digits, without spaces`},
		{"\x1b[2J", "", `"\x1b[2J" cannot be a name: use letters and digits, without spaces`},
		{"\xff", "", `"\xff" cannot be a name: use letters and digits, without spaces`},
		{"a\u202eb", "", `"a\u202eb" cannot be a name: use letters and digits, without spaces`},
		{"a\u00a0b", "", `"a\u00a0b" cannot be a name: use letters and digits, without spaces`},
		{"You", "", "the name You would be taken for the program's own words: use another"},
		{"ＡＬＬ", "", "the name ALL would be taken for the program's own words: use another"},
		{"everyone", "", "the name everyone would be taken for the program's own words: use another"},
		{"con", "", `"con" cannot name a folder on every system: "_con" could`},
		{"NUL.txt", "", `"NUL.txt" cannot name a folder on every system: "_NUL.txt" could`},
		{"a/b", "", `"a/b" cannot name a folder on every system: "a_b" could`},
		{`a\b`, "", `"a\\b" cannot name a folder on every system: "a_b" could`},
		{"..", "", `".." cannot name a folder on every system: "_" could`},
		{".", "", `"." cannot name a folder on every system: "_" could`},
		{"alice.", "", `"alice." cannot name a folder on every system: "alice_" could`},
		{"<b>", "", `"<b>" cannot name a folder on every system: "_b_" could`},
	}
	for _, test := range tests {
		got, err := wire.CheckName(test.name)
		why := ""
		if err != nil {
			why = err.Error()
		}
		if diff := cmp.Diff([]string{test.want, test.why}, []string{got, why}); diff != "" {
			t.Errorf("%q (-want +got):\n%s", test.name, diff)
		}
	}
}

func TestNameKey(t *testing.T) {
	same := [][2]string{{"alice", "Alice"}, {"ZOË", "zoë"}, {"ольга", "ОЛЬГА"}, {"a.b", "A.B"}}
	for _, pair := range same {
		if a, b := wire.NameKey(pair[0]), wire.NameKey(pair[1]); a != b {
			t.Errorf("%q has the key %q and %q has %q, want the same", pair[0], a, pair[1], b)
		}
	}
	other := [][2]string{{"alice", "alicia"}, {"zoë", "zoe"}, {"a.b", "ab"}}
	for _, pair := range other {
		if a, b := wire.NameKey(pair[0]), wire.NameKey(pair[1]); a == b {
			t.Errorf("%q and %q both have the key %q", pair[0], pair[1], a)
		}
	}
}

func TestSafeElement(t *testing.T) {
	tests := []struct{ name, want string }{
		{"photo.png", "photo.png"},
		{"my file (1).txt", "my file (1).txt"},
		{".hidden", ".hidden"},
		{"naïve 🙂", "naïve 🙂"},
		{"a:b", "a_b"},
		{`<>:"/\|?*`, "_________"},
		{"tab\there\x7f\u0085", "tab_here__"},
		{"bad \xff\xfe", "bad __"},
		{"ends.", "ends_"},
		{"ends. . ", "ends_"},
		{"...", "_"},
		{" ", "_"},
		{"CON", "_CON"},
		{"con.tar.gz", "_con.tar.gz"},
		{"CON ", "_CON_"},
		{"CON .txt", "_CON .txt"},
		{"CONIN$", "_CONIN$"},
		{"CONIN", "CONIN"},
		{"aux.c", "_aux.c"},
		{"LPT1", "_LPT1"},
		{"com9.log", "_com9.log"},
		{"COM0", "_COM0"},
		{"COM¹", "_COM¹"},
		{"COM10", "COM10"},
		{"COMX", "COMX"},
		{strings.Repeat("x", 255), strings.Repeat("x", 255)},
		{strings.Repeat("x", 300), strings.Repeat("x", 255)},
		{strings.Repeat("é", 200), strings.Repeat("é", 127)},
		// the cut must not leave a dot at the end
		{strings.Repeat("x", 254) + ".png", strings.Repeat("x", 254) + "_"},
		{"NUL" + strings.Repeat(" ", 300) + "x", "NUL_"},
	}
	for _, test := range tests {
		if diff := cmp.Diff(test.want, wire.SafeElement(test.name)); diff != "" {
			t.Errorf("%.40q (-want +got):\n%s", test.name, diff)
		}
	}
}

// safe says in its own words what every system can hold as a name.
func safe(name string) bool {
	if !utf8.ValidString(name) || strings.ContainsAny(name, "<>:\"/\\|?*\x00\n\x1b") || len(name) > 255 {
		return false
	}
	if strings.HasSuffix(name, ".") || strings.HasSuffix(name, " ") {
		return false
	}
	stem, _, _ := strings.Cut(strings.ToLower(name), ".")
	switch strings.TrimRight(stem, " ") {
	case "con", "prn", "aux", "nul", "com1", "com9", "lpt1", "lpt9", "com²", "conin$", "conout$":
		return false
	}
	return true
}

// FuzzName: a name that is accepted is safe, its own normal form, and has a key of its own kind; a safe
// element is safe.
func FuzzName(f *testing.F) {
	for _, s := range []string{"alice", "Zoe\u0308", "ａｂｃ", "con", "a.", "..", "", "\xff", "a b", "COM¹.x",
		"ǅ", "ΑΣ", "İ", "ß", "ﷺ"} {
		f.Add(s)
	}
	f.Add(strings.Repeat("x", 254) + ".y")
	f.Fuzz(func(t *testing.T, s string) {
		e := wire.SafeElement(s)
		if s != "" && (e == "" || !safe(e)) {
			t.Errorf("SafeElement(%q) = %q, which is not safe", s, e)
		}
		if again := wire.SafeElement(e); again != e {
			t.Errorf("SafeElement(%q) = %q, and of that %q", s, e, again)
		}
		n, err := wire.CheckName(s)
		if err != nil {
			return
		}
		if !safe(n) || n == "" || strings.Contains(n, " ") || wire.CheckText([]byte(n)) != nil ||
			utf8.RuneCountInString(n) > wire.MaxName {
			t.Errorf("%q was accepted as the name %q", s, n)
		}
		if again, err := wire.CheckName(n); again != n || err != nil {
			t.Errorf("%q became the name %q, and that %q, %v", s, n, again, err)
		}
		key := wire.NameKey(n)
		if again := wire.NameKey(key); again != key {
			t.Errorf("%q has the key %q, and that the key %q", n, key, again)
		}
	})
}
