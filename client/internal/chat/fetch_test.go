package chat

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"parley/client/internal/download"
	"parley/server/wire"
)

// small is a list of n files of a byte each, f00 and so on, as steps.
func small(n int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "< FILES %d yes\n", n)
	for i := range n {
		fmt.Fprintf(&b, "< FILE 1 0 f%02d\n", i)
	}
	return b.String()
}

// asked is the GETs for the files from first on, before end.
func asked(first, end int) string {
	var b strings.Builder
	for i := first; i < end; i++ {
		fmt.Fprintf(&b, "> GET 0 - f%02d\n", i)
	}
	return b.String()
}

func sent(name, content string) string {
	return fmt.Sprintf("< SENDING %d 0 v %s\n< DATA %d\n< %sSENT %s %d %s\n",
		len(content), name, len(content), content, sum(content), len(content), name)
}

// playIn plays in a folder with files. It returns the lines shown and the files that exist in the end.
func playIn(t *testing.T, cfg Config, files map[string]string, steps string) (
	lines []string, left map[string]string) {
	t.Helper()
	cfg.Folder = filepath.Join(t.TempDir(), "alice")
	for name, content := range files {
		name = filepath.Join(cfg.Folder, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(name, time.Time{}, time.Unix(0, 0)); err != nil { // before the bubble's time
			t.Fatal(err)
		}
	}
	lines, _ = play(t, cfg, steps)
	for i := range lines {
		lines[i] = filepath.ToSlash(strings.ReplaceAll(lines[i], cfg.Folder, "DIR"))
	}
	left = make(map[string]string)
	entries, _ := os.ReadDir(cfg.Folder)
	for _, e := range entries {
		content, _ := os.ReadFile(filepath.Join(cfg.Folder, e.Name()))
		left[e.Name()] = string(content)
	}
	return lines, left
}

// Small files are asked for before those before them have come; large ones, and those of unknown size, one by
// one.
func TestAhead(t *testing.T) {
	got, _ := playIn(t, Config{Person: true}, nil, ". /get f*\n> FILES\n"+small(10)+
		asked(0, 8)+". only so many\n> SAY only so many\n< OK 11\n"+sent("f00", "x")+asked(8, 9)+
		"< ERROR GET file-failed f01 cannot be read\n"+asked(9, 10)+sent("f02", "y"))
	compare(t, `hi
		you: only so many
		saved f00 as DIR/f00: 1 bytes, SHA-256 `+sum("x")[:12]+`
		! client: f01 cannot be read
		saved f02 as DIR/f02: 1 bytes, SHA-256 `+sum("y")[:12]+`
		! client: 7 downloads not finished: /get continues`, got, 0, 0)

	playIn(t, Config{}, nil, `
		. /get *
		> FILES
		< FILES 4 yes
		< FILE 65536 0 a
		< FILE 1 0 b
		< FILE 65537 0 c
		< FILE 1 0 d
		> GET 0 - a
		> GET 0 - b
		. only so much
		> SAY only so much
		< OK 11
		< ERROR GET changed a changed
		< ERROR GET changed b changed
		> GET 0 - c
		. /get e
		. /get f
		< ERROR GET changed c changed
		> GET 0 - d
		< ERROR GET changed d changed
		> GET 0 - e
		< ERROR GET changed e changed
		> GET 0 - f
		< ERROR GET file-failed no`)
}

// A pattern that is repeated while its files come has them already.
func TestQueuedAlready(t *testing.T) {
	got, left := playIn(t, Config{Person: true}, nil, ". /get f*\n> FILES\n"+small(2)+asked(0, 2)+
		". /get f*\n> FILES\n"+small(2)+sent("f00", "x")+sent("f01", "y")+
		"> GET 1 "+word("x")+" f00\n> GET 1 "+word("y")+" f01\n"+
		"< SENDING 1 1 v f00\n< SENT "+sum("x")+" 1 f00\n< SENDING 1 1 v f01\n< SENT "+sum("y")+" 1 f01\n")
	compare(t, `hi
		saved f00 as DIR/f00: 1 bytes, SHA-256 `+sum("x")[:12]+`
		saved f01 as DIR/f01: 1 bytes, SHA-256 `+sum("y")[:12]+`
		have 2 files, 2 B
		have f00 already as DIR/f00: 1 bytes, SHA-256 `+sum("x")[:12]+`
		have f01 already as DIR/f01: 1 bytes, SHA-256 `+sum("y")[:12]+`
		have 2 files, 2 B`, got, 0, 0)
	if diff := cmp.Diff(map[string]string{"f00": "x", "f01": "y"}, left); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

// Files that were asked for ahead go on over another connection.
func TestAheadBroken(t *testing.T) {
	got, left := playIn(t, Config{}, nil, ". /get f*\n> FILES\n"+small(3)+asked(0, 3)+sent("f00", "x")+
		"< SENDING 1 0 v f01\ncut\n> RESUME parley/1 tok 10\n< RESUMED 0 hi\n"+
		asked(1, 3)+sent("f01", "y")+sent("f02", "z"))
	if diff := cmp.Diff("have 3 files, 3 B", got[len(got)-1]); diff != "" {
		t.Errorf("last line (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{"f00": "x", "f01": "y", "f02": "z"}, left); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

// A file that cannot be saved is stopped, and those after it are asked for again.
func TestAheadNotSaved(t *testing.T) {
	got, left := playIn(t, Config{}, nil, ". /get f*\n> FILES\n"+small(3)+asked(0, 3)+
		"< SENDING 1 1 v f00\n> STOP\n< ERROR GET stopped s\n"+sent("f01", "y")+
		"< ERROR GET stopped s\n"+asked(1, 3)+sent("f01", "y")+sent("f02", "z"))
	compare(t, `hi
		! client: f00: the server goes on at byte 1, but 0 bytes are here
		downloading f01: 1 bytes
		saved f01 as DIR/f01: 1 bytes, SHA-256 `+sum("y")+`
		downloading f02: 1 bytes
		saved f02 as DIR/f02: 1 bytes, SHA-256 `+sum("z")+`
		have 2 of 3 files, 2 B`, got, 0, 0)
	if diff := cmp.Diff(map[string]string{"f01": "y", "f02": "z"}, left); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

// /cancel stops all files and leaves no part, also of those that were asked for ahead; a later /get waits
// until the server has stopped.
func TestCancelled(t *testing.T) {
	got, left := playIn(t, Config{}, map[string]string{"f02.parley-part": "old"},
		". /get f*\n> FILES\n"+small(3)+asked(0, 2)+"> GET 3 "+word("old")+" f02\n"+
			"< SENDING 1 0 v f00\n. /cancel\n> STOP\n. /get b\n"+
			"< DATA 1\n< xERROR GET stopped s\n< ERROR GET stopped s\n< ERROR GET stopped s\n"+
			"> GET 0 - b\n"+sent("b", "b"))
	compare(t, `hi
		unfinished downloads in DIR: f02: /get continues one, until its .parley-part is removed
		downloading f00: 1 bytes
		stopped f00 and 2 more
		downloading b: 1 bytes
		saved b as DIR/b: 1 bytes, SHA-256 `+sum("b"), got, 0, 0)
	if diff := cmp.Diff(map[string]string{"b": "b"}, left); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	// The same while there is no connection, and for one that was queued.
	_, left = playIn(t, Config{}, map[string]string{"b.parley-part": "old"}, `
		. /get a
		> GET 0 - a
		. /get b
		. /get b
		< SENDING 5 0 v a
		< DATA 2
		< x
		lose
		. /cancel
		back
		> RESUME parley/1 tok 10
		< RESUMED 0 hi`)
	if diff := cmp.Diff(map[string]string{}, left); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

// Downloads that were not finished are kept when the client ends.
func TestPartKept(t *testing.T) {
	_, left := playIn(t, Config{Person: true}, nil, `
		. /get a
		> GET 0 - a
		< SENDING 5 0 v a
		< DATA 2
		< x
		. /quit`)
	if diff := cmp.Diff(map[string]string{"a.parley-part": "x\n"}, left); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

// The server sends another file than the one that was asked for.
func TestOtherFileSent(t *testing.T) {
	got, left := playIn(t, Config{}, nil, `
		. /get a
		> GET 0 - a
		< SENDING 1 0 v b
		> STOP
		< ERROR GET stopped s`)
	compare(t, "hi\n! client: a: the server sends b instead", got, 0, 0)
	if diff := cmp.Diff(map[string]string{}, left); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

// A slow disk keeps nobody from leaving.
func TestSlowDisk(t *testing.T) {
	openPart = func(folder, name string) (*download.Part, error) {
		if name == "f01" {
			time.Sleep(time.Minute)
		}
		return download.Open(folder, name)
	}
	t.Cleanup(func() { openPart = download.Open })
	for _, leave := range []string{". /quit", "interrupt", ". /cancel\n. /quit"} {
		t.Run(leave, func(t *testing.T) {
			playIn(t, Config{Person: true}, nil, ". /get f*\n> FILES\n"+small(3)+asked(0, 1)+
				"< SENDING 1 0 v f00\n"+leave+"\nends 5.8s\nwait")
		})
	}
}

// A disk that does not respond holds up the downloads and not the chat: they continue when it does.
func TestHungDiskWhileChatting(t *testing.T) {
	hung := true
	openPart = func(folder, name string) (*download.Part, error) {
		if name == "f01" && hung {
			hung = false
			time.Sleep(5 * time.Second)
		}
		return download.Open(folder, name)
	}
	t.Cleanup(func() { openPart = download.Open })
	got, _ := playIn(t, Config{}, nil, ". /get f*\n> FILES\n"+small(2)+asked(0, 1)+
		"< SENDING 1 0 v f00\n< SAID 11 0 bob hello\n> STOP\n< ERROR GET stopped f00\n. are you there?\n"+
		"> SAY are you there?\n< OK 12\n< SAID 13 0 bob yes\n"+
		asked(0, 2)+sent("f00", "x")+sent("f01", "y"))
	compare(t, `hi
		the disk does not respond: the download continues when it does
		bob: hello
		bob: yes
		downloading f00: 1 bytes
		saved f00 as DIR/f00: 1 bytes, SHA-256 `+sum("x")+`
		downloading f01: 1 bytes
		saved f01 as DIR/f01: 1 bytes, SHA-256 `+sum("y")+`
		have 2 files, 2 B`, got, 0, 0)
}

// Nor does it hold up the chat when files are listed; a script waits for it.
func TestHungDiskWhileListing(t *testing.T) {
	isHere = func(folder, name string, size uint64) bool {
		time.Sleep(5 * time.Second)
		return download.Here(folder, name, size)
	}
	t.Cleanup(func() { isHere = download.Here })
	got, _ := playIn(t, Config{}, map[string]string{"f00": "x"}, ". /files\n> FILES\n"+small(1)+
		". are you there?\n> SAY are you there?\n< OK 11\n< SAID 12 0 bob yes\neof\n> QUIT\n< BYE bye")
	compare(t, `hi
		bob: yes
		yes
		1 bytes      1 B  1970-01-01 00:00  here  f00`, got, 0, 0)
}

// A list that the server has cut off is said to be so; a file that is not on it can be had all the same. The
// first words complete what is typed.
func TestListCut(t *testing.T) {
	steps := fmt.Sprintf("< FILES %d yes", wire.MaxFiles) + strings.Repeat(`\nFILE 1 0 a`, wire.MaxFiles)
	got, _ := playIn(t, Config{}, nil, ". /get b?\n> FILES\n"+steps+
		"\n> GET 0 - b?\n"+sent("b?", "x")+"? /get c\n? /get a")
	compare(t, `hi
		only 10000 files are listed: get others by their exact names
		downloading b?: 1 bytes
		saved b? as DIR/b_ (renamed: the name is not valid on every system): 1 bytes, SHA-256 `+sum("x")+`
		? /get c| only 10000 files are listed
		? /get a| `+strings.Repeat("a ", maxOffered)+`only 10000 files are listed`, got, 0, 0)
}

func TestMatch(t *testing.T) {
	names := []string{"a", "a b", "b*", "bc", "café.txt", "cafe\u0301.md", "p/x.png", "p/q/y.png", "p q/z",
		" s ", " d /e ", "[z]", "inv\u202etxt.exe"}
	tests := []struct{ typed, want string }{
		{"a", "a"}, {" a ", "a"}, {"b*", "b*"}, {"b?", "b*|bc"}, {"s", " s "},
		{"cafe\u0301.txt", "café.txt"}, {"café.md", "cafe\u0301.md"},
		{"p", "p/x.png|p/q/y.png"}, {"p/", "p/x.png|p/q/y.png"}, {"p/q/", "p/q/y.png"}, {"p/**",
			"p/x.png|p/q/y.png"},
		{"?.png", "p/x.png|p/q/y.png"}, {"d/", " d /e "}, {"d/e", " d /e "}, {"[z]", "[z]"},
		{"[z*", "[z]"}, {"x.png", ""}, {"P", ""}, {"p q", "p q/z"},
		{"caf?.*", "café.txt|cafe\u0301.md"}, {"z", ""}, {`inv\u{202E}txt.exe`, "inv\u202etxt.exe"},
		{"inv*", "inv\u202etxt.exe"}, {"inv\u202e*", "inv\u202etxt.exe"},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, strings.Join(match(tt.typed, names), "|")); diff != "" {
			t.Errorf("%q (-want +got):\n%s", tt.typed, diff)
		}
	}
}
