package wire_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"parley/server/wire"
)

func TestCheckName(t *testing.T) {
	const alike = " letters can look alike: use one script"
	const marks = " cannot be a name: use at most 2 marks on a letter"
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
		{"..", "", `".." cannot be a name: use at least one letter or digit`},
		{"---", "", `"---" cannot be a name: use at least one letter or digit`},
		{"a..", "", `"a.." cannot name a folder on every system: "a_" could`},
		{"alice.", "", `"alice." cannot name a folder on every system: "alice_" could`},
		{"<b>", "", `"<b>" cannot name a folder on every system: "_b_" could`},

		{"[all]", "", `"[all]" cannot be a name: use no brackets`},
		{"a(b", "", `"a(b" cannot be a name: use no brackets`},
		{"{b}", "", `"{b}" cannot be a name: use no brackets`},
		// look-alikes of reserved words: Cyrillic, digits, a capital I, full width
		{"ѕеrvеr", "", `"ѕеrvеr" cannot be a name: Cyrillic and Latin` + alike},
		{"уои", "уои", ""},
		{"c1ient", "", "the name c1ient would be taken for the program's own words: use another"},
		{"cIient", "ciient", ""}, // which does not look like client any more
		{"a11", "", "the name a11 would be taken for the program's own words: use another"},
		{"AII", "", "the name AII would be taken for the program's own words: use another"},
		{"y0u", "", "the name y0u would be taken for the program's own words: use another"},
		{"cl\u0456ent", "", `"clіent" cannot be a name: Latin and Cyrillic` + alike},
		{"CLIENT", "", "the name CLIENT would be taken for the program's own words: use another"},
		{"Earlier", "", "the name Earlier would be taken for the program's own words: use another"},
		{"Ali", "Ali", ""},
		{"McIntosh", "Mcintosh", ""},
		{"aIIIa", "aiiia", ""},
		{"IIIa", "Iiia", ""},
		{"JoeII", "Joeii", ""},
		{"Ian", "Ian", ""},
		{"ALICE_II", "ALICE_II", ""},
		{"HenryVIII", "HenryVIII", ""},
		// scripts
		{"bоb", "", `"bоb" cannot be a name: Latin and Cyrillic` + alike},
		{"νick", "", `"νick" cannot be a name: Greek and Latin` + alike},
		{"bob\u3042", "", `"bobあ" cannot be a name: Latin and Hiragana` + alike},
		{"東京タワーの人", "東京タワーの人", ""},
		{"金씨", "金씨", ""},
		{"小明ㄅ", "小明ㄅ", ""},
		{"あ씨", "", `"あ씨" cannot be a name: Hiragana and Hangul` + alike},
		{"Дмитрий-2", "Дмитрий-2", ""},
		// what is invisible, in a script of its own or of all
		{"ⴰ\u2d7fⴰ", "", "\"ⴰ\u2d7fⴰ\" cannot be a name: U+2D7F is invisible"},
		{"\U00013000\U00013441", "", "\"\U00013000\U00013441\" cannot be a name: U+13441 is invisible"},
		{"\U00018b00\U00016fe4", "", "\"\U00018b00\U00016fe4\" cannot be a name: U+16FE4 is invisible"},
		{"\U00011005\U0001107f", "", "\"\U00011005\U0001107f\" cannot be a name: U+1107F is invisible"},
		{"bob\u2d7f", "", "\"bob\u2d7f\" cannot be a name: U+2D7F is invisible"},
		{"bob\u034f", "", "\"bob\u034f\" cannot be a name: use letters and digits, without spaces"},
		{"bob\ufe00", "", "\"bob\ufe00\" cannot be a name: use letters and digits, without spaces"},
		{"bob\u200d", "", `"bob\u200d" cannot be a name: use letters and digits, without spaces`},
		{"\u0dc1\u0dca\u200d\u0dbb", "", `"ශ්\u200dර" cannot be a name: U+200D is invisible`},
		{"သစ္စာ", "သစ္စာ", ""},
		{"သစ္", "", `"သစ္" cannot be a name: U+1039 is invisible at the end`},
		// marks
		{"Việt", "Việt", ""},
		{"x\u0301\u0302", "x\u0301\u0302", ""},
		{"x\u0301\u0302\u0303", "", "\"x\u0301\u0302\u0303\"" + marks},
		{"ệ\u0301", "", "\"ệ\u0301\"" + marks},
		{"\u0301x", "", "\"\u0301x\" cannot be a name: use letters and digits, without spaces"},
		{strings.Repeat("x", 8000), "", "a name of 8000 characters is too long: use 1 to 32"},
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
	if long := strings.Repeat("ß", 1000); wire.NameKey(long) != long {
		t.Error("what is too long for a name was folded")
	}
	other := [][2]string{{"alice", "alicia"}, {"zoë", "zoe"}, {"a.b", "ab"}}
	for _, pair := range other {
		if a, b := wire.NameKey(pair[0]), wire.NameKey(pair[1]); a == b {
			t.Errorf("%q and %q both have the key %q", pair[0], pair[1], a)
		}
	}
}

func TestSkeleton(t *testing.T) {
	alike := [][2]string{
		{"alice", "ALICE"}, {"alice", "a1ice"}, {"bob", "b0b"}, {"modern", "rnodern"}, {"paypal", "раураl"},
		{"Ian", "lan"}, {"Iisa", "Lisa"}, {"scope", "ѕсоре"}, {"Straße", "STRASSE"},
		{"zoe\u0308", "zo\u00eb"}, {"ab1", "abl"}, {"Іап", "lап"}, {"ОЛЬГА", "ольга"}, {"тест", "ТЕСТ"},
	}
	for _, pair := range alike {
		if a, b := wire.Skeleton(pair[0]), wire.Skeleton(pair[1]); a != b {
			t.Errorf("%q has the skeleton %q and %q has %q, want the same", pair[0], a, pair[1], b)
		}
	}
	other := [][2]string{{"alice", "alicia"}, {"zoë", "zoe"}, {"Mai", "Mal"}, {"Ali", "All"}, {"a.b", "ab"},
		{"ольга", "olga"}, {"小明", "小朋"}}
	for _, pair := range other {
		if a, b := wire.Skeleton(pair[0]), wire.Skeleton(pair[1]); a == b {
			t.Errorf("%q and %q both have the skeleton %q", pair[0], pair[1], a)
		}
	}
}

func BenchmarkSkeleton(b *testing.B) {
	for _, name := range []string{"alice", "WilliamShakespeare_of_Avon_1564", "Ольга", "東京タワー"} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				wire.Skeleton(name)
			}
		})
	}
}

// No line of the server, on its terminal or to a person, begins with a word that can be a name. A test of the
// client does the same.
func TestReserved(t *testing.T) {
	shown := regexp.MustCompile(`(?:\.[sS]how\((?:fmt\.Sprintf\()?|return fmt\.Sprintf\(|` +
		`Text: +fmt\.Appendf\(nil, )"([a-z]+) `)
	words := 0
	for _, pattern := range []string{"../*.go", "../internal/deliver/*.go", "../internal/serve/*.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, found := range shown.FindAllSubmatch(source, -1) {
				words++
				if name, err := wire.CheckName(string(found[1])); err == nil {
					t.Errorf("%s shows %q, and %s can be a name", file, found[0], name)
				}
			}
		}
	}
	if words < 10 {
		t.Errorf("only %d lines found", words)
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
		"ǅ", "ΑΣ", "İ", "ß", "ﷺ", "aIIIa", "IIIa", "aIbI", "東ー", "x\u0301\u0302\u0303"} {
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
		if alike := wire.Skeleton(wire.NameKey(n)); wire.Skeleton(n) != alike {
			t.Errorf("%q has the skeleton %q, and its key %q", n, wire.Skeleton(n), alike)
		}
		key := wire.NameKey(n)
		if again := wire.NameKey(key); again != key {
			t.Errorf("%q has the key %q, and that the key %q", n, key, again)
		}
	})
}
