package asynclog_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"parley/server/internal/asynclog"
)

const (
	gib     = 1 << 30
	seconds = 24 * 60 * 60 // of a day
)

// A flood is so many lines of some length in a second, all by one source.
type flood struct {
	source asynclog.Source
	kind   string
	lines  int
	bytes  int
}

// run writes the lines of floods for some seconds of the bubble's time.
func run(b *asynclog.Budget, floods []flood, seconds int) {
	for range seconds {
		time.Sleep(time.Second)
		synctest.Wait()
		for _, f := range floods {
			line := []byte(strings.Repeat("x", f.bytes-1) + "\n")
			for range f.lines {
				b.Line(f.source, f.kind, time.Now(), line)
			}
		}
	}
}

func stranger(addr string) asynclog.Source {
	return asynclog.Source{Class: asynclog.Stranger, Addr: addr}
}

func member(addr string) asynclog.Source {
	return asynclog.Source{Class: asynclog.Member, Addr: addr}
}

// However much is written, by however many, a day's growth stays below what was asked for, even if the day
// before was idle.
func TestDayOfAttack(t *testing.T) {
	var floods []flood
	for i := range 100 {
		addr := fmt.Sprint("10.0.0.", i)
		floods = append(floods,
			flood{stranger(addr), "connection", 2, 100}, flood{member(addr), "broadcast", 1, 9000})
	}
	for i := range 15 {
		floods = append(floods, flood{asynclog.Source{}, fmt.Sprint("kind ", i), 2, 200})
	}
	const perDay, step = gib, 60 // seconds in which what a second brings is more than enough
	synctest.Test(t, func(t *testing.T) {
		var grown counter
		b := asynclog.NewBudget(&grown, perDay)
		run(b, scaled(floods, 200), 10) // uses up what was saved
		first := grown.Load()
		for range seconds / step {
			run(b, floods, 1)
			time.Sleep((step - 1) * time.Second)
		}
		b.Close()
		if n := grown.Load(); n > perDay || n < perDay/2 {
			t.Errorf("the log grew by %d bytes, of them %d at once; want at most %d and more than half",
				n, first, perDay)
		}
	})
}

func scaled(floods []flood, by int) (more []flood) {
	for _, f := range floods {
		f.lines *= by
		more = append(more, f)
	}
	return more
}

// A counter counts the bytes that it takes.
type counter struct{ atomic.Int64 }

func (c *counter) Write(p []byte) (int, error) {
	c.Add(int64(len(p)))
	return len(p), nil
}

// A hundred people who each say something every ten seconds lose no line, all day and night; nor do they
// if all of them are at one address and sleep for half of the day.
func TestBusyDay(t *testing.T) {
	const people, line = 100, 190
	for name, test := range map[string]struct {
		hours int
		addr  func(i int) string
	}{
		"apart":    {24, func(i int) string { return fmt.Sprint("10.0.0.", i) }},
		"together": {12, func(int) string { return "10.0.0.1" }},
		"here":     {24, func(int) string { return "127.0.0.1" }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var grown counter
				b := asynclog.NewBudget(&grown, gib)
				text := []byte(strings.Repeat("x", line-1) + "\n")
				for range test.hours * 360 {
					for i := range people {
						b.Line(member(test.addr(i)), "broadcast", time.Now(), text)
					}
					time.Sleep(10 * time.Second)
				}
				b.Close()
				if want := int64(test.hours * 360 * people * line); grown.Load() != want {
					t.Errorf("the log has %d bytes, want %d", grown.Load(), want)
				}
			})
		})
	}
}

// Whoever floods the log leaves room for the others: at other addresses, of the other class and the server.
func TestFloodTakesNobodysPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p place
		b := asynclog.NewBudget(&p, gib)
		for range 10 {
			run(b, []flood{
				{stranger("10.0.0.1"), "connection", 20_000, 100},
				{member("10.0.0.1"), "broadcast", 1000, 9000},
				{asynclog.Source{}, "cannot accept", 20_000, 100},
			}, 1)
		}
		for _, s := range []asynclog.Source{stranger("10.0.0.2"), member("10.0.0.2"), {}} {
			b.Line(s, "other", time.Now(), fmt.Appendf(nil, "here is %v %v\n", s.Class, s.Addr))
		}
		b.Close()
		for _, want := range []string{"here is 1 10.0.0.2\n", "here is 2 10.0.0.2\n", "here is 0 \n"} {
			if !strings.Contains(p.String(), want) {
				t.Errorf("missing: %s", want)
			}
		}
	})
}

// What was left out is counted by kind and address, ten seconds after the first such line and at the end.
func TestSummary(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p place
		b := asynclog.NewBudget(&p, 1<<20) // 256 bytes of a stranger at once
		line := bytes.Repeat([]byte("x"), 1000)
		line[999] = '\n'
		for range 3 {
			for i := range 8 {
				b.Line(stranger(fmt.Sprint("10.0.0.", i)), "connection", time.Now(), line)
			}
		}
		b.Line(stranger("10.0.0.1"), "two words", time.Now(), line)
		time.Sleep(9 * time.Second)
		synctest.Wait()
		if strings.Contains(p.String(), "left out") {
			t.Error("the summary comes early")
		}
		time.Sleep(time.Second)
		synctest.Wait()
		const summary = `time=TIME level=WARN msg="lines left out" `
		got := untimed(p.String()[8*1000:])
		want := summary + `count=17 bytes=17000 connection=16 "two words"=1 ` +
			`from="10.0.0.1: 3, 10.0.0.0: 2, 10.0.0.2: 2, 10.0.0.3: 2, 10.0.0.4: 2, others: 6"` + "\n"
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("after ten seconds (-want +got):\n%s", diff)
		}
		b.Line(stranger("10.0.0.1"), "connection", time.Now(), line)
		b.Close()
		b.Line(stranger("10.0.0.1"), "connection", time.Now(), []byte("the end\n"))
		want += summary + `count=1 bytes=1000 connection=1 from="10.0.0.1: 1"` + "\nthe end\n"
		if diff := cmp.Diff(want, untimed(p.String()[8*1000:])); diff != "" {
			t.Errorf("at the end (-want +got):\n%s", diff)
		}
		time.Sleep(time.Minute) // no timer is left
	})
}

// Many addresses take little memory, and one more is not worse off than those before it once they are quiet.
func TestManyAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p place
		b := asynclog.NewBudget(&p, 64<<30)
		for i := range 100_000 {
			b.Line(stranger(fmt.Sprint("2001:db8:", i)), "connection", time.Now(), []byte("x\n"))
		}
		if n := asynclog.Accounts(b); n > 10_001 {
			t.Errorf("%d accounts for 100000 addresses", n)
		}
		time.Sleep(time.Minute)
		b.Line(stranger("10.0.0.1"), "connection", time.Now(), []byte("one more\n"))
		if n := asynclog.Accounts(b); n > 10 {
			t.Errorf("%d accounts, want that of the last address and few others", n)
		}
		b.Close()
	})
}

// The lines of a logger belong to whom their attributes name, and look as they do without a budget.
func TestHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p place
		b := asynclog.NewBudget(&p, 1<<20)
		log := slog.New(b.Handler(func(addr string) string { return strings.TrimSuffix(addr, ":1") }))
		long := strings.Repeat("x", 1000)
		for range 2 {
			log.Info("refused", "addr", "10.0.0.1:1", "text", long)
			log.With("source", member("10.0.0.1"), "name", "bob").Info("listed", "text", long)
			log.Info("left", "source", stranger("10.0.0.2"), "text", long)
			log.Error("crash", "stack", long+long)
		}
		b.Close()
		want := `refused addr=10.0.0.1:1 text=x
			listed name=bob text=x
			left text=x
			crash stack=x
			listed name=bob text=x
			"lines left out" count=3 bytes=B crash=1 left=1 refused=1 from="10.0.0.1: 1, 10.0.0.2: 1"
		`
		got := regexp.MustCompile(`time=\S+ level=\S+ msg=`).ReplaceAllString(p.String(), "")
		got = regexp.MustCompile(`x+\n`).ReplaceAllString(got, "x\n")
		got = regexp.MustCompile(`bytes=\d+`).ReplaceAllString(got, "bytes=B")
		if diff := cmp.Diff(strings.ReplaceAll(want, "\t", ""), got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// A terminal shows what a person can read, then a count, and goes on by itself when the flood is over.
func TestScreen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p place
		b := asynclog.NewScreen(&p, func(n int) string { return fmt.Sprintf("... and %d more", n) })
		for range 60 {
			for range 100 {
				b.Line(stranger(""), "", time.Now(), []byte("connection from 203.0.113.100:50000\n"))
			}
			time.Sleep(time.Second)
			synctest.Wait()
		}
		flood := strings.Count(p.String(), "\n")
		if flood < 60 || flood > 130 || !strings.Contains(p.String(), "... and 99") {
			t.Errorf("%d lines in a minute of a flood", flood)
		}
		time.Sleep(time.Minute)
		b.Line(stranger(""), "", time.Now(), []byte("bob has joined\n"))
		if !strings.HasSuffix(p.String(), "bob has joined\n") {
			t.Error("a line after the flood is not shown")
		}
		b.Close()
	})
}

// Lines that come a little late earn nothing, and a clock that was set back does not stop the log.
func TestClock(t *testing.T) {
	var p place
	b := asynclog.NewBudget(&p, gib)
	now := time.Now()
	line := []byte(strings.Repeat("x", 9999) + "\n")
	count := func() int { return len(p.String()) / len(line) }
	const most = gib/4096/10_000 + 1
	for range 10_000 {
		b.Line(stranger("10.0.0.1"), "connection", now, line)
		b.Line(stranger("10.0.0.1"), "connection", now.Add(-time.Second), line)
	}
	if n := count(); n != most {
		t.Errorf("%d lines at one time and a second before, want %d", n, most)
	}
	for range 100 { // yesterday
		b.Line(stranger("10.0.0.1"), "connection", now.Add(-24*time.Hour), line)
	}
	if n := count(); n != most {
		t.Errorf("%d lines after the clock was set back, want %d", n, most)
	}
	b.Line(stranger("10.0.0.1"), "connection", now.Add(-23*time.Hour), line)
	if n := count(); n != most+1 {
		t.Errorf("%d lines an hour after the clock was set back, want %d", n, most+1)
	}
	b.Close()
}
