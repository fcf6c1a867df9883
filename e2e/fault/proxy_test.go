package fault

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const testIdle = 100 * time.Millisecond

// pair returns the two ends of a connection.
func pair(t *testing.T) (near, far *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	a, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	b, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close(); b.Close() })
	return a.(*net.TCPConn), b.(*net.TCPConn)
}

// through runs a tunnel with the plan, whose faults have begun, and returns its two ends.
func through(t *testing.T, p plan) (client, server *net.TCPConn, f *Faults) {
	t.Helper()
	f = NewFaults(1, testIdle)
	proxy := &Proxy{faults: f, begun: make(chan struct{})}
	proxy.Begin()
	client, near := pair(t)
	server, far := pair(t)
	tunnel, done := newTunnel(proxy, near, far, p), make(chan struct{})
	go func() { tunnel.run(); close(done) }()
	t.Cleanup(func() { tunnel.end(); <-done })
	return client, server, f
}

// noise returns n bytes, always the same.
func noise(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{7}).Read(b) // which never fails
	return b
}

// A cut comes at its very byte, in each way and direction, and counts.
func TestCutAtByte(t *testing.T) {
	for _, at := range []int64{1, 2, 1000, 100_001} {
		for w := range countWays {
			client, server, f := through(t, plan{life: time.Hour, way: w, down: withCut(nil, at)})
			if _, err := client.Write([]byte("hello\n")); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(server, make([]byte, 6)); err != nil {
				t.Fatal(err)
			}
			go func() {
				_, _ = server.Write(noise(200_000)) // which the cut ends
				_, _ = io.Copy(io.Discard, server)  // until the client is gone
				server.Close()
			}()
			got, err := io.ReadAll(client)
			client.Close()
			switch {
			case w == reset && err == nil, w != reset && w != halfUp && err != nil:
				t.Errorf("way %d at %d: it ended with %v", w, at, err)
			case w == halfDown && int64(len(got)) != at:
				t.Errorf("way %d: %d bytes came, not %d", w, len(got), at)
			case w != halfUp && int64(len(got)) > at, !bytes.HasPrefix(noise(200_000), got):
				t.Errorf("way %d at %d: %d bytes came", w, at, len(got))
			case f.Cuts() != 1:
				t.Errorf("way %d at %d: %d cuts were counted", w, at, f.Cuts())
			}
		}
	}
}

// A cut before anything came back hit no live connection.
func TestCutEarly(t *testing.T) {
	client, _, f := through(t, plan{life: time.Hour, way: finish, up: withCut(nil, 3)})
	if _, err := client.Write([]byte("RESUME")); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Read(make([]byte, 1)); err == nil {
		t.Fatal("something came")
	}
	if f.Cuts() != 0 || f.early.Load() != 1 {
		t.Fatalf("%d cuts and %d early ones were counted", f.Cuts(), f.early.Load())
	}
}

// Pauses and torn writes change no byte, and half-closing goes through.
func TestTornButWhole(t *testing.T) {
	steps := []step{{at: 1, shred: 30}, {at: 50, pause: time.Millisecond}, {at: 1000, shred: 10},
		{at: 5000, pause: 2 * testIdle}}
	client, server, f := through(t, plan{life: time.Hour, up: steps, down: steps})
	for _, way := range []struct{ from, to *net.TCPConn }{{client, server}, {server, client}} {
		go func() {
			_, _ = way.from.Write(noise(300_000)) // the reader notices
			_ = way.from.CloseWrite()
		}()
		got, err := io.ReadAll(way.to)
		if err != nil || !bytes.Equal(got, noise(300_000)) {
			t.Fatalf("%d bytes came, with %v", len(got), err)
		}
	}
	if f.Cuts() != 0 || f.stalls.Load() != 1 { // once one side has ended it, nothing lives that could stall
		t.Fatalf("%d cuts and %d stalls were counted", f.Cuts(), f.stalls.Load())
	}
}

// Stop ends a pause.
func TestStopEndsPause(t *testing.T) {
	client, server, f := through(t, plan{life: time.Hour, up: []step{{at: 1, pause: time.Hour}}})
	if _, err := client.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	if _, err := server.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	f.Stop()
	if _, err := io.ReadFull(server, make([]byte, 4)); err != nil {
		t.Fatal(err)
	}
}

// A proxy carries everything until its faults begin; then it cuts.
func TestProxy(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(conn, conn); conn.Close() }() // until it is cut
		}
	}()
	f := NewFaults(3, testIdle)
	p, err := NewProxy(f, 1, l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for n := range int64(5) {
		conn, err := net.Dial("tcp", p.Addr())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if n == 0 {
			echo := make([]byte, 1<<20)
			go conn.Write(noise(len(echo)))
			if _, err := io.ReadFull(conn, echo); err != nil || !bytes.Equal(echo, noise(len(echo))) {
				t.Fatalf("it did not carry everything: %v", err)
			}
			p.Begin()
		}
		for err == nil { // the plan's time ends it at last
			_, _ = conn.Write([]byte("hello"))
			_, err = conn.Read(make([]byte, 100))
		}
		if got := f.Cuts() + f.early.Load(); got != n+1 {
			t.Fatalf("%d cuts after %d connections", got, n+1)
		}
	}
}

// A seed gives the same plans again, and plans have faults of every kind.
func TestPlans(t *testing.T) {
	ways := make(map[way]int)
	var stalls, shreds, upCuts, downCuts, early int
	for conn := range 2000 {
		p := newPlan(5, 3, conn, testIdle)
		again := newPlan(5, 3, conn, testIdle)
		if diff := cmp.Diff(p, again, cmp.AllowUnexported(plan{}, step{})); diff != "" {
			t.Fatalf("the same seed gives another plan (-first +second):\n%s", diff)
		}
		ways[p.way]++
		for i, list := range [][]step{p.up, p.down} {
			for _, s := range list {
				switch {
				case s.cut && i == 0:
					upCuts++
				case s.cut:
					downCuts++
				case s.pause > testIdle:
					stalls++
				case s.shred > 0:
					shreds++
				}
				if s.cut && s.at < 30 {
					early++
				}
			}
		}
	}
	for what, n := range map[string]int{"RST": ways[reset], "FIN": ways[finish],
		"FIN to the client": ways[halfDown], "FIN to the server": ways[halfUp],
		"stalls": stalls, "torn writes": shreds, "cuts of the way up": upCuts,
		"cuts of the way down": downCuts, "cuts of the first line": early} {
		if n < 50 {
			t.Errorf("only %d %s in 2000 plans", n, what)
		}
	}
}

// Each text says what it is, and no part of one is another.
func TestText(t *testing.T) {
	for n := range int32(300) {
		to := n%3 - 1
		s := text(7, to, n, int(n)*maxFill/300)
		if got := parseLine("c7: " + s); got != (Event{Said, 7, to, n}) {
			t.Fatalf("%q is taken for %+v", s, got)
		}
		for _, bad := range []string{s[:len(s)-1], s + "!", s[1:], "c8" + s[2:]} {
			if e := parseLine("c7: " + bad); e.Kind != Garbled {
				t.Fatalf("%q is taken for %+v", bad, e)
			}
		}
	}
}
