package files_test

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"parley/server/internal/deliver"
	"parley/server/internal/eventlog"
	"parley/server/internal/files"
	"parley/server/internal/room"
	"parley/server/internal/serve"
)

// A disk is one that answers or does not.
type disk struct {
	uses    atomic.Int64  // that it has not answered
	used    chan struct{} // gets an element with each use
	release func()
}

// hang has the folder's disk answer no more until release is called, or the test ends.
func hang(t *testing.T, folder *files.Folder) *disk {
	d := &disk{used: make(chan struct{}, 1000)}
	answers := make(chan struct{})
	d.release = sync.OnceFunc(func() { close(answers) })
	t.Cleanup(d.release)
	folder.SetDisk(func() {
		d.uses.Add(1)
		d.used <- struct{}{}
		<-answers
		d.uses.Add(-1)
	})
	return d
}

// A host serves folder to sockets.
type host struct {
	t        *testing.T
	hub      *deliver.Hub
	listener net.Listener
	server   *serve.Server
	done     sync.WaitGroup
}

func serveFolder(t *testing.T, folder *files.Folder, rate float64) *host {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &host{t: t, listener: listener}
	h.hub = deliver.New(deliver.Config{MaxSessions: 1000, Grace: time.Hour, Idle: time.Hour, Guard: func() {},
		Audit: func(*room.Entry, *room.Outcome, net.Addr) {}})
	h.server = &serve.Server{Hub: h.hub, Propose: eventlog.Memory(h.hub).Propose,
		Stuck: func() error { return nil }, Folder: folder, Log: quiet,
		Show: func(string) {}, Guard: func() {}, Idle: time.Hour, Rate: rate}
	h.hub.Start(h.server.Propose)
	h.done.Go(func() {
		for {
			nc, err := listener.Accept()
			if err != nil {
				return
			}
			h.server.Start(nc)
		}
	})
	t.Cleanup(h.end)
	return h
}

// end ends the server as an operator does.
func (h *host) end() {
	h.listener.Close()
	h.hub.Close("the test ends", true)
	h.done.Wait()
	h.server.Wait()
}

// A guest is a connection that has joined.
type guest struct {
	t     *testing.T
	nc    net.Conn
	lines *bufio.Reader
}

func (h *host) join(name string) *guest {
	h.t.Helper()
	nc, err := net.Dial("tcp", h.listener.Addr().String())
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { nc.Close() })
	nc.SetReadDeadline(time.Now().Add(time.Minute))
	g := &guest{h.t, nc, bufio.NewReader(nc)}
	g.send("HELLO parley/1 %s 0\n", name)
	g.expect("WELCOME")
	return g
}

func (g *guest) send(format string, args ...any) { fmt.Fprintf(g.nc, format, args...) }

// expect reads up to a line that begins with each of these, and returns the last one.
func (g *guest) expect(begins ...string) (line string) {
	g.t.Helper()
	for _, b := range begins {
		for line = ""; !strings.HasPrefix(line, b); {
			var err error
			line, err = g.lines.ReadString('\n')
			if err != nil {
				g.t.Fatalf("waiting for %s: %v", b, err)
			}
		}
	}
	return strings.TrimSuffix(line, "\n")
}

// A disk that does not answer holds up FILES and GET and nothing else: not the session that asked, nor
// others, nor the end.
func TestDiskThatDoesNotAnswer(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "f", "content\n")
	folder := open(t, dir)
	h := serveFolder(t, folder, 0)
	alice, bob := h.join("alice"), h.join("bob")
	d := hang(t, folder)
	for _, g := range []*guest{alice, bob} {
		g.send("FILES\nGET 0 - f\nFILES\nGET 0 - f\n")
	}
	alice.send("SAY hello\nTELL bob psst\nWHO\nPING 0\n")
	alice.expect("OK", "OK", "USERS 2", "USER alice", "USER bob", "PONG")
	bob.expect("SAID", "TOLD")
	bob.send("STOP\n")
	bob.expect("ERROR GET stopped", "ERROR GET stopped")
	bob.send("SAY bye\nQUIT\n")
	bob.expect("OK", "BYE")
	alice.expect("SAID")

	// When it answers again, all comes that was asked for.
	d.release()
	alice.expect("SENT")
	alice.send("STOP\nFILES\nPING 0\n")
	alice.expect("PONG")
}

// However many ask a disk that does not answer, few wait for it, and the end of the server does not.
func TestManyAskDiskThatDoesNotAnswer(t *testing.T) {
	const guests, most = 100, 64
	dir := t.TempDir()
	put(t, dir, "f", "content\n")
	folder := open(t, dir)
	h := serveFolder(t, folder, 0)
	d := hang(t, folder)
	for i := range guests {
		g := h.join(fmt.Sprint("guest", i))
		g.send("GET 0 - f\nFILES\nGET 0 - f\nFILES\nPING 0\n")
		g.expect("PONG")
	}
	for range most + 1 {
		<-d.used
	}
	began := time.Now()
	h.end()
	if took := time.Since(began); took > 8*time.Second {
		t.Errorf("the end took %v", took)
	}
	if n := d.uses.Load(); n != most+1 {
		t.Errorf("%d wait for the disk, want one list and %d downloads", n, most)
	}
	began = time.Now()
	folder.Close()
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("to close the folder took %v", took)
	}
}

// A list that is asked for while another is made is made after that: it shows what was put there meanwhile.
func TestListIsMadeAfterItWasAskedFor(t *testing.T) {
	dir := t.TempDir()
	folder := open(t, dir)
	d := hang(t, folder)
	lists := make(chan files.Listing)
	for range 20 {
		go func() {
			l, _ := folder.List(nil)
			lists <- l
		}()
	}
	<-d.used
	put(t, dir, "new", "x")
	go func() {
		l, _ := folder.List(nil)
		if len(l.Files) != 1 {
			t.Errorf("a list that was asked for later holds %v", l)
		}
		lists <- l
	}()
	d.release()
	for range 21 {
		<-lists
	}
	stopped := make(chan struct{})
	close(stopped)
	hang(t, folder)
	if _, err := folder.List(stopped); err != files.ErrStopped {
		t.Errorf("%v, want that nobody waits", err)
	}
}

// GETs that wait for each other do not count as lines that are sent too fast; those that fail do.
func TestRateOfGets(t *testing.T) {
	const count, rate = 500, 10
	dir := t.TempDir()
	put(t, dir, "f", "content\n")
	h := serveFolder(t, open(t, dir), rate)
	alice := h.join("alice")
	began := time.Now()
	for range count {
		alice.send("GET 0 - f\n")
		alice.expect("SENT")
	}
	if took := time.Since(began); took > count/rate*time.Second/2 {
		t.Errorf("%d small files took %v", count, took)
	}
	began = time.Now()
	const burst, more = rate * 5, 20 // those that fail at once, and those that wait
	for range burst + more {
		alice.send("GET 0 - none\n")
		alice.expect("ERROR GET no-file")
	}
	if took := time.Since(began); took < time.Second {
		t.Errorf("%d files that are not there took %v, want more than a second", burst+more, took)
	}
}
