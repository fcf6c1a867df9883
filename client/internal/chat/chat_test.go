package chat

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func init() { time.Local = time.UTC } // so that dates are the same everywhere

func TestChat(t *testing.T) {
	tests := []struct {
		name   string
		person bool
		steps  string
		want   string
		status int
	}{
		{"events", false, `
			< SAID 3 0 bob old
			< JOINED 11 0 alice
			< JOINED 12 0 bob
			< SAID 13 0 bob hello
			< TOLD 14 0 bob psst
			< LEFT 15 0 bob
			< LEFT 16 0 carol connection lost
			< NOTICE soup is ready
			< SAID 17 0 bob gpj.\ugnp`, `
			alice has joined
			bob has joined
			bob: hello
			bob → you: psst
			bob has left
			carol has left (connection lost)
			server: soup is ready
			bob: gpj.\u{202E}gnp`, 0},
		{"history", false, `
			< SAID 3 0 bob one
			< SAID 4 0 bob two
			< SAID 12 0 bob three
			. /history
			. /history 2
			. /history 0`, `
			bob: three
			(earlier) bob: one
			(earlier) bob: two
			(earlier) bob: three
			(earlier) bob: two
			(earlier) bob: three
			! client: /history takes a number from 1 to 1000, not "0"`, 1},
		{"sending", false, `
			. hello
			> SAY hello
			< OK 11
			. //all
			> SAY /all
			< OK 12
			. /to bob
			> WHO
			< USERS 1
			< USER alice
			. hi	there
			> TELL bob hi there
			< REFUSED 13 no-user nobody is called bob
			. /tell carol hi carol
			> TELL carol hi carol
			< OK 14
			. /all
			. back
			> SAY back
			< OK 15
			. /history`, `
			[bob]
			talking to bob, who is not here
			! client: not sent: nobody is called bob
			talking to all
			[all]
			(earlier) you: hello
			(earlier) you: /all
			(earlier) you → carol: hi carol
			(earlier) you: back`, 1},
		{"a person", true, `
			< SAID 3 0 bob old
			< JOINED 11 0 alice
			. hello
			> SAY hello
			< OK 12
			. /tell bob psst
			> TELL bob psst
			< OK 13`, `
			(earlier) bob: old
			--- new from here
			alice has joined
			you: hello
			you → bob: psst`, 0},
		{"to no name", true, `
			. /to
			. /to a b`, `
			! client: /to: the name is empty: use 1 to 32 letters or digits
			! client: /to: "a b" cannot be a name: use letters and digits, without spaces`, 0},
		{"not understood", true, `
			. /fils
			. /
			. /h
			. /e
			. /QUI
			. /help nonsense
			. /tell bob
			. /get
			. /cancel
			. ` + strings.Repeat("x", 4092) + `
			. /get ` + strings.Repeat("x", 4092) + `
			. \e[2J`, `
			! client: unknown command /fils: did you mean /files?
			! client: / could be /all or /to or /tell or /who or /files or ` +
			`/get or /cancel or /history or /ignore or /quiet or /help or /quit: type more of it
			! client: /h could be /history or /help: type more of it
			! client: type /quit in full to leave
			! client: /QUI could be /quiet or /quit: type more of it
			! client: unknown command /nonsense: /help lists all
			! client: not sent: there is no text after the name
			! client: /get needs the name of a file: /files shows them
			! client: no download to stop
			! client: not sent: 4092 bytes of text, at most 4091 fit in a message
			! client: a name of 4092 bytes is too long for a file
			! client: not sent: a control character at byte 1 of the line`, 0},
		{"a command with too much", true, `
			. /to bob
			> WHO
			< USERS 1
			< USER bob
			. /all hello
			. /who x`, `
			[bob]
			talking to bob
			! client: /all takes nothing after it, got "hello"
			! client: /who takes nothing after it, got "x"`, 0},
		{"who and files", false, `
			. /who
			> WHO
			< USERS 2
			< USER alice
			< SAID 11 0 bob between
			< USER bob
			. /files
			> FILES
			< FILES 2 you may read 2 files
			< FILE 5 0 a b
			< FILE 6 0 \u2
			. /files
			> FILES
			< ERROR FILES file-failed the folder is gone`, `
			bob: between
			2 here: alice, bob
			you may read 2 files
			5 bytes      5 B  1970-01-01 00:00        a b
			6 bytes      6 B  1970-01-01 00:00        \u{202E}2
			! client: the folder is gone`, 1},
		{"known by other names", false, `
			. /LIST
			> FILES
			< FILES 0 nothing here
			. /w bob psst
			> TELL bob psst
			< OK 11
			. /msg bob again
			> TELL bob again
			< OK 12
			. /his
			. /help /exit`, `
			nothing here
			(earlier) you → bob: psst
			(earlier) you → bob: again
			/quit            leave; also /q and /exit
			for example:     /quit`, 0},
		{"nothing said", false, `
			. /history`, `
			nothing was said yet`, 0},
		{"ignored and quiet", false, `
			. /ignore
			. /ignore Bob
			. /ignore
			< SAID 11 0 bob noise
			< TOLD 12 0 BOB noise
			< SAID 13 0 carol sense
			. /history
			. /ignore BOB
			< SAID 14 0 bob back
			. /quiet
			< JOINED 15 0 dave
			< LEFT 16 0 dave
			. /quiet
			< JOINED 17 0 erin`, `
			ignoring nobody
			ignoring Bob
			ignoring Bob
			carol: sense
			(earlier) carol: sense
			no longer ignoring BOB
			bob: back
			joins and leaves are hidden
			joins and leaves are shown
			erin has joined`, 0},
		{"pasted", false, `
			, /quit
			> SAY /quit
			< OK 11
			, //x
			> SAY //x
			< OK 12`, ``, 0},
		{"completing", true, `
			? /h
			? /tell a
			> WHO
			< USERS 3
			< USER alice
			< USER Bob
			< USER bobby
			< JOINED 11 0 Bo
			? bo
			> WHO
			< USERS 4
			< USER alice
			< USER Bob
			< USER bobby
			< USER Bo
			< LEFT 12 0 bobby
			? /w bo
			> WHO
			< USERS 3
			< USER alice
			< USER Bob
			< USER Bo
			? say hi to b
			? /get n
			> FILES
			< FILES 2 yes
			< FILE 5 0 Notes 1.txt
			< FILE 5 0 other
			? /get n
			? /get notes 1
			? /w Bo: hi Bob
			? /who x
			? /al
			? 　／al
			? //q`, `
			? /h| /history /help
			? /tell a|
			Bo has joined
			? Bo| Bo Bob bobby
			bobby has left
			? /w Bo| Bo Bob
			? say hi to Bo| Bo Bob
			? /get Notes 1.txt| Notes 1.txt
			? /get Notes 1.txt| Notes 1.txt
			? /get Notes 1.txt| Notes 1.txt
			? /w Bo: hi Bob | Bob
			? /who x|
			? /all | /all
			? /all | /all
			? //q|`, 0},
		{"away", false, `
			. /who
			> WHO
			cut
			> RESUME parley/1 tok 10
			< RESUMED 0 hi
			> WHO
			< USERS 1
			< USER alice
			. one
			> SAY one
			cut
			. two
			> RESUME parley/1 tok 10
			< RESUMED 1 hi
			> SAY two
			< OK 11
			< OK 12`, `
			connection lost, reconnecting for up to 1m…
			[all, away]
			back, nothing missed
			[all]
			1 here: alice
			connection lost, reconnecting for up to 1m…
			[all, away]
			back, nothing missed
			[all]`, 0},
		{"cut for lagging", false, `
			< ERROR - too-slow you lag
			< BYE cut
			cut
			> RESUME parley/1 tok 10
			< RESUMED 0 hi`, `
			server: you lag
			connection lost, reconnecting for up to 1m…
			[all, away]
			back, nothing missed
			[all]`, 0},
		{"left while away", true, `
			cut
			interrupt`, `
			connection lost, reconnecting for up to 1m…
			[all, away]
			[all]`, 0},
		{"more than can be", true, `
			. /who
			> WHO
			< USERS 100001`, `
			! client: protocol error: 100001 USERS, at most 100000 are allowed`, 1},
		{"errors nobody asked for", true, `
			< SAID 1 0 bob one
			< SAID 2 0 bob two
			< ERROR - x something
			< ERROR WHO x something else
			. /history`, `
			(earlier) bob: one
			(earlier) bob: two
			server: something
			server: something else
			(earlier) bob: one
			(earlier) bob: two`, 0},
		{"out of step", false, `
			< OK 11`, `
			! client: protocol error: OK for a message that was not sent`, 1},
		{"not the protocol", false, `
			< SAID x y bob hi`, `
			! client: protocol error: SAID got "x" where a number belongs`, 1},
		{"the server ends", false, `
			< NOTICE shutting down
			< BYE closed`, `
			server: shutting down
			! client: the server ended the session: closed`, 1},
		{"interrupted", false, `
			. one
			> SAY one
			interrupt
			< OK 11
			> QUIT
			< BYE bye`, ``, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, status := play(t, Config{Folder: filepath.Join(t.TempDir(), "alice"), Person: tt.person},
				tt.steps)
			compare(t, "hi"+tt.want, got, tt.status, status)
		})
	}
}

func compare(t *testing.T, want string, got []string, wantStatus, status int) {
	t.Helper()
	var lines []string
	for line := range strings.Lines(want) {
		lines = append(lines, strings.TrimSpace(line))
	}
	for i := range got {
		got[i] = strings.TrimSpace(got[i])
	}
	if diff := cmp.Diff(lines, got); diff != "" {
		t.Errorf("shown (-want +got):\n%s", diff)
	}
	if status != wantStatus {
		t.Errorf("status %d, want %d", status, wantStatus)
	}
}
