package link

import (
	"bufio"
	"context"
	"io"
	"net"
	"testing"
	"time"

	"parley/server/wire"
)

// FuzzServer feeds a Conn what no server should send: it must neither panic nor hang.
func FuzzServer(f *testing.F) {
	f.Add([]byte("SAID 11 0 bob hi\nDATA 3\nabcOK 5\nBYE x\n"))
	f.Add([]byte("SENDING 9 0 v1 a\nDATA 3\nabcSENT x 3 a\n"))
	f.Add([]byte("ERROR - too-slow x\nBYE y\n\xff\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		client, peer := net.Pipe()
		go func() {
			bufio.NewReader(peer).ReadString('\n')
			io.WriteString(peer, "WELCOME t 1 hi\n")
			go io.Copy(io.Discard, peer)
			peer.Write(b)
			peer.Close()
		}()
		cfg := Config{Addresses: []string{"x:1"}, Name: "alice", Idle: time.Minute,
			Dial: func(context.Context, string, string) (net.Conn, error) { return client, nil }}
		joined, welcome, err := Join(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		c := use(joined)
		var s Session
		s.Attach(welcome)
		s.Add(say("x"), true)
		pieces := c.get(wire.Message{Verb: wire.Get, Version: []byte("-"), Name: []byte("a")})
		go func() {
			for range pieces {
			}
		}()
		for {
			select {
			case m := <-c.Lines():
				s.Take(m)
				c.MarkHandled(s.Resume.Seq)
			case <-c.broke:
				return
			}
		}
	})
}
