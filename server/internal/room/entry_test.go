package room_test

import (
	"bytes"
	"errors"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"parley/server/internal/room"
)

// samples has an entry of each kind, and entries with the extremes of each field.
func samples() []room.Entry {
	var all []room.Entry
	for kind := room.Up; kind <= room.ServerGone; kind++ {
		e := room.Entry{Kind: kind, Time: 1700000000000, Ref: 7, Session: 8, Number: 9,
			Name: []byte("Zoë"), Token: bytes.Repeat([]byte{0xff}, 32), Text: []byte("a\x00\n")}
		all = append(all, e)
		e.Device, e.Addr = bytes.Repeat([]byte{0x80}, 32), []byte("10.0.0.1")
		e.Invite = []byte("hash")
		all = append(all, e)
	}
	return append(all,
		room.Entry{Kind: room.End},
		room.Entry{Kind: room.Say, Time: math.MaxUint64, Ref: math.MaxUint64, Session: math.MaxUint64,
			Number: math.MaxUint64, Text: bytes.Repeat([]byte("x"), 100_000)})
}

// Entries one after the other are read as they were written, and what ends within one is no entry.
func TestEntries(t *testing.T) {
	var all []byte
	for _, e := range samples() {
		before := len(all)
		all = e.Append(all)
		for n := range min(len(all)-before, 200) {
			if _, _, err := room.ParseEntry(all[before : before+n]); !errors.Is(err, room.ErrEntry) {
				t.Errorf("the first %d bytes of an entry of kind %d: %v, want ErrEntry", n, e.Kind, err)
			}
		}
	}
	rest := all
	for i, want := range samples() {
		e, after, err := room.ParseEntry(rest)
		if err != nil {
			t.Fatalf("entry %d: %v", i, err)
		}
		if diff := cmp.Diff(want, e, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("entry %d (-want +got):\n%s", i, diff)
		}
		rest = after
	}
	if len(rest) > 0 {
		t.Errorf("%d bytes follow the last entry", len(rest))
	}
}

// An entry of a kind that a later version may have is none.
func TestUnknownKind(t *testing.T) {
	for _, kind := range []room.Kind{0, room.ServerGone + 1, 127, 255} {
		e := room.Entry{Kind: kind}
		if _, _, err := room.ParseEntry(e.Append(nil)); !errors.Is(err, room.ErrEntry) {
			t.Errorf("kind %d: %v, want ErrEntry", kind, err)
		}
	}
}

// FuzzEntry: bytes are an entry that can be written and read again, or an error; what follows it is kept.
func FuzzEntry(f *testing.F) {
	for _, e := range samples() {
		f.Add(append(e.Append(nil), "rest"...))
	}
	f.Add([]byte{1, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1}) // a length of 2⁶⁴-1
	f.Fuzz(func(t *testing.T, b []byte) {
		e, rest, err := room.ParseEntry(b)
		if err != nil {
			if !errors.Is(err, room.ErrEntry) {
				t.Errorf("error %v, want ErrEntry", err)
			}
			return
		}
		if !bytes.HasSuffix(b, rest) || len(rest) == len(b) {
			t.Fatalf("%d bytes follow, which are not the last of the %d", len(rest), len(b))
		}
		again, none, err := room.ParseEntry(e.Append(nil))
		if err != nil || len(none) > 0 {
			t.Fatalf("written and read again: %v, and %d bytes follow", err, len(none))
		}
		if diff := cmp.Diff(e, again, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("written and read again (-want +got):\n%s", diff)
		}
		room.New().Apply(e)
	})
}

// visits are entries with which everything that a snapshot holds beside sessions comes to be, changes and
// goes.
func visits() []room.Entry {
	return []room.Entry{
		{Kind: room.Join, Name: []byte("olga"), Token: []byte("o"), Device: []byte("key 1"),
			Addr: []byte("10.0.0.1"), Text: []byte("today")},
		{Kind: room.Invite, Name: []byte("olga"), Token: []byte("code")},
		{Kind: room.Close},
		{Kind: room.Takeover, Name: []byte("olga"), Token: []byte("p"), Device: []byte("key 2"),
			Addr: []byte("10.0.0.2"), Invite: []byte("code")},
		{Kind: room.Ban, Addr: []byte("10.0.0.2")},
		{Kind: room.Ban, Name: []byte("olga")},
		{Kind: room.Unban, Name: []byte("olga")},
		{Kind: room.Open},
		{Kind: room.Forget, Name: []byte("olga")},
	}
}

// wrongSnapshots are those of no room. They hold the seq and the number of sessions, then for each its ID,
// connection, handled messages, presence, name and token. What version 2 of the event log added follows: the
// door, then the sessions' devices, addresses and times, the owners, the bans and the invitations.
var wrongSnapshots = map[string][]byte{
	"one name twice":    {5, 2, 1, 1, 0, 0, 1, 'a', 1, 'x', 2, 1, 0, 0, 1, 'A', 1, 'y'},
	"one token twice":   {5, 2, 1, 1, 0, 0, 1, 'a', 1, 'x', 2, 1, 0, 0, 1, 'b', 1, 'x'},
	"one ID twice":      {5, 2, 1, 1, 0, 0, 1, 'a', 1, 'x', 1, 1, 0, 0, 1, 'b', 1, 'y'},
	"not in order":      {5, 2, 2, 1, 0, 0, 1, 'a', 1, 'x', 1, 1, 0, 0, 1, 'b', 1, 'y'},
	"no such presence":  {5, 1, 1, 1, 0, 3, 1, 'a', 1, 'x'},
	"an ID of later":    {0, 1, 1, 1, 0, 0, 1, 'a', 1, 'x'},
	"2⁶⁴-1 sessions":    {5, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1},
	"more than is said": {5, 0, 1, 0, 0, 0, 0},
	"nothing new":       {5, 0, 0, 0, 0, 0},
	"half open":         {5, 0, 2, 0, 0, 0},
	"one owner twice":   {5, 0, 0, 2, 0, 0, 1, 'a', 0, 1, 1, 'k', 0, 0, 1, 'A', 0, 1, 1, 'l', 0, 0},
	"owned by nobody":   {5, 0, 0, 1, 0, 0, 1, 'a', 0, 0, 0, 0},
	"2⁶⁴-1 owners":      {5, 0, 1, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1},
	"claims first":      {5, 0, 0, 2, 0, 0, 1, 'a', 0, 1, 1, 'k', 0, 1, 1, 'b', 0, 1, 1, 'l', 0, 0},
	"one ban twice":     {5, 0, 0, 0, 2, 1, 'a', 0, 0, 0, 1, 'A', 0, 0, 0, 0},
	"a ban of nobody":   {5, 0, 0, 0, 1, 0, 0, 0, 1, 'a', 0},
	"no end":            {5, 0, 1, 0, 0, 1, 1, 'a', 1, 'h'},
	"nothing":           {},
}

// A snapshot that no room can have made is refused.
func TestWrongSnapshots(t *testing.T) {
	for what, b := range wrongSnapshots {
		if room.New().Restore(b) == nil {
			t.Errorf("%s: restored", what)
		}
	}
}

// FuzzRestore: bytes are the snapshot of a room that works, or an error.
func FuzzRestore(f *testing.F) {
	r := room.New()
	f.Add(r.Snapshot())
	for i, name := range []string{"alice", "Bob", "Zoë"} {
		r.Apply(room.Entry{Kind: room.Join, Name: []byte(name), Token: []byte{byte(i)}})
		f.Add(r.Snapshot())
	}
	r.Apply(room.Entry{Kind: room.Up})
	r.Apply(room.Entry{Kind: room.Resume, Token: []byte{1}})
	r.Apply(room.Entry{Kind: room.Expire, Session: 1, Number: 1})
	f.Add(r.Snapshot())
	for i, e := range visits() {
		e.Time = uint64(i)
		r.Apply(e)
		f.Add(r.Snapshot())
	}
	for _, b := range wrongSnapshots {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r := room.New()
		if r.Restore(b) != nil {
			return
		}
		if diff := cmp.Diff(b, r.Snapshot()); diff != "" {
			t.Fatalf("the snapshot of what was restored (-want +got):\n%s", diff)
		}
		here := 0
		for _, s := range r.Sessions() {
			if !s.Away() {
				here++
			}
			if s.ID > r.Seq() {
				t.Errorf("session %d, and the newest seq is %d", s.ID, r.Seq())
			}
			refused := r.Refuses(room.Entry{Kind: room.Join, Name: []byte(s.Name)})
			if free := s.Away() && s.Device == ""; free != (refused == nil) {
				t.Errorf("the name %q: %v", s.Name, refused)
			}
		}
		if len(r.Users()) != here || r.Here() != here {
			t.Errorf("%d users, %d are here, of %d sessions that are not away",
				len(r.Users()), r.Here(), here)
		}
		for _, e := range visits() {
			r.Apply(e)
		}
		seq := r.Seq()
		o := r.Apply(room.Entry{Kind: room.Join, Name: []byte("newcomer"), Token: []byte("new")})
		if o.Session != nil && o.Session.ID != seq+1 {
			t.Errorf("a newcomer is session %d after seq %d", o.Session.ID, seq)
		}
		r.Apply(room.Entry{Kind: room.End})
		if len(r.Sessions()) > 0 || r.Here() > 0 {
			t.Error("somebody is here after the end")
		}
	})
}
