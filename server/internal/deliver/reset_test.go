package deliver_test

import (
	"runtime"
	"testing"
	"time"

	"parley/server/internal/deliver"
	"parley/server/internal/room"
	"parley/server/internal/transport"
	"parley/server/wire"
)

// After a repair no session can be resumed, because its client has seen more than the server knows; names are
// free, and the history is kept.
func TestReset(t *testing.T) {
	r := newRoom(t, deliver.Config{})
	alice := join(t, r, networks[0], "alice")
	alice.conn.Say([]byte("kept"))
	alice.expect("OK")
	alice.conn.Lost("cut")
	r.propose(room.Entry{Kind: room.Reset})
	_, err := r.Resume(nil, alice.token, alice.seq)
	refused(t, err, wire.Resume, wire.CodeGone)
	again := hello(t, r, networks[0], "alice", 10)
	again.expect("WELCOME welcome to parley, alice: you are the only one here",
		"SAID alice kept", "JOINED alice")
}

// A message that is committed while the server ends is the next server's to deliver. It does not disturb what
// its sender is still sent.
func TestMessagesWhileClosing(t *testing.T) {
	r := newRoom(t, deliver.Config{})
	n := network{"pipe", pipe}
	alice := join(t, r, n, "alice")
	const many = 1000 // more than is under way
	for range many {
		alice.conn.Say([]byte("before"))
	}
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		r.Hub.Close("a pause", false)
	}()
	server, _ := n.connect(t)
	for by := time.Now().Add(patience); ; runtime.Gosched() {
		late := room.Entry{Kind: room.Join, Name: []byte("late")}
		if _, err := r.Newcomer(transport.New(server), late, "token", 0); err != nil {
			break
		}
		if time.Now().After(by) {
			t.Fatal("the hub does not close")
		}
	}
	for i := range uint64(many) {
		r.propose(room.Entry{Kind: room.Say,
			Session: alice.conn.Session(), Number: many + 1 + i, Text: []byte("x")})
	}
	for range many {
		alice.expect("OK")
	}
	alice.expectEnd("NOTICE a pause")
	<-closed
}
