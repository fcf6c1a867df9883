package asynclog_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"parley/server/internal/asynclog"
)

// A disk is a place with room for so many bytes. A write that is too long for it is done in part.
type disk struct {
	mu   sync.Mutex
	text string
	room int
}

var errFull = errors.New("disk full")

func (d *disk) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := min(len(p), d.room)
	d.text += string(p[:n])
	d.room -= n
	if n < len(p) {
		return n, errFull
	}
	return n, nil
}

func (d *disk) makeRoom(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.room = n
}

// check compares what the disk has, but for times.
func (d *disk) check(t *testing.T, want string) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	if got := untimed(d.text); got != want {
		t.Errorf("%d bytes that end with %q, want %d that end with %q", len(got), tail(got), len(want),
			tail(want))
	}
}

func tail(s string) string { return s[max(0, len(s)-100):] }

// Lines that a full disk does not take are kept, and written from the byte where it stopped once there is
// room.
func TestFullDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := disk{room: 6} // ends within the second line
		reports := make(chan string, 10)
		w := asynclog.New(&d, none, func(err error) { reports <- fmt.Sprint(err) })
		wait := func() { // until what can be written is
			time.Sleep(time.Second) // in the bubble's time
			synctest.Wait()
		}
		w.Write([]byte("one\ntwo\n"))
		wait()
		w.Write([]byte("three\n"))
		wait()
		if got := <-reports; got != "disk full" || len(reports) > 0 {
			t.Errorf("reports %q and %d more while the disk is full", got, len(reports))
		}
		d.check(t, "one\ntw")
		d.makeRoom(1)
		wait()
		d.check(t, "one\ntwo")
		d.makeRoom(100)
		wait()
		d.check(t, "one\ntwo\nthree\n")
		if got := <-reports; got != "<nil>" || len(reports) > 0 {
			t.Errorf("reports %q and %d more when there is room again", got, len(reports))
		}
		if err := w.Close(); err != nil {
			t.Errorf("Close: %v, though nothing is missing", err)
		}
	})
}

// At the end there is one more try, and the error counts what is missing then.
func TestDiskStaysFull(t *testing.T) {
	for _, c := range []struct {
		room int // after Close has begun
		text string
		want string
	}{
		{0, "one\nt", "missing lines: 2: disk full"},
		{3, "one\ntwo\n", "missing lines: 1: disk full"},
		{100, "one\ntwo\nthree\n", "<nil>"},
	} {
		synctest.Test(t, func(t *testing.T) {
			d := disk{room: 5}
			w := asynclog.New(&d, none, silent)
			w.Write([]byte("one\ntwo\n"))
			synctest.Wait()
			w.Write([]byte("three\n"))
			d.makeRoom(c.room)
			if got := fmt.Sprint(w.Close()); got != c.want {
				t.Errorf("%d bytes of room: Close: %s, want %s", c.room, got, c.want)
			}
			d.check(t, c.text)
		})
	}
}

// While the disk is full as many lines are kept as memory allows. The number of the others stands in their
// place.
func TestDiskFullForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d disk
		w := asynclog.New(&d, none, silent)
		w.Write([]byte("first\n"))
		synctest.Wait() // it is being tried
		line := strings.Repeat("x", 1<<20-1) + "\n"
		for range 64 + 5 {
			w.Write([]byte(line))
		}
		d.makeRoom(1 << 30)
		time.Sleep(time.Second) // in the bubble's time
		synctest.Wait()
		w.Write([]byte("last\n"))
		if err := w.Close(); err == nil || err.Error() != "missing lines: 5: disk full" {
			t.Errorf("Close: %v, want that 5 lines are missing", err)
		}
		d.check(t, "first\n"+strings.Repeat(line, 64)+missing(5)+"last\n")
	})
}

// A place that takes nothing any more, such as a stopped terminal, does not keep the program from its end.
func TestCloseOfBlockedPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := place{blocked: make(chan struct{})}
		w := asynclog.New(&p, none, silent)
		w.Write([]byte("x\n"))
		began := time.Now()
		if err := w.Close(); err == nil || time.Since(began) != 5*time.Second {
			t.Errorf("Close: %v after %v, want an error after 5s", err, time.Since(began))
		}
		close(p.blocked)
		time.Sleep(time.Second) // in the bubble's time: its goroutine ends then
	})
}

// A panic in the place ends the log, not the program, and Close does not wait for it.
func TestPanickingPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		caught := make(chan any, 1)
		w := asynclog.New(panicking{}, func() { caught <- recover() }, silent)
		w.Write([]byte("x\n"))
		began := time.Now()
		w.Close()
		if took := time.Since(began); took != 0 {
			t.Errorf("Close took %v", took)
		}
		if got := <-caught; got != "broken" {
			t.Errorf("the guard got %v", got)
		}
	})
}

type panicking struct{}

func (panicking) Write([]byte) (int, error) { panic("broken") }
