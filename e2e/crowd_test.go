package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// A host is a server for crowds, with its counters.
type host struct {
	t         *testing.T
	server    *actor
	addr, own string // where clients connect, and where the counters are
}

func newHost(t *testing.T, flags ...string) *host {
	t.Helper()
	if onWindows() {
		t.Skip("the memory and the thousands of connections would be Wine's")
	}
	if err := build(); err != nil {
		t.Fatal(err)
	}
	line := program("server", append(flags, "-debug", "0", "127.0.0.1:0")...)
	cmd := exec.Command(line[0], line[1:]...)
	cmd.Dir = t.TempDir()
	server, err := newProgram("server", cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		server.reap()
		if trouble := server.trouble(); trouble != "" {
			t.Error(trouble)
		}
	})
	h := &host{t: t, server: server}
	for _, want := range []struct {
		pattern string
		addr    *string
	}{{`^listening on (\S+)$`, &h.addr}, {`^debugging on http://([^/]+)/`, &h.own}} {
		m, err := server.out.expect(regexp.MustCompile(want.pattern), patience())
		if err != nil {
			t.Fatalf("%v\n%s", err, server.describe())
		}
		*want.addr = m[1]
	}
	return h
}

// counters are the server's own.
type counters struct {
	Parley   struct{ Sessions, SlowCuts int }
	Memstats struct{ HeapInuse, StackInuse int } // bytes
}

func (h *host) counters() (c counters) {
	h.t.Helper()
	r, err := http.Get("http://" + h.own + "/debug/vars")
	if err == nil {
		defer r.Body.Close()
		err = json.NewDecoder(r.Body).Decode(&c)
	}
	if err != nil {
		h.t.Fatal(err)
	}
	return c
}

// memory returns the bytes of heap and stacks in use after a garbage collection.
func (h *host) memory() int {
	h.t.Helper()
	r, err := http.Get("http://" + h.own + "/debug/pprof/heap?gc=1")
	if err != nil {
		h.t.Fatal(err)
	}
	io.Copy(io.Discard, r.Body)
	r.Body.Close()
	c := h.counters()
	return c.Memstats.HeapInuse + c.Memstats.StackInuse
}

// expectMemory waits until no more than so many bytes above what was in use before are in use again.
func (h *host) expectMemory(before, more int) {
	h.t.Helper()
	after := h.memory()
	for begun := time.Now(); after > before+more && time.Since(begun) < patience(); {
		after = h.memory()
	}
	if after > before+more {
		h.t.Errorf("the server's memory grew from %d to %d bytes", before, after)
	}
}

// A guest is a connection that speaks the protocol.
type guest struct {
	t     *testing.T
	nc    *net.TCPConn
	lines *bufio.Reader
}

func (h *host) dial() *net.TCPConn {
	nc, err := net.Dial("tcp", h.addr)
	if err != nil {
		h.t.Error(err)
		return nil
	}
	nc.(*net.TCPConn).SetLinger(0) // so that thousands of ports are free again at once
	return nc.(*net.TCPConn)
}

// join joins. The server drops a connection that says nothing before a thousand others have come, so it tries
// again.
func (h *host) join(name string) *guest {
	h.t.Helper()
	for begun := time.Now(); time.Since(begun) < patience(); {
		g := &guest{t: h.t, nc: h.dial()}
		if g.nc == nil {
			break
		}
		g.nc.SetReadDeadline(time.Now().Add(patience()))
		g.lines = bufio.NewReaderSize(g.nc, 1<<20)
		fmt.Fprintf(g.nc, "HELLO parley/1 %s 0\n", name)
		if line, _ := g.lines.ReadString('\n'); strings.HasPrefix(line, "WELCOME ") {
			h.t.Cleanup(func() { g.nc.Close() })
			return g
		}
		g.nc.Close()
	}
	h.t.Fatal("cannot join")
	return nil
}

func (g *guest) send(format string, args ...any) {
	g.t.Helper()
	if _, err := fmt.Fprintf(g.nc, format, args...); err != nil {
		g.t.Fatal(err)
	}
}

// expect reads on until a line that begins with want.
func (g *guest) expect(want string) {
	g.t.Helper()
	g.nc.SetReadDeadline(time.Now().Add(patience()))
	for {
		line, err := g.lines.ReadString('\n')
		if err != nil {
			g.t.Fatalf("%v before %s", err, want)
		}
		if strings.HasPrefix(line, want) {
			return
		}
	}
}

// Ten thousand connections that never say HELLO, made as fast as one address can, keep nobody out and leave
// nothing behind.
func TestStrangers(t *testing.T) {
	const strangers, held, dialers = 10_000, 500, 4
	h := newHost(t)
	alice := h.join("alice")
	before := h.memory()
	var dialing sync.WaitGroup
	begun := time.Now()
	for range dialers {
		dialing.Go(func() {
			var open [held]*net.TCPConn
			for i := range strangers / dialers {
				if old := open[i%held]; old != nil {
					old.Close()
				}
				open[i%held] = h.dial()
				if open[i%held] == nil {
					return
				}
				open[i%held].Write([]byte("H")) // and never the rest
			}
			for _, nc := range open {
				nc.Close()
			}
		})
	}
	for i := range 20 { // meanwhile
		bob := h.join(fmt.Sprint("bob", i))
		bob.send("SAY hello %d\nQUIT\n", i)
		bob.expect("BYE ")
		alice.expect("SAID ")
	}
	dialing.Wait()
	t.Logf("%d connections in %v", strangers, time.Since(begun).Round(time.Millisecond))
	alice.send("PING 0\n")
	alice.expect("PONG")
	if c := h.counters(); c.Parley.Sessions != 1 {
		t.Errorf("%d sessions, want alice's alone", c.Parley.Sessions)
	}
	const most = 16 << 20 // bytes
	h.expectMemory(before, most)
}

// Two thousand clients that stop reading are cut off, cost little more than the conversation itself, and
// nobody else notices.
func TestStalledClients(t *testing.T) {
	const stalled, messages = 2000, 60_000
	h := newHost(t, "-rate", "0", "-grace", "1h")
	for i := range stalled {
		nc := h.dial()
		if nc == nil {
			t.FailNow()
		}
		defer nc.Close()
		nc.SetReadBuffer(4 << 10) // so that the system does not read for them
		fmt.Fprintf(nc, "HELLO parley/1 stalled%d 0\n", i)
		nc.SetReadDeadline(time.Now().Add(patience()))
		var begin [8]byte
		// and nothing after it
		if _, err := io.ReadFull(nc, begin[:]); err != nil || string(begin[:]) != "WELCOME " {
			t.Fatalf("client %d got %q, %v", i, begin, err)
		}
	}
	alice, bob := h.join("alice"), h.join("bob")
	before := h.memory()
	text := strings.Repeat("x", 1000)
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		io.Copy(io.Discard, bob.lines)
	}()
	// 60 MB, several times what a session may lag behind and what the system holds for each; no faster than
	// Alice reads.
	for i := range messages {
		if i%1000 == 0 {
			var batch strings.Builder
			for n := range 1000 {
				fmt.Fprintf(&batch, "SAY %d %s\n", i+n, text)
			}
			bob.send("%s", batch.String())
		}
		alice.nc.SetReadDeadline(time.Now().Add(patience()))
		for {
			line, err := alice.lines.ReadString('\n')
			if err != nil {
				t.Fatalf("after %d messages: %v", i, err)
			}
			if fields := strings.SplitN(line, " ", 6); fields[0] == "SAID" {
				if fields[4] != fmt.Sprint(i) {
					t.Fatalf("message %s where %d belongs", fields[4], i)
				}
				break
			}
		}
	}
	c := h.counters()
	if c.Parley.SlowCuts != stalled || c.Parley.Sessions != 2 {
		t.Errorf("%d were cut and %d are here, want %d and 2", c.Parley.SlowCuts, c.Parley.Sessions, stalled)
	}
	// bytes: the log's retention, twice for the collector, and the stalled sessions, which may come back
	const most = 64 << 20
	h.expectMemory(before, most)
	bob.nc.Close()
	<-answered
}
