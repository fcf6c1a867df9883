package deliver_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"parley/server/internal/deliver"
	"parley/server/internal/room"
	"parley/server/wire"
)

// away makes a session that was told some kilobytes, has taken them, and broke off before it said so. It
// returns the client as it was before.
func away(t *testing.T, r *convo, teller *client, name string, kilobytes int) *client {
	t.Helper()
	c := join(t, r, networks[2], name)
	before := *c
	for range kilobytes {
		if _, _, err := teller.conn.Tell([]byte(name), []byte(strings.Repeat("x", 960))); err != nil {
			t.Fatal(err)
		}
		c.next()
	}
	c.conn.Lost("cut")
	return &before
}

// When memory is short, those lose who hold most: one address with many sessions, or many addresses with more
// than others. Who holds little can be resumed.
func TestWhoHoldsMostLoses(t *testing.T) {
	const budget = 4 << 20
	for _, test := range []struct{ addresses, sessions, kilobytes int }{{1, 150, 40}, {40, 40, 200}} {
		t.Run(fmt.Sprint(test.addresses), func(t *testing.T) {
			r := newRoom(t, deliver.Config{MaxSessions: 500})
			r.SetBudget(budget)
			r.addr = "10.0.0.1"
			teller := join(t, r, networks[2], "teller")
			teller.discard()
			alice := away(t, r, teller, "alice", 50)
			bob := join(t, r, networks[2], "bob") // is here, and has not acknowledged anything either
			for range 30 {
				teller.conn.Tell([]byte("bob"), []byte("hello"))
				bob.next()
			}
			var eves []*client
			for i := range test.sessions {
				r.addr = fmt.Sprint("10.0.1.", i%test.addresses)
				eves = append(eves, away(t, r, teller, fmt.Sprint("eve", i), test.kilobytes))
				if cost := r.Cost(); cost > budget {
					t.Fatalf("the cost is %d, the budget %d", cost, budget)
				}
			}
			r.addr = "10.0.0.1"
			alice = alice.resume(r, networks[2])
			alice.expect("RESUMED welcome back, alice: 3 people are here 0")
			for range 50 {
				for alice.next().Verb != wire.Told {
				}
			}
			if bob.resume(r, networks[2]); r.Stats().SlowCuts > 0 {
				t.Error("someone was cut off who had taken everything")
			}
			gone := 0
			for _, eve := range eves {
				server, _ := networks[2].connect(t)
				if _, err := r.Resume(server, eve.token, eve.seq); err != nil {
					refused(t, err, wire.Resume, wire.CodeGone)
					gone++
				}
			}
			if gone < 10 || gone == len(eves) {
				t.Errorf("%d of %d cannot be resumed", gone, len(eves))
			}
		})
	}
}

// Those who are here and hold most because they do not read are cut off.
func TestWhoReadsNothingLoses(t *testing.T) {
	const budget = 2 << 20
	r := newRoom(t, deliver.Config{})
	r.SetBudget(budget)
	user := wire.Message{Verb: wire.User, Name: []byte(strings.Repeat("x", 100))}
	answer := slices.Repeat([]wire.Message{user}, 4000) // more than is being written
	r.addr = "10.0.0.1"
	alice := join(t, r, networks[2], "alice")
	alice.conn.Reply(answer[:2600]...)
	r.addr = "10.0.0.2"
	var eves []*client
	for i := range 20 {
		eves = append(eves, join(t, r, networks[2], fmt.Sprint("eve", i)))
		eves[i].conn.Reply(answer...)
		if cost := r.Cost(); cost > budget {
			t.Fatalf("the cost is %d, the budget %d", cost, budget)
		}
	}
	for range 2600 {
		for alice.next().Verb != wire.User {
		}
	}
	if cuts := r.Stats().SlowCuts; cuts < 5 || cuts == uint64(len(eves)) {
		t.Errorf("%d of %d were cut off", cuts, len(eves))
	}
	cut := slices.IndexFunc(eves, func(c *client) bool { return c.conn.Reply() != nil })
	_, others := eves[cut].collect()
	want := []string{"ERROR - too-slow you lag too far behind the conversation",
		"BYE the session can be resumed"}
	if n := len(others); n < 2 || !slices.Equal(want, others[n-2:]) {
		t.Errorf("the one that was cut off was told %q, want %q", others[max(0, n-2):], want)
	}
}

// What a connection that does not read keeps alive of the stream is released with it, or a little later: not
// when its client has had the time to take the last lines.
func TestStreamIsReleased(t *testing.T) {
	const (
		apart = 1 << 20 // bytes of the stream between one connection and the next
		slack = 8 << 20 // bytes: much more than what the sessions take
	)
	ends := map[string]func(c *client){
		"cut off": func(*client) {},
		"quit":    func(c *client) { c.conn.Quit() },
		"lost":    func(c *client) { c.conn.Lost("cut") },
	}
	for name, end := range ends {
		for _, n := range []network{networks[0], networks[2]} {
			t.Run(name+" "+n.name, func(t *testing.T) {
				r := newRoom(t, deliver.Config{})
				sender := join(t, r, n, "sender")
				text := []byte(strings.Repeat("x", 4000))
				before := measure()
				for i := range 100 {
					end(hello(t, r, n, fmt.Sprint("slow", i), wire.MaxHistory))
					for range apart / len(text) {
						seq, err := sender.conn.Say(text)
						if err != nil {
							t.Fatal(err)
						}
						for sender.next().Verb != wire.OK {
						}
						sender.conn.Ack(seq)
					}
				}
				after := measure()
				if after.heap > before.heap+retention+lagLimit+slack {
					t.Errorf("the heap has grown by %d MiB", (after.heap-before.heap)>>20)
				}
			})
		}
	}
}

// A session that speaks on another server keeps little here.
func TestElsewhere(t *testing.T) {
	r := newRoom(t, deliver.Config{})
	r.propose(room.Entry{Kind: room.Join, Name: []byte("alice"), Token: hash("token")})
	id := uint64(0)
	r.View(func(v *room.Room) { id = v.Named([]byte("alice")).ID })
	for i := range uint64(100_000) {
		r.propose(room.Entry{Kind: room.Say, Session: id, Number: i + 1, Text: []byte("hello")})
	}
	if cost := r.Cost(); cost == 0 || cost > 5<<20 {
		t.Errorf("the cost is %d", cost)
	}
}
