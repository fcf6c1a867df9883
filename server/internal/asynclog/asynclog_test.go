package asynclog_test

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"parley/server/internal/asynclog"
)

// A place is what a Writer writes to. It takes nothing while it is blocked.
type place struct {
	mu      sync.Mutex
	text    bytes.Buffer
	writes  int
	entered chan struct{} // if not nil, gets an element for each write that begins
	blocked chan struct{} // if not nil, writes wait until it is closed
}

func (p *place) Write(b []byte) (int, error) {
	if p.entered != nil {
		p.entered <- struct{}{}
	}
	if p.blocked != nil {
		<-p.blocked
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.writes++
	return p.text.Write(b)
}

func (p *place) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

func none() {}

func silent(error) {}

// Lines keep their order, whoever writes them, and all are there after Close.
func TestOrder(t *testing.T) {
	const writers, lines = 8, 1000
	var p place
	w := asynclog.New(&p, none, silent)
	var writing sync.WaitGroup
	for i := range writers {
		writing.Go(func() {
			for j := range lines {
				fmt.Fprintf(w, "%d %d\n", i, j)
			}
		})
	}
	writing.Wait()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	var next [writers]int
	for _, line := range strings.Split(strings.TrimSuffix(p.String(), "\n"), "\n") {
		var i, j int
		if _, err := fmt.Sscanf(line, "%d %d", &i, &j); err != nil || i >= writers {
			t.Fatalf("%q: %v", line, err)
		}
		if j != next[i] {
			t.Fatalf("line %d of writer %d comes where %d belongs", j, i, next[i])
		}
		next[i]++
	}
	for i, n := range next {
		if n != lines {
			t.Errorf("%d lines of writer %d, want %d", n, i, lines)
		}
	}
	if p.writes > 1000 {
		t.Errorf("%d lines took %d writes", writers*lines, p.writes)
	}
}

// A line is written by itself, soon, without another one after it.
func TestLineIsWrittenSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p place
		w := asynclog.New(&p, none, silent)
		for i := range 3 {
			fmt.Fprintf(w, "%d\n", i)
			time.Sleep(100 * time.Millisecond) // what a kill may lose at most, in the bubble's time
			synctest.Wait()
			if diff := cmp.Diff("0\n1\n2\n"[:2*i+2], p.String()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
}

// The slice that is written belongs to who writes it.
func TestWriteKeepsNothing(t *testing.T) {
	var p place
	w := asynclog.New(&p, none, silent)
	line := []byte("one\n")
	w.Write(line)
	copy(line, "two\n")
	w.Write(line)
	w.Close()
	if diff := cmp.Diff("one\ntwo\n", p.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Write does not wait for a place that takes nothing. Lines beyond the limit are counted, and the count
// stands in their place.
func TestBlockedPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // so that a slow machine does not count
		const held = 64 << 20 // bytes that may wait
		p := place{blocked: make(chan struct{}), entered: make(chan struct{}, 100)}
		w := asynclog.New(&p, none, silent)
		w.Write([]byte("first\n"))
		<-p.entered // from here on nothing moves
		line := []byte(strings.Repeat("x", 1<<20-1) + "\n")
		for range held/len(line) + 3 {
			if n, err := w.Write(line); n != len(line) || err != nil {
				t.Fatalf("Write = %d, %v", n, err)
			}
		}
		close(p.blocked)
		if err := w.Close(); err == nil || err.Error() != "missing lines: 3: the disk was too slow" {
			t.Errorf("Close: %v, want that 3 lines are missing", err)
		}
		want := "first\n" + strings.Repeat(string(line), held/len(line)) + missing(3)
		if got := untimed(p.String()); got != want {
			t.Errorf("%d bytes that end with %q, want %d that end with %q", len(got), tail(got), len(want),
				tail(want))
		}
	})
}

// What came after the missing lines is not lost with them, and the count of lines stays true.
func TestOverflowIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // so that a slow machine does not count
		p := place{blocked: make(chan struct{}), entered: make(chan struct{}, 100)}
		w := asynclog.New(&p, none, silent)
		w.Write([]byte("first\n"))
		<-p.entered
		line := []byte(strings.Repeat("x", 32<<20-10) + "\n") // which leaves room for 18 bytes
		w.Write(line)
		w.Write(line)
		w.Write([]byte("lost with another line\nlost too\n"))
		w.Write([]byte("lost\n")) // though there is room for it
		close(p.blocked)
		<-p.entered // what was held has been taken
		w.Write([]byte("last\n"))
		w.Close()
		if got := p.String(); !strings.HasSuffix(untimed(got), "xx\n"+missing(3)+"last\n") {
			t.Errorf("it ends with %q", got[len(got)-80:])
		}
	})
}

// missing is the line of the log that says so, without its time.
func missing(n int) string {
	return fmt.Sprintf("time=TIME level=ERROR msg=\"lines dropped: the disk was too slow\" count=%d\n", n)
}

func untimed(text string) string {
	return regexp.MustCompile(`time=\S+`).ReplaceAllString(text, "time=TIME")
}

func BenchmarkWrite(b *testing.B) {
	w := asynclog.New(io.Discard, none, silent)
	line := []byte(strings.Repeat("x", 100) + "\n")
	b.ReportAllocs()
	for b.Loop() {
		w.Write(line)
	}
	w.Close()
}
