package serve_test

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"parley/server/internal/deliver"
	"parley/server/internal/serve"
	"parley/server/wire"
)

// Every test here is in a synctest bubble: its times pass at once, and are exact but for what a test itself
// adds.

// lasted checks how long a connection lasted.
func (c *client) lasted(since time.Time, want time.Duration) {
	c.t.Helper()
	synctest.Wait()
	if got := c.closed.Sub(since).Round(10 * time.Millisecond); got != want {
		c.t.Errorf("the connection ended after %v, want %v", got, want)
	}
}

// A connection that does not join in time is told so and ended, however it spends the time.
func TestHelloTimeout(t *testing.T) {
	const limit = 10 * time.Second
	tests := map[string]func(c *client){
		"says nothing": func(*client) {},
		"a byte a second": func(c *client) {
			for range 20 {
				time.Sleep(time.Second)
				if _, err := io.WriteString(c.nc, "x"); err != nil {
					return
				}
			}
		},
		"half a line": func(c *client) { io.WriteString(c.nc, "HELLO parley/1 al") },
	}
	for name, spend := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := start(t, nil)
				began := time.Now()
				c := s.dial()
				s.serving.Go(func() { spend(c) })
				c.expectEnd("ERROR - timeout no HELLO within 10s", "BYE too late")
				c.lasted(began, limit)
			})
		})
	}
	synctest.Test(t, func(t *testing.T) { // just in time
		s := start(t, nil)
		c := s.dial()
		time.Sleep(limit - 1)
		c.send("HELLO parley/1 alice 0")
		c.expect("WELCOME welcome to parley, alice: you are the only one here", "JOINED alice")
		time.Sleep(limit)
		c.roundTrip()
	})
}

// A client that does not even take its refusal is not kept for long.
func TestRefusalThatIsNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, nil)
		nc := s.connect()
		io.WriteString(nc, "nonsense\n")
		began := time.Now()
		s.Wait()
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("the connection was kept for %v", took)
		}
	})
}

// Silence ends a connection, not a session; any line, and any byte, is no silence.
func TestIdle(t *testing.T) {
	const idle = 45 * time.Second
	synctest.Test(t, func(t *testing.T) {
		s := start(t, func(s *serve.Server) { s.Idle = idle })
		began := time.Now()
		silent, busy := s.join("silent"), s.join("busy")
		silent.expect("JOINED busy")
		time.Sleep(time.Until(began.Add(idle - 1)))
		busy.roundTrip()
		time.Sleep(idle - 1)
		busy.expect("LEFT silent timed out")
		busy.roundTrip()
		silent.expectEnd()
		silent.lasted(began, idle)
		time.Sleep(time.Second)
		again := s.dial()
		again.send(fmt.Sprintf("RESUME parley/1 %s %d", silent.token, silent.seq))
		again.expect("RESUMED welcome back, silent: 2 people are here 0", "JOINED silent")
		time.Sleep(idle / 2)
		io.WriteString(busy.nc, "PIN") // no sign of life, as it is not a whole line
		again.expect("LEFT busy timed out")
	})
}

// Who sends faster than the rate has to wait, and loses nothing; a burst is free.
func TestRate(t *testing.T) {
	const rate, burst, messages = 10, 50, 150
	synctest.Test(t, func(t *testing.T) {
		s := start(t, func(s *serve.Server) { s.Rate = rate })
		fast, other := s.join("fast"), s.join("other")
		fast.expect("JOINED other")
		began := time.Now()
		go func() {
			for i := range messages {
				fast.send(fmt.Sprintf("SAY %d", i))
			}
		}()
		for i := range messages {
			other.expect(fmt.Sprintf("SAID fast %d", i))
			fast.expect("OK")
			want := max(0, time.Duration(i+1-burst)*time.Second/rate)
			if time.Since(began).Round(time.Millisecond) != want {
				t.Fatalf("message %d came after %v, want %v", i, time.Since(began), want)
			}
		}
		began = time.Now()
		other.roundTrip() // nobody else waits
		if took := time.Since(began); took != 0 {
			t.Errorf("another session waited %v", took)
		}
	})
}

// Someone who waits for the rate can be kicked at once, and what comes after the kick is not carried out.
func TestKickDuringWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, func(s *serve.Server) { s.Rate = 0.1 })
		c := s.join("alice")
		c.send("SAY one", "SAY two")
		c.expect("OK")
		synctest.Wait()
		began := time.Now()
		kick(s.Server, "alice")
		c.expectEnd("BYE you were kicked by the server's operator")
		s.Wait()
		if took := time.Since(began); took != 0 {
			t.Errorf("the connection was served for another %v", took)
		}
		if log := s.record.String(); strings.Contains(log, "two") {
			t.Errorf("what came after was carried out:\n%s", log)
		}
	})
}

// After BYE a client has some time to take what was sent, and to close; then it is closed for it.
func TestClientThatDoesNotClose(t *testing.T) {
	for name, after := range map[string]func(c *client){
		"silent": func(*client) {},
		"still sending": func(c *client) {
			for {
				if _, err := io.WriteString(c.nc, "SAY x\n"); err != nil {
					return
				}
				time.Sleep(time.Millisecond)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := start(t, nil)
				c := s.dial()
				c.stays = true
				c.send("HELLO parley/1 alice 0", "QUIT")
				began := time.Now()
				s.serving.Go(func() { after(c) })
				c.expectEnd("WELCOME welcome to parley, alice: you are the only one here",
					"JOINED alice", "BYE goodbye")
				c.lasted(began, deliver.Linger)
			})
		})
	}
}

// Long answers to a client that reads slowly are whole, in order, and not made faster than they are taken:
// meanwhile its own lines wait, and nobody else does.
func TestLongAnswersAreNotHurried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const people, asked = 1500, 40
		s := start(t, nil)
		other := s.join("other")
		for i := range people {
			name := fmt.Sprintf("user%04d", i)
			server, far := newPipe(t)
			if _, err := join(s.Server, server, name); err != nil {
				t.Fatal(err)
			}
			go io.Copy(io.Discard, far)
		}
		for i := range people {
			other.expect(fmt.Sprintf("JOINED user%04d", i))
		}
		slow := s.connect()
		go func() {
			questions := strings.Split(strings.Repeat("WHO ", asked), " ")[:asked]
			for _, line := range append([]string{"HELLO parley/1 slow 0"}, questions...) {
				if _, err := io.WriteString(slow, line+"\n"); err != nil {
					return
				}
			}
			io.WriteString(slow, "QUIT\n")
		}()
		other.expect("JOINED slow")
		synctest.Wait() // nothing moves any more: the answers wait for their reader
		other.roundTrip()
		lines := wire.NewReader(noEmptyReads{slow}, wire.MaxServerLine, 1<<14)
		counts := map[wire.Verb]int{}
		for {
			line, err := lines.ReadLine()
			if err != nil {
				break
			}
			m, err := wire.ParseServer(line)
			if err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			counts[m.Verb]++
			if counts[wire.User] == people {
				other.roundTrip() // in the middle of an answer
			}
		}
		if counts[wire.Users] != asked || counts[wire.User] != asked*(people+2) || counts[wire.Bye] != 1 {
			t.Errorf("%v, want %d USERS, %d USER and one BYE", counts, asked, asked*(people+2))
		}
	})
}

// A client that asks and never reads does not make the server read on and on.
func TestQuestionsThatNobodyReadsTheAnswersOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, nil)
		nc := s.connect()
		taken := make(chan int, 1)
		go func() {
			n := 0
			for line := "HELLO parley/1 alice 0\n"; ; line = "PING 0\n" {
				if _, err := io.WriteString(nc, line); err != nil {
					taken <- n
					return
				}
				n++
			}
		}()
		synctest.Wait() // or it reads for ever
		nc.Close()
		if n := <-taken; n > 5000 {
			t.Errorf("%d questions were taken", n)
		}
	})
}
