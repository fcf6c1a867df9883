package serve_test

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"parley/server/internal/serve"
	"parley/server/wire"
)

// A distant connection comes from another machine.
type distant struct {
	net.Conn
	addr net.Addr
}

func (d distant) RemoteAddr() net.Addr { return d.addr }

// from connects from an address.
func (s *server) from(ip string) *client {
	c := s.read(s.connectFrom(ip))
	synctest.Wait()
	return c
}

func (s *server) connectFrom(ip string) net.Conn {
	near, far := net.Pipe()
	s.serving.Go(func() { s.Start(distant{near, &net.TCPAddr{IP: net.ParseIP(ip), Port: 1}}) })
	s.t.Cleanup(func() { far.Close() })
	return far
}

// The limits of one address: whoever reaches one is told so, and it does not concern other addresses.
func TestPerAddress(t *testing.T) {
	const (
		here, neighbour, elsewhere = "2001:db8::1", "2001:db8::2:0:0:1", "2001:db8:0:1::1"

		tooMany = "ERROR - full 32 connections are open from your address: close some, or try again later"
		tooFast = "ERROR - full too many connections come from your address: try again later"
		tooSlow = "ERROR - full 8 connections from your address have not joined: " +
			"close some, or try again later"
	)
	limits := func(s *serve.Server) { s.Limits = serve.Limits{PerAddress: serve.PerAddress} }
	bubble(t, "open and fast", limits, func(s *server) {
		var last *client
		for i := range 32 {
			if i >= 30 {
				s.from(neighbour).expectEnd(tooFast)
				s.from(elsewhere).hello(fmt.Sprint("other", i))
				time.Sleep(time.Second)
			}
			last = s.from(here).hello(fmt.Sprint("user", i))
		}
		time.Sleep(time.Minute)
		s.from(neighbour).expectEnd(tooMany)
		last.stays = true
		last.send("QUIT")
		for m := last.next(); m.Verb != wire.Bye; m = last.next() {
		}
		s.from(neighbour).hello("next") // at once, though the other one is not closed
		s.from(neighbour).expectEnd(tooMany)
	})
	bubble(t, "slow", limits, func(s *server) {
		var slow []*client
		for range 8 {
			slow = append(slow, s.from(here))
		}
		s.from(neighbour).expectEnd(tooSlow)
		s.from(elsewhere).hello("other")
		slow[0].hello("alice")
		s.from(neighbour).hello("bob")
	})
	bubble(t, "this machine", limits, func(s *server) {
		for i := range 100 {
			s.from("127.0.0.1").hello(fmt.Sprint("user", i))
		}
	})
	bubble(t, "this machine, too", func(s *serve.Server) {
		s.Limits = serve.Limits{PerAddress: 16, Local: true}
	}, func(s *server) {
		for i := range 15 {
			s.from("127.0.0.1").hello(fmt.Sprint("user", i))
		}
		s.from("127.0.0.2").hello("other")
		s.from("::1").hello("another")
		s.from("127.0.0.1").expectEnd(tooFast)
	})
}

// bubble runs a test with a server in a synctest bubble.
func bubble(t *testing.T, name string, change func(*serve.Server), test func(s *server)) {
	t.Run(name, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { test(start(t, change)) })
	})
}

// Whoever comes and goes, from any number of addresses, leaves nothing behind.
func TestAddressesAreForgotten(t *testing.T) {
	const most = 4096
	bubble(t, "", func(s *serve.Server) { s.Limits.PerAddress, s.Rate = 32, 100 }, func(s *server) {
		for i := range 3 * most {
			s.connectFrom(fmt.Sprintf("10.0.%d.%d", i>>8, i&255)).Close()
			synctest.Wait()
		}
		if n := s.Accounts(); n > most {
			t.Errorf("%d addresses are remembered, want at most %d", n, most)
		}
		time.Sleep(time.Minute)
		s.from("192.0.2.1").hello("alice")
		s.connectFrom("192.0.2.2").Close()
		synctest.Wait()
		if n := s.Accounts(); n > 3 {
			t.Errorf("%d accounts are remembered after a minute, want those of two addresses and a session",
				n)
		}
	})
}

// Those who do not read and do not close take no place from others, however they have ended.
func TestEndedConnectionsTakeNoPlace(t *testing.T) {
	ends := map[string]string{"quit": "QUIT\n", "refused": "nonsense\nnonsense\nnonsense\n", "silent": ""}
	for name, end := range ends {
		limits := func(s *serve.Server) { s.Limits = serve.Limits{Sessions: 10, Lobby: 20} }
		bubble(t, name, limits, func(s *server) {
			honest := s.from("192.0.2.1").hello("honest")
			for i := range 200 {
				nc := s.connectFrom("198.51.100.1")
				line := fmt.Sprintf("HELLO parley/1 user%d 0\n", i)
				if name != "quit" {
					line = ""
				}
				go io.WriteString(nc, line+end)
				synctest.Wait()
			}
			patient := s.from("192.0.2.2")
			for range 30 {
				s.connectFrom("198.51.100.1")
				synctest.Wait()
			}
			patient.hello("patient")
			s.from("192.0.2.3").hello("late").roundTrip()
			for m := honest.next(); string(m.Name) != "late"; m = honest.next() {
			}
		})
	}
}

// Those who come and go take nobody's place among those who are away and may come back.
func TestAwayKeepTheirPlace(t *testing.T) {
	for name, says := range map[string]string{"silent": "", "speaking": "SAY x\n"} {
		bubble(t, name, func(s *serve.Server) { s.Limits.Sessions = 10 }, func(s *server) {
			var away []*client
			for i := range 5 {
				c := s.from(fmt.Sprint("192.0.2.", i)).hello(fmt.Sprint("user", i))
				c.send("SAY hello")
				c.expect("OK")
				c.nc.Close()
				synctest.Wait()
				away = append(away, c)
			}
			for i := range 100 {
				nc := s.connectFrom("198.51.100.1")
				go io.Copy(io.Discard, nc)
				io.WriteString(nc, fmt.Sprintf("HELLO parley/1 eve%d 0\n%s", i, says))
				synctest.Wait()
				nc.Close()
				synctest.Wait()
			}
			for i, c := range away {
				again := s.from("203.0.113.1")
				again.send(fmt.Sprintf("RESUME parley/1 %s %d", c.token, c.seq))
				if m := again.next(); m.Verb != wire.Resumed {
					t.Errorf("user%d: %s", i, form(m))
				}
				again.nc.Close()
			}
		})
	}
}

// A session has its rate, over however many connections it sends; and so have all of one address together.
func TestRateIsKept(t *testing.T) {
	const rate, burst, rounds = 10, 50, 20
	took := func(t *testing.T, lines, perSecond int, began time.Time) {
		least := time.Duration(lines-burst*perSecond/rate) * time.Second / time.Duration(perSecond)
		if took := time.Since(began); took < least {
			t.Errorf("%d lines were taken within %v, want %v at least", lines, took, least)
		}
	}
	say := strings.Repeat("SAY x\n", burst-1)
	bubble(t, "over connections", func(s *serve.Server) { s.Rate = rate }, func(s *server) {
		began := time.Now()
		c := s.join("alice")
		for range rounds {
			io.WriteString(c.nc, say)
			for range burst - 1 {
				c.expect("OK")
			}
			again := s.dial()
			again.send(fmt.Sprintf("RESUME parley/1 %s %d", c.token, c.seq))
			again.token, again.seq = c.token, c.seq
			if m := again.next(); m.Verb != wire.Resumed {
				t.Fatal(form(m))
			}
			c = again
		}
		took(t, rounds*burst, rate, began)
	})
	bubble(t, "of an address", func(s *serve.Server) {
		s.Rate, s.Limits.PerAddress = rate, 1000
	}, func(s *server) {
		began := time.Now()
		for i := range rounds {
			c := s.from("192.0.2.1").hello(fmt.Sprint("user", i))
			io.WriteString(c.nc, say)
			for n := 0; n < burst-1; {
				if c.next().Verb == wire.OK {
					n++
				}
			}
			c.send("QUIT")
		}
		took(t, rounds*burst, 4*rate, began)
		other := s.from("192.0.2.2").hello("other")
		began = time.Now()
		other.roundTrip()
		if took := time.Since(began); took != 0 {
			t.Errorf("another address waited %v", took)
		}
	})
}

// The number of people leaves room for everything else that is open.
func TestFit(t *testing.T) {
	for _, test := range []struct{ descriptors, sessions, lobby int }{
		{1 << 20, 10_000, 1024}, {12_624, 10_000, 1024}, {12_623, 9_999, 1024}, {4096, 2496, 512},
		{1024, 512, 128}, {8, 4, 1}, {1, 1, 0},
	} {
		l := serve.Limits{Sessions: 10_000}.Fit(test.descriptors)
		if l.Sessions != test.sessions || l.Lobby != test.lobby {
			t.Errorf("with %d descriptors %d sessions and %d in the lobby, want %d and %d", test.descriptors,
				l.Sessions, l.Lobby, test.sessions, test.lobby)
		}
	}
}
