package transport_test

import (
	"testing"

	"parley/server/internal/transport"
)

// A client may change its keys and have the server change its own, while nobody writes: the answers come
// before what the server says next.
func TestKeyUpdate(t *testing.T) {
	server, client := secureByHand(t)
	w := transport.NewWriter()
	for round := range byte(16) {
		for range round {
			client.update()
		}
		client.send(dataRecord, []byte("hello"))
		arrive(t, server, []byte("hello"))
		if unsent, err := w.TryWrite(server, [][]byte{[]byte("good "), []byte("day")}); err != nil {
			t.Fatalf("%q is left, %v", unsent, err)
		} else if len(unsent) > 0 { // on a system where nothing can be tried
			server.Conn.Write(unsent[0])
		}
		updates := byte(0)
		kind, content, err := client.next()
		for ; kind == handshakeRecord; kind, content, err = client.next() {
			updates++
		}
		if updates != round || string(content) != "good day" || err != nil {
			t.Fatalf("after %d changes of the key: %d answers, %q, %v", round, updates, content, err)
		}
	}
}

// A client that has the server change its keys on and on, and takes no answers, cannot fill the memory: the
// connection ends.
func TestKeyUpdateFlood(t *testing.T) {
	server, client := secureByHand(t)
	const perData = 10 // package tls ends a connection that sends more without saying something
	for range transport.MaxAnswers {
		for range perData {
			client.update()
		}
		client.send(dataRecord, []byte("x"))
		_, err := server.Read(make([]byte, 1))
		if n := server.Collected(); n > 2*transport.MaxAnswers {
			t.Fatalf("%d bytes of answers are collected", n)
		}
		if err != nil {
			if _, err := transport.NewWriter().TryWrite(server, [][]byte{[]byte("hello")}); err == nil {
				t.Error("only reading has ended")
			}
			return
		}
	}
	t.Error("the connection goes on")
}
