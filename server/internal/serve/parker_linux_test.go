package serve_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"parley/server/internal/serve"
)

// overNetwork has s serve TCP connections, whose clients may rest.
func (s *server) overNetwork() {
	var err error
	s.network, err = net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	s.ParkAfter = 100 * time.Millisecond
	s.Parker = serve.NewParker(func() {})
	s.t.Cleanup(func() {
		s.network.Close()
		s.Hub.Close("the test ends", true)
		s.Wait()
		s.Parker.Close()
	})
}

// bothWays runs a test with a server for plain text, and with one for TLS.
func bothWays(t *testing.T, change func(*serve.Server), test func(*testing.T, *server)) {
	for _, name := range []string{"plain", "TLS"} {
		t.Run(name, func(t *testing.T) {
			s := start(t, change)
			s.overNetwork()
			if name == "TLS" {
				s.overTLS()
			}
			test(t, s)
		})
	}
}

// resting waits until no goroutine serves a connection.
func resting(t *testing.T) {
	t.Helper()
	stacks := make([]byte, 1<<20)
	for begun := time.Now(); time.Since(begun) < patience; runtime.Gosched() {
		text := string(stacks[:runtime.Stack(stacks, true)])
		if !strings.Contains(text, "serve.(*client).run(") &&
			!strings.Contains(text, "serve.(*Server).Start(") {
			return
		}
	}
	t.Fatal("a quiet client keeps its goroutine")
}

// Clients who are quiet have no goroutine. They get what is said, and are heard as soon as they say
// something, even if it is not yet a line.
func TestRest(t *testing.T) { bothWays(t, nil, testRest) }

func testRest(t *testing.T, s *server) {
	var clients []*client
	for i := range 20 {
		c := s.join(fmt.Sprint("u", i))
		for _, other := range clients {
			other.expect(fmt.Sprint("JOINED u", i))
		}
		clients = append(clients, c)
	}
	for range 3 {
		resting(t)
		for i, c := range clients {
			io.WriteString(c.nc, "SAY go")
			if i%2 == 0 {
				resting(t) // in the middle of a line
			}
			io.WriteString(c.nc, "od morning\n")
			c.expect("OK")
			for _, other := range clients {
				if other != c {
					other.expect(fmt.Sprintf("SAID u%d good morning", i))
				}
			}
		}
	}
}

// After a heartbeat a client rests at once, so that an idle one does not keep the server awake.
func TestRestAfterHeartbeat(t *testing.T) {
	bothWays(t, nil, func(t *testing.T, s *server) {
		s.ParkAfter = time.Hour
		c := s.join("alice")
		for range 3 {
			c.roundTrip()
			resting(t)
		}
	})
}

// Whatever ends a connection does so while its client rests.
func TestRestEnds(t *testing.T) { bothWays(t, nil, testRestEnds) }

func testRestEnds(t *testing.T, s *server) {
	watcher := s.join("watcher")
	join := func() *client {
		c := s.join("alice")
		watcher.expect("JOINED alice")
		resting(t)
		return c
	}

	kicked := s.dial()
	kicked.stays = true // so that the server has to close the connection
	kicked.send("HELLO parley/1 alice 0")
	kicked.expect("WELCOME welcome to parley, alice: 2 people are here", "JOINED alice")
	watcher.expect("JOINED alice")
	resting(t)
	kick(s.Server, "alice")
	kicked.expectEnd("BYE you were kicked by the server's operator")
	watcher.expect("LEFT alice kicked")

	lost := join()
	lost.nc.Close()
	watcher.expect("LEFT alice connection lost")

	moved := join()
	again := s.dial()
	again.send(fmt.Sprintf("RESUME parley/1 %s %d", moved.token, moved.seq))
	again.expect("RESUMED welcome back, alice: 2 people are here 0")
	moved.expectEnd("ERROR - moved this session goes on over another connection",
		"BYE the session can be resumed")
	resting(t)
	again.roundTrip()

	s.Hub.Close("the end", true)
	for _, c := range []*client{watcher, again} {
		c.expectEnd("NOTICE the end", "BYE the server is closing")
	}
	s.Wait()
}

// A client that rests is given up after the idle time, and not earlier when it has said something.
func TestRestIdle(t *testing.T) {
	const idle = 500 * time.Millisecond
	bothWays(t, func(s *serve.Server) { s.Idle = idle }, func(t *testing.T, s *server) {
		c := s.join("silent")
		resting(t)
		said := time.Now()
		c.roundTrip()
		resting(t)
		c.expectEnd()
		if took := c.closed.Sub(said); took < idle {
			t.Errorf("the connection ended after %v, want %v", took, idle)
		}
	})
}

// A torn connection sends half of what is written, and later the rest.
type torn struct {
	net.Conn
	tear bool
	rest []byte
}

func (c *torn) Write(p []byte) (int, error) {
	if !c.tear {
		return c.Conn.Write(p)
	}
	half := len(p) / 2
	c.rest = append(c.rest, p[half:]...)
	_, err := c.Conn.Write(p[:half])
	return len(p), err
}

// A TLS client rests in the middle of a record, too.
func TestRestInRecord(t *testing.T) {
	s := start(t, nil)
	s.overNetwork()
	s.overTLS()
	socket := &torn{Conn: s.socket()}
	c := s.read(tls.Client(socket, s.device))
	c.hello("alice")
	for range 3 {
		socket.tear = true
		c.send("PING 0")
		resting(t)
		socket.tear = false
		if _, err := socket.Write(socket.rest); err != nil {
			t.Fatal(err)
		}
		socket.rest = nil
		c.expect("PONG")
	}
}
