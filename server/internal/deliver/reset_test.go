package deliver_test

import (
	"testing"

	"parley/server/internal/deliver"
	"parley/server/internal/room"
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
	again.expect("WELCOME welcome to parley, alice: you are the only one here", "SAID alice kept", "JOINED alice")
}
