package room_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"parley/server/internal/room"
	"parley/server/wire"
)

// A visitor is one who joins, with a key and from an address, both of which may be empty.
func visitor(name, key, addr string, time uint64) room.Entry {
	return room.Entry{Kind: room.Join, Name: []byte(name), Token: fmt.Append(nil, name, key, addr, time),
		Device: []byte(key), Addr: []byte(addr), Time: time, Text: []byte("14:03")}
}

// quick joins and leaves.
func quick(t *testing.T, r *room.Room, name, key, addr string, time uint64) {
	t.Helper()
	o := r.Apply(visitor(name, key, addr, time))
	if o.Refused != nil {
		t.Fatalf("%s from %s with %q: %v", name, addr, key, o.Refused)
	}
	r.Apply(room.Entry{Kind: room.Leave, Session: o.Session.ID, Number: 1})
}

// want checks why someone cannot join, "" if they can, and that it is no different when it is asked before.
func want(t *testing.T, r *room.Room, e room.Entry, code string) {
	t.Helper()
	before, o := r.Refuses(e), r.Apply(e)
	got := ""
	if o.Refused != nil {
		got = o.Refused.Code
	}
	if got != code {
		t.Errorf("%s: %q (%v), want %q", show(e), got, o.Refused, code)
	}
	if (before == nil) != (o.Refused == nil) || before != nil && *before != *o.Refused {
		t.Errorf("%s: it is refused with %v, and before with %v", show(e), o.Refused, before)
	}
}

// A name may have so many keys and no more.
func TestDevices(t *testing.T) {
	r := room.New()
	quick(t, r, "olga", "key 0", "10.0.0.1", 0)
	for i := range room.Devices {
		code := fmt.Append(nil, "code", i)
		o := r.Apply(room.Entry{Kind: room.Invite, Name: []byte("olga"), Token: code})
		if full := i == room.Devices-1; full != (o.Refused != nil) {
			t.Errorf("invitation %d: %v", i+1, o.Refused)
		}
		e := visitor("olga", fmt.Sprint("key ", i+1), "10.0.0.1", 0)
		e.Invite = code
		if o.Refused != nil {
			want(t, r, e, wire.CodeInviteWrong)
			continue
		}
		// An invitation is not used up by one who is refused.
		plain := e
		plain.Device = nil
		want(t, r, plain, wire.CodeNameOwned)
		want(t, r, e, "")
		r.Apply(room.Entry{Kind: room.Kick, Name: []byte("olga")})
	}
	if n := len(r.Owners()[0].Devices); n != room.Devices {
		t.Errorf("olga has %d keys", n)
	}
}

// An invitation that was made before the name had all its keys.
func TestOneInvitationTooMany(t *testing.T) {
	r := room.New()
	quick(t, r, "olga", "key 0", "10.0.0.1", 0)
	code := func(i int) []byte { return fmt.Append(nil, "code", i) }
	for i := range room.Devices {
		r.Apply(room.Entry{Kind: room.Invite, Name: []byte("olga"), Token: code(i)})
	}
	for i := range room.Devices {
		e := visitor("olga", fmt.Sprint("key ", i+1), "10.0.0.1", 0)
		e.Invite = code(i)
		refused := ""
		if i == room.Devices-1 {
			refused = wire.CodeNameOwned
		}
		want(t, r, e, refused)
		r.Apply(room.Entry{Kind: room.Kick, Name: []byte("olga")})
	}
}

// What strangers claim has a limit for each address and for all; the oldest goes. Those who came back on a
// later day, or were invited, keep their names whatever strangers do.
func TestClaims(t *testing.T) {
	const perAddress, inAll, day = 100, 10_000, 24 * 60 * 60 * 1000
	r := room.New()
	r.Apply(room.Entry{Kind: room.Invite, Name: []byte("guest"), Token: []byte("code")})
	e := visitor("guest", "g", "10.9.9.9", 0)
	e.Invite = []byte("code")
	want(t, r, e, "")
	quick(t, r, "olga", "o", "10.9.9.9", 0)
	quick(t, r, "olga", "o", "10.9.9.9", day-1)
	quick(t, r, "soon", "s", "10.9.9.9", 0)
	quick(t, r, "soon", "s", "10.9.9.9", day) // from now on it is kept
	for i := range perAddress {
		quick(t, r, fmt.Sprint("x", i), "x", "10.9.9.9", day)
	}
	want(t, r, visitor("x0", "other", "10.8.8.8", day), wire.CodeNameOwned)
	want(t, r, visitor("olga", "other", "10.8.8.8", day), "") // the oldest of 101
	owners := func() int { return len(r.Owners()) }
	if n := owners(); n != perAddress+3 {
		t.Errorf("%d names have owners after a flood from one address", n)
	}
	for i := range inAll {
		quick(t, r, fmt.Sprint("y", i), "y", fmt.Sprint("10.1.0.", i/perAddress), day)
	}
	if n := owners(); n != inAll+2 {
		t.Errorf("%d names have owners after a flood from many addresses", n)
	}
	for _, name := range []string{"guest", "soon", "y0", fmt.Sprint("y", inAll-1)} {
		want(t, r, visitor(name, "other", "10.8.8.8", day), wire.CodeNameOwned)
	}
	want(t, r, visitor("x0", "other", "10.8.8.8", day), "")
	again := room.New()
	if err := again.Restore(r.Snapshot()); err != nil {
		t.Fatal(err)
	}
	for _, r := range []*room.Room{r, again} {
		quick(t, r, "onemore", "z", "10.2.0.1", day)
		want(t, r, visitor("y1", "other", "10.8.8.8", day), "") // y0 went for x0
	}
	if !bytes.Equal(r.Snapshot(), again.Snapshot()) {
		t.Error("the room is another one after a start")
	}
}

// Invitations end, and those that are no longer good make room for others.
func TestInvitations(t *testing.T) {
	const most, week = 1000, 7 * 24 * 60 * 60 * 1000
	r := room.New()
	invite := func(name, code string, time uint64) room.Outcome {
		e := room.Entry{Kind: room.Invite, Name: []byte(name), Token: []byte(code), Time: time}
		return r.Apply(e)
	}
	with := func(name, code string, time uint64) room.Entry {
		e := visitor(name, "", "10.0.0.1", time)
		e.Invite = []byte(code)
		return e
	}
	invite("olga", "first", 0)
	want(t, r, visitor("olga", "k", "10.0.0.1", week-1), wire.CodeNameOwned) // it is kept for the invited
	want(t, r, visitor("оlga", "k", "10.0.0.1", week-1), wire.CodeLookAlike) // with a Cyrillic о
	want(t, r, with("olga", "first", week), wire.CodeInviteOld)
	want(t, r, with("olga", "firs", 0), wire.CodeInviteWrong)
	want(t, r, with("bob", "first", 0), wire.CodeInviteName)
	want(t, r, with("OLGA", "first", week-1), "")
	want(t, r, with("olga", "first", week-1), wire.CodeInviteUsed)
	for i := range most {
		if o := invite(fmt.Sprint("x", i), fmt.Sprint("code", i), 1); o.Refused != nil {
			t.Fatalf("invitation %d: %v", i+2, o.Refused)
		}
	}
	want(t, r, with("olga", "first", 0), wire.CodeInviteWrong) // it made room
	if o := invite("more", "more", 1); o.Refused == nil {
		t.Errorf("there are more than %d invitations", most)
	}
	r.Apply(room.Entry{Kind: room.Forget, Name: []byte("X0")})
	o := invite("more", "more", 1)
	if o.Refused != nil || !r.Invited([]byte("more")) || r.Invited([]byte("code0")) {
		t.Errorf("after one was forgotten: %v", o.Refused)
	}
}

// The operator's list of bans has a limit.
func TestBans(t *testing.T) {
	const most = 10_000
	r := room.New()
	for i := range most + 1 {
		o := r.Apply(room.Entry{Kind: room.Ban, Addr: fmt.Append(nil, i)})
		if full := i == most; full != (o.Refused != nil) {
			t.Fatalf("ban %d: %v", i+1, o.Refused)
		}
	}
	if o := room.New().Apply(room.Entry{Kind: room.Ban}); o.Refused == nil {
		t.Error("nobody was banned, and with that whoever has no key")
	}
}

// Without keys, the name of someone who is away is free only at their address.
func TestPlain(t *testing.T) {
	for _, test := range []struct{ from, key, code string }{
		{"10.0.0.1", "", ""}, {"10.0.0.1", "k", ""},
		{"10.0.0.2", "", wire.CodeNameTaken}, {"10.0.0.2", "k", wire.CodeNameTaken},
	} {
		r := room.New()
		r.Apply(visitor("olga", "", "10.0.0.1", 0))
		e := visitor("OLGA", test.key, test.from, 1)
		want(t, r, e, wire.CodeNameTaken)
		e.Kind = room.Takeover
		want(t, r, e, wire.CodeNameTaken)
		r.Apply(room.Entry{Kind: room.Detach, Session: 1, Number: 1})
		e.Kind = room.Join
		want(t, r, e, test.code)
	}
}

// An invitation does not end the session of someone who is here, unless it brings another key to the name.
func TestInvitedWhileHere(t *testing.T) {
	for _, key := range []string{"", "k"} {
		r := room.New()
		r.Apply(visitor("olga", "", "10.0.0.1", 0))
		r.Apply(room.Entry{Kind: room.Invite, Name: []byte("olga"), Token: []byte("code")})
		e := visitor("olga", key, "10.0.0.2", 1)
		e.Invite = []byte("code")
		want(t, r, e, wire.CodeNameTaken)
		e.Kind = room.Takeover
		code := ""
		if key == "" {
			code = wire.CodeNameTaken
		}
		want(t, r, e, code)
	}
}

// Strangers at a closed door are told the same whatever they ask for.
func TestClosed(t *testing.T) {
	r := room.New()
	r.Apply(visitor("here", "", "10.0.0.1", 0))
	r.Apply(visitor("owned", "k", "10.0.0.1", 0))
	quick(t, r, "gone", "l", "10.0.0.1", 0)
	r.Apply(room.Entry{Kind: room.Ban, Name: []byte("mallory")})
	r.Apply(room.Entry{Kind: room.Invite, Name: []byte("guest"), Token: []byte("code")})
	r.Apply(room.Entry{Kind: room.Close})
	var texts []string
	for _, name := range []string{"here", "owned", "gone", "gоne", "mallory", "guest", "free"} {
		for _, key := range []string{"", "stranger"} {
			e := visitor(name, key, "10.0.0.1", 0)
			want(t, r, e, wire.CodeClosed)
			e.Kind = room.Takeover
			want(t, r, e, wire.CodeClosed)
			texts = append(texts, r.Refuses(e).Text)
		}
	}
	if other := strings.ReplaceAll(strings.Join(texts, ""), texts[0], ""); other != "" {
		t.Errorf("strangers are told different things: %q", texts)
	}
	want(t, r, visitor("gone", "l", "10.7.7.7", 0), "") // its owner comes in
	want(t, r, visitor("owned", "k", "10.7.7.7", 0), wire.CodeNameTaken)
	e := visitor("guest", "", "10.7.7.7", 0)
	e.Invite = []byte("code")
	want(t, r, e, "")
}

// A door stays closed over a start, also where there is nothing else to remember.
func TestClosedAndEmpty(t *testing.T) {
	r, again := room.New(), room.New()
	r.Apply(room.Entry{Kind: room.Close})
	if err := again.Restore(r.Snapshot()); err != nil || !again.Closed() {
		t.Errorf("closed: %v, %v", again.Closed(), err)
	}
}

// Only the owner of a name is told where it is in use, and only the owner can take it over.
func TestTaken(t *testing.T) {
	r := room.New()
	r.Apply(visitor("olga", "k", "10.0.0.1", 0))
	e := visitor("olga", "k", "10.0.0.2", 1)
	if text := r.Refuses(e).Text; !strings.Contains(text, "10.0.0.1 since 14:03") {
		t.Errorf("the owner is told %q", text)
	}
	for _, key := range []string{"", "other"} {
		e := visitor("olga", key, "10.0.0.1", 1)
		for _, kind := range []room.Kind{room.Join, room.Takeover} {
			e.Kind = kind
			want(t, r, e, wire.CodeNameOwned)
			if text := r.Refuses(e).Text; strings.Contains(text, "10.0.0.1") {
				t.Errorf("others are told %q", text)
			}
		}
	}
	e.Kind = room.Takeover
	want(t, r, e, "")
	if addr := r.Named([]byte("olga")).Addr; addr != "10.0.0.2" {
		t.Errorf("olga is here from %s", addr)
	}
	// The token of a session is worth nothing without its key.
	resume := room.Entry{Kind: room.Resume, Token: e.Token, Addr: []byte("10.0.0.2")}
	want(t, r, resume, wire.CodeGone)
	resume.Device = []byte("k")
	want(t, r, resume, "")
}
