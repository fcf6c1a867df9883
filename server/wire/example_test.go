package wire_test

import (
	"fmt"

	"parley/server/wire"
)

// A server reads two lines from alice. It delivers the first to bob and tells alice so; it refuses the
// second.
func Example() {
	alice := []byte("alice")
	for _, line := range []string{"TELL bob how are you?", "TELL"} {
		m, err := wire.ParseClient([]byte(line))
		if refusal, ok := err.(*wire.ProtocolError); ok {
			answer := refusal.Message()
			fmt.Printf("to alice: %s", answer.AppendServer(nil))
			continue
		}
		told := wire.Message{Verb: wire.Told, Seq: 8, Time: 1700000000000, Name: alice, Text: m.Text}
		fmt.Printf("to %s: %s", m.Name, told.AppendServer(nil))
		receipt := wire.Message{Verb: wire.OK, Seq: 8}
		fmt.Printf("to alice: %s", receipt.AppendServer(nil))
	}
	// Output:
	// to bob: TOLD 8 1700000000000 alice how are you?
	// to alice: OK 8
	// to alice: ERROR TELL bad-arguments TELL takes 2 arguments, got 0
}
