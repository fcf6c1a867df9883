package room_test

import (
	"fmt"

	"parley/server/internal/room"
)

// Alice and Bob talk. Bob's connection breaks, and he comes back.
func Example() {
	alice, bob := uint64(1), uint64(2) // the seq of their first JOINED
	r := room.New()
	for _, e := range []room.Entry{
		{Kind: room.Join, Name: []byte("alice"), Token: []byte("a"), Time: 1000},
		{Kind: room.Join, Name: []byte("bob"), Token: []byte("b"), Time: 2000},
		{Kind: room.Join, Name: []byte("Alice"), Token: []byte("c"), Time: 3000},
		{Kind: room.Say, Session: alice, Number: 1, Text: []byte("hello"), Time: 4000},
		{Kind: room.Say, Session: alice, Number: 1, Text: []byte("hello"), Time: 5000}, // sent twice
		{Kind: room.Tell, Session: bob, Number: 1, Name: []byte("alice"), Text: []byte("hush"), Time: 6000},
		{Kind: room.Detach, Session: bob, Number: 1, Text: []byte("connection lost"), Time: 7000},
		{Kind: room.Tell, Session: alice, Number: 2, Name: []byte("bob"), Text: []byte("why?"), Time: 8000},
		{Kind: room.Resume, Token: []byte("b"), Time: 9000},
	} {
		o := r.Apply(e)
		if o.Refused != nil {
			fmt.Printf("refused: %v\n", o.Refused.Text)
		}
		switch {
		case o.To == room.Everyone && o.Hidden:
			fmt.Printf("to everyone but %s: %s", o.Session.Name, o.Line.AppendServer(nil))
		case o.To == room.Everyone:
			fmt.Printf("to everyone: %s", o.Line.AppendServer(nil))
		case o.To == room.Peer:
			fmt.Printf("to %s: %s", o.Peer.Name, o.Line.AppendServer(nil))
		}
		if o.Receipt.Verb != "" {
			fmt.Printf("to %s: %s", o.Session.Name, o.Receipt.AppendServer(nil))
		}
	}
	fmt.Println(r.Users())
	// Output:
	// to everyone: JOINED 1 1000 alice
	// to everyone: JOINED 2 2000 bob
	// refused: the name alice is taken: choose another
	// to everyone but alice: SAID 3 4000 alice hello
	// to alice: OK 3
	// to alice: TOLD 4 6000 bob hush
	// to bob: OK 4
	// to everyone but bob: LEFT 5 7000 bob connection lost
	// refused: bob has lost the connection and is not back
	// to alice: REFUSED 6 away bob has lost the connection and is not back
	// to everyone: JOINED 7 9000 bob
	// [alice bob]
}
