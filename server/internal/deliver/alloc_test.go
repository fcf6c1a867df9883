//go:build !race && (linux || darwin)

package deliver_test

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"parley/server/internal/deliver"
)

// lineCounter reads from c in a goroutine, without memory for each line, and counts the lines.
func (c *client) lineCounter() *atomic.Int64 {
	var lines atomic.Int64
	c.nc.SetReadDeadline(time.Time{})
	go func() {
		buf := make([]byte, 64<<10)
		for {
			n, err := c.nc.Read(buf)
			if err != nil {
				return
			}
			lines.Add(int64(bytes.Count(buf[:n], []byte("\n"))))
		}
	}()
	return &lines
}

// A crowd is a speaker, listeners, and for each how many lines it has got and is to get.
type crowd struct {
	t       testing.TB
	speaker *client
	got     []*atomic.Int64
	want    []int64
}

func newCrowd(t testing.TB, listeners int) *crowd {
	r := newRoom(t, deliver.Config{MaxSessions: listeners + 1})
	c := &crowd{t: t, speaker: join(t, r, networks[0], "speaker")}
	c.got, c.want = append(c.got, c.speaker.lineCounter()), append(c.want, int64(listeners))
	for i := range listeners {
		c.got = append(c.got, join(t, r, networks[0], fmt.Sprintf("listener%d", i)).lineCounter())
		c.want = append(c.want, int64(listeners-i-1)) // JOINED of those after it
	}
	return c
}

// speak says messages and waits until all have got them.
func (c *crowd) speak(text []byte, messages int) {
	for range messages {
		seq, err := c.speaker.conn.Say(text)
		if err != nil {
			c.t.Fatal(err)
		}
		c.speaker.conn.Ack(seq)
	}
	by := time.Now().Add(patience)
	for i := range c.got {
		for c.want[i] += int64(messages); c.got[i].Load() < c.want[i]; runtime.Gosched() {
			if time.Now().After(by) {
				c.t.Fatalf("%d of %d lines arrived", c.got[i].Load(), c.want[i])
			}
		}
	}
}

// A broadcast takes no memory but its place in the log, and its OK: shares of larger pieces, which are
// counted here.
func TestBroadcastAllocatesNothing(t *testing.T) {
	const listeners, messages = 100, 10_000
	c := newCrowd(t, listeners)
	text := []byte(strings.Repeat("x", 60))
	c.speak(text, messages) // buffers grow to their size
	allocs := testing.AllocsPerRun(5, func() { c.speak(text, messages) })
	if perMessage := allocs / messages; perMessage > 0.1 {
		t.Errorf("%.2f allocations for each message to %d sessions, want none but shares of large ones",
			perMessage, listeners)
	} else {
		t.Logf("%.4f allocations for each message to %d sessions", perMessage, listeners)
	}
}

// BenchmarkBroadcast is the whole way of a message to 100 sessions on this machine.
func BenchmarkBroadcast(b *testing.B) {
	c := newCrowd(b, 100)
	text := []byte(strings.Repeat("x", 60))
	b.ReportAllocs()
	b.ResetTimer()
	for n := b.N; n > 0; n -= 10_000 {
		c.speak(text, min(n, 10_000))
	}
	b.ReportMetric(float64(b.N)*float64(len(c.got))/b.Elapsed().Seconds(), "deliveries/s")
}
