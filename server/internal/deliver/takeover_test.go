package deliver_test

import (
	"fmt"
	"net"
	"testing"

	"parley/server/internal/deliver"
	"parley/server/internal/room"
	"parley/server/internal/transport"
	"parley/server/wire"
)

// visit joins with a key and from an address.
func visit(t *testing.T, r *convo, kind room.Kind, name, key, addr string) (*client, error) {
	t.Helper()
	server, nc := networks[0].connect(t)
	e := room.Entry{Kind: kind, Name: []byte(name), Token: hash(name + addr), Device: []byte(key),
		Addr: []byte(addr), Text: []byte("14:03")}
	c, err := r.Newcomer(transport.New(server), e, name+addr, 0)
	if err != nil {
		return nil, err
	}
	conn, err := r.open(c, e)
	if err != nil {
		return nil, err
	}
	return attach(t, server, nc, conn), nil
}

// visitor does so and goes on until it has joined.
func visitor(t *testing.T, r *convo, kind room.Kind, name, key, addr string) *client {
	t.Helper()
	c, err := visit(t, r, kind, name, key, addr)
	if err != nil {
		t.Fatal(err)
	}
	for c.next().Verb != wire.Joined {
	}
	return c
}

// The owner of a name ends their other session, even if the server is full: what was said before still comes,
// and then BYE. Everyone else sees one go and one come.
func TestTakeover(t *testing.T) {
	r := newRoom(t, deliver.Config{MaxSessions: 2})
	watcher := visitor(t, r, room.Join, "watcher", "", "10.0.0.9")
	old := visitor(t, r, room.Join, "olga", "k", "10.0.0.1")
	watcher.conn.Say([]byte("hello"))
	watcher.expect("JOINED olga", "OK")
	_, err := visit(t, r, room.Join, "olga", "k", "10.0.0.2")
	refused(t, err, wire.Hello, wire.CodeNameTaken)
	_, err = visit(t, r, room.Takeover, "olga", "other", "10.0.0.2")
	refused(t, err, wire.Takeover, wire.CodeNameOwned)
	_, err = visit(t, r, room.Takeover, "more", "k", "10.0.0.2")
	refused(t, err, wire.Takeover, wire.CodeFull)
	again := visitor(t, r, room.Takeover, "olga", "k", "10.0.0.2")
	old.expectEnd("SAID watcher hello", "BYE you have joined again from 10.0.0.2")
	watcher.expect("LEFT olga joined again", "JOINED olga")
	again.conn.Say([]byte("it is me"))
	again.expect("OK")
	watcher.expect("SAID olga it is me")
	if n := r.Stats().Sessions; n != 2 {
		t.Errorf("%d sessions are here", n)
	}
}

// A ban ends all sessions that it is about: those who are here are told.
func TestBan(t *testing.T) {
	var log []string
	r := newRoom(t, deliver.Config{Audit: func(e *room.Entry, o *room.Outcome, _ net.Addr) {
		if e.Kind == room.Ban || o.Line.Verb == wire.Left {
			log = append(log, o.Reason)
		}
	}})
	watcher := visitor(t, r, room.Join, "watcher", "", "10.0.0.9")
	one := visitor(t, r, room.Join, "one", "", "10.0.0.1")
	two := visitor(t, r, room.Join, "two", "", "10.0.0.1")
	gone := visitor(t, r, room.Join, "gone", "", "10.0.0.1")
	gone.conn.Lost("cut")
	r.propose(room.Entry{Kind: room.Ban, Addr: []byte("10.0.0.1")})
	const bye = "BYE you were banned by the server's operator"
	watcher.expect("JOINED one", "JOINED two", "JOINED gone", "LEFT gone cut", "LEFT one banned",
		"LEFT two banned")
	one.expectEnd("JOINED two", "JOINED gone", "LEFT gone cut", bye)
	two.expectEnd("JOINED gone", "LEFT gone cut", "LEFT one banned", bye)
	_, err := r.Resume(nil, "gone10.0.0.1", 1)
	refused(t, err, wire.Resume, wire.CodeGone)
	if want := "[cut banned banned ]"; fmt.Sprint(log) != want {
		t.Errorf("recorded %v, want %s", log, want)
	}
}
