package deliver_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"parley/server/internal/deliver"
	"parley/server/internal/eventlog"
	"parley/server/internal/room"
	"parley/server/wire"
)

// A folder keeps the entries of a convo in a test.
type folder struct {
	t    *testing.T
	dir  string
	keep int64 // bytes of the entries
}

// newFolder returns a folder that keeps all entries, or only the newest.
func newFolder(t *testing.T, random *rand.Rand) *folder {
	return &folder{t: t, dir: t.TempDir(), keep: []int64{1 << 30, 64 << 10}[random.IntN(2)]}
}

func (f *folder) open(s eventlog.State) (*eventlog.Log, error) {
	return eventlog.Open(f.dir, s, eventlog.Options{Retention: f.keep,
		Trouble: func(err error) { f.t.Errorf("unexpected trouble: %v", err) },
		Notice:  func(text string) { f.t.Errorf("unexpected notice: %s", text) }})
}

// A folder that a server of version 1 left is understood, by the rules of then: names that look alike are
// both taken, and the name of someone who is away is, by someone else. What comes after is kept as well.
func TestVersion1(t *testing.T) {
	f := &folder{t: t, dir: t.TempDir(), keep: 1 << 30}
	if err := os.CopyFS(f.dir, os.DirFS("testdata/version1")); err != nil {
		t.Fatal(err)
	}
	r := openRoom(t, deliver.Config{}, f.open)
	var sessions []string
	r.View(func(r *room.Room) {
		for _, s := range r.Sessions() {
			sessions = append(sessions, fmt.Sprintln(s.ID, s.Name, s.Handled, s.Away()))
		}
	})
	if diff := cmp.Diff([]string{"1 alice 2 false\n", "10 Bob 1 true\n"}, sessions); diff != "" {
		t.Errorf("sessions (-want +got):\n%s", diff)
	}
	r.propose(room.Entry{Kind: room.Join, Name: []byte("carol"), Addr: []byte("10.0.0.1"),
		Token: []byte("token")})
	r.propose(room.Entry{Kind: room.Close})
	r.Close("the end")
	f.check(r)
}

// check has another hub start from the folder of a convo that was closed: it makes the same room, and keeps
// as much as the folder does for those who come back.
func (f *folder) check(closed *convo) {
	f.t.Helper()
	closed.Wait()
	again := deliver.New(deliver.Config{Guard: func() {}})
	defer again.Close("", true)
	log, err := f.open(again)
	if err != nil {
		f.t.Fatal(err)
	}
	defer log.Close()
	if !slices.Equal(closed.Snapshot(), again.Snapshot()) {
		f.t.Errorf("the room of the folder is another one:\n%q, want\n%q",
			again.Snapshot(), closed.Snapshot())
	}
	stream, history, mailboxes := closed.Kept()
	gotStream, gotHistory, gotMailboxes := again.Kept()
	if f.keep == 1<<30 {
		// What was acknowledged is dropped from a mailbox, and no entry says so.
		for name, want := range mailboxes {
			got := gotMailboxes[name]
			got = got[max(0, len(got)-len(want)):]
			if diff := cmp.Diff(want, got); diff != "" {
				f.t.Errorf("the mailbox of %s (-want +got):\n%s", name, diff)
			}
		}
		if gotStream != stream || gotHistory != history {
			f.t.Errorf("%d bytes of the stream and %d of history come back, want %d and %d, or they differ",
				len(gotStream), len(gotHistory), len(stream), len(history))
		}
		return
	}
	few := len(gotStream) < min(len(stream), int(f.keep/2)) // about as long as their entries
	if few || !strings.HasSuffix(stream, gotStream) || gotHistory != history {
		f.t.Errorf("%d bytes of the stream come back, not the newest of %d, or of history %d, not %d",
			len(gotStream), len(stream), len(gotHistory), len(history))
	}
}

// What is said in private pushes out of the folder neither what newcomers are shown nor the sessions of those
// who heard nothing of it.
func TestPrivateMessagesPushNothingOut(t *testing.T) {
	f := &folder{t: t, dir: t.TempDir(), keep: 64 << 10}
	r := openRoom(t, deliver.Config{}, f.open)
	alice, bob := join(t, r, networks[0], "alice"), join(t, r, networks[0], "bob")
	quiet, deaf := join(t, r, networks[0], "quiet"), join(t, r, networks[0], "deaf")
	deaf.conn.Lost("cut")
	bob.expect("JOINED quiet", "JOINED deaf", "LEFT deaf cut")
	for i := range wire.MaxHistory + 10 {
		alice.conn.Say(fmt.Append(nil, i))
	}
	for range wire.MaxHistory + 10 {
		bob.next()
	}
	for quiet.seq < bob.seq {
		quiet.next()
	}
	alice.discard()
	bob.discard()
	for range 10 * f.keep / 1000 {
		alice.conn.Tell([]byte("bob"), bytes.Repeat([]byte("x"), 1000))
	}
	for range 2 {
		r.Close("the server stops")
		r.Wait()
		r = openRoom(t, deliver.Config{}, f.open)
	}
	lastSaid := quiet.seq // before what was told to bob
	quiet = quiet.resume(r, networks[0])
	quiet.expect("RESUMED welcome back, quiet: 3 people are here 0")
	for token, seq := range map[string]uint64{bob.token: lastSaid, deaf.token: deaf.seq} {
		_, err := r.Resume(nil, token, seq)
		refused(t, err, wire.Resume, wire.CodeGone)
	}
	carol := hello(t, r, networks[0], "carol", wire.MaxHistory)
	carol.expect("WELCOME welcome to parley, carol: 3 people are here")
	for i := range wire.MaxHistory {
		carol.expect(fmt.Sprintf("SAID alice %d", i+10))
	}
	carol.expect("JOINED carol")
}
