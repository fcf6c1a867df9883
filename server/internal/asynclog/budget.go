package asynclog

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	summaryTime = 10 * time.Second    // from the first line that is left out to the line that says so
	maxSources  = 10_000              // sources that have an account of their own; the others share one
	disorder    = 60_000              // milliseconds that a line may come late
	maxNamed    = 5                   // addresses that a summary names
	maxCounted  = 1000                // addresses that are counted until the next summary
	sweepTime   = 1000                // milliseconds from one search for accounts without use to the next
	day         = 24 * 60 * 60 * 1000 // milliseconds
)

// A Class is a kind of sources.
type Class uint8

// The classes of sources. Strangers and members have budgets of their own: neither uses up that of the other.
const (
	Own      Class = iota // the server and its operator: they have an account for each kind of line
	Stranger              // those who have not joined; who comes and goes is also told at their expense
	Member                // those who have joined
	classes
)

// A Source is by whose doing a line is written. As an attribute of a log line it is not shown.
type Source struct {
	Class
	Addr string // without the port
}

// LogValue is part of slog.LogValuer.
func (Source) LogValue() slog.Value { return slog.GroupValue() }

// exempt reports whether all of the class may come from the source: from this machine, where a proxy may run.
func (s Source) exempt() bool { return s.Addr == "::1" || strings.HasPrefix(s.Addr, "127.") }

// A limit is bytes that can be written at once, and in a millisecond in the long run.
type limit struct{ burst, rate float64 }

// limits are those of a class, in all and for each source.
type limits struct{ all, each limit }

// logLimits divides the bytes that the log may grow by in a day. With 1 GiB the classes have
//
//	strangers  16 MiB at once and 1.5 KiB/s, each address 256 KiB and 97 B/s
//	members    64 MiB at once and 6.1 KiB/s, each address 16 MiB and 1.5 KiB/s
//	the server 16 MiB at once and 1.5 KiB/s, each kind of line 1 MiB and 97 B/s
//
// which is 864 MiB in a day, with what an idle day before has saved up, and 8 MiB for the summaries. A line
// may exceed what is left, so that none is too long to be written.
//
// A hundred busy people, each with a message of 100 bytes in 10 s all day and night, need 1.9 kB/s for lines
// of 190 bytes: less than a third of what members have. If all are behind one address, they can go on so for
// half a day. When all of them come back at once, that takes 30 kB of what strangers have.
func logLimits(perDay int64) *[classes]limits {
	share := func(burst, rate float64) limit {
		return limit{float64(perDay) * burst, float64(perDay) * rate / day}
	}
	return &[classes]limits{
		Own:      {share(1./64, 1./8), share(1./1024, 1./128)},
		Stranger: {share(1./64, 1./8), share(1./4096, 1./128)},
		Member:   {share(1./16, 1./2), share(1./64, 1./8)},
	}
}

// screenLimits are about 60 lines at once and one in 2 s in the long run: a person reads no more.
var screenLimits = [classes]limits{Stranger: {all: limit{2500, 40. / 2000}}}

// An account is what a source has used of its limit.
type account struct {
	used float64 // bytes
	at   int64   // when, in Unix milliseconds
}

// left returns how many bytes can be written now; below 0 after a long line. Lines do not come in the order
// of their times, but a time that is far back is that of a clock that was set.
func (a *account) left(l limit, now int64) float64 {
	if passed := now - a.at; passed > 0 || passed < -disorder {
		a.used = max(0, a.used-l.rate*float64(max(0, passed)))
		a.at = now
	}
	return l.burst - a.used
}

// A Budget passes on lines as long as their source has something left, and sums up the others. Its methods
// may be called from any goroutine.
type Budget struct {
	// set at construction
	dst     io.Writer            // takes lines without waiting
	limits  *[classes]limits     // nil if there are none
	summary func(omitted) []byte // the line about lines that were left out

	mu      sync.Mutex // guards the following fields
	all     [classes]account
	each    map[Source]*account
	swept   int64 // when each was looked through last
	omitted omitted
	timer   *time.Timer // runs while omitted counts something
	closed  bool
	line    bytes.Buffer // for handler
}

// An omitted is what was left out since the last summary.
type omitted struct {
	lines, bytes int
	kinds, from  map[string]int // lines of a kind, and from an address
}

// NewBudget returns a Budget of a log, which grows by at most perDay bytes in a day; 0 is without limit.
func NewBudget(dst io.Writer, perDay int64) *Budget {
	b := &Budget{dst: dst, summary: logSummary}
	if perDay > 0 {
		b.limits = logLimits(perDay)
	}
	return b
}

// NewScreen returns a Budget of a terminal for the lines of strangers; summary is the line about more of
// them.
func NewScreen(dst io.Writer, summary func(lines int) string) *Budget {
	return &Budget{dst: dst, limits: &screenLimits,
		summary: func(o omitted) []byte { return []byte(summary(o.lines) + "\n") }}
}

// Line writes a whole line of some kind, or counts it.
func (b *Budget) Line(s Source, kind string, at time.Time, line []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lineLocked(s, kind, at.UnixMilli(), line)
}

func (b *Budget) lineLocked(s Source, kind string, now int64, line []byte) {
	if b.limits == nil || b.closed || b.payLocked(s, kind, float64(len(line)), now) {
		b.dst.Write(line)
		return
	}
	if b.timer == nil {
		b.timer = time.AfterFunc(summaryTime, func() {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.sumUpLocked()
		})
		b.omitted.kinds, b.omitted.from = make(map[string]int), make(map[string]int)
	}
	b.omitted.lines++
	b.omitted.bytes += len(line)
	b.omitted.kinds[kind]++
	if s.Addr == "" {
		return
	}
	if _, known := b.omitted.from[s.Addr]; !known && len(b.omitted.from) >= maxCounted {
		s.Addr = "elsewhere"
	}
	b.omitted.from[s.Addr]++
}

// payLocked charges a line to its source and its class, and reports whether both had something left.
func (b *Budget) payLocked(s Source, kind string, cost float64, now int64) bool {
	l, all := b.limits[s.Class], &b.all[s.Class]
	if all.left(l.all, now) <= 0 {
		return false
	}
	if l.each.burst > 0 && !s.exempt() {
		if s.Class == Own {
			s.Addr = kind
		}
		each := b.accountLocked(s, now)
		if each.left(l.each, now) <= 0 {
			return false
		}
		each.used += cost
	}
	all.used += cost
	return true
}

// accountLocked returns the account of a source.
func (b *Budget) accountLocked(s Source, now int64) *account {
	if b.each == nil {
		b.each = make(map[Source]*account)
	}
	if a := b.each[s]; a != nil {
		return a
	}
	if len(b.each) >= maxSources && now-b.swept >= sweepTime {
		b.swept = now
		maps.DeleteFunc(b.each, func(s Source, a *account) bool {
			l := b.limits[s.Class].each
			return a.left(l, now) == l.burst
		})
	}
	if len(b.each) >= maxSources {
		s.Addr = ""
	}
	a := b.each[s]
	if a == nil {
		a = new(account)
		b.each[s] = a
	}
	return a
}

func (b *Budget) sumUpLocked() {
	if b.omitted.lines > 0 {
		b.dst.Write(b.summary(b.omitted))
	}
	b.omitted, b.timer = omitted{}, nil
}

// Close sums up what was left out. Lines that come later are all written: they are about the end.
func (b *Budget) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	if b.timer != nil {
		b.timer.Stop()
	}
	b.sumUpLocked()
}

// logSummary is a line that says how many lines of which kind, from which addresses, are not in the log.
func logSummary(o omitted) []byte {
	most := func(counts map[string]int) []string {
		return slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
			return cmp.Or(counts[b]-counts[a], strings.Compare(a, b))
		})
	}
	about := []any{"count", o.lines, "bytes", o.bytes}
	for _, kind := range most(o.kinds) {
		about = append(about, kind, o.kinds[kind])
	}
	var from []string
	others := 0
	for i, addr := range most(o.from) {
		if i < maxNamed {
			from = append(from, fmt.Sprintf("%s: %d", addr, o.from[addr]))
		} else {
			others += o.from[addr]
		}
	}
	if others > 0 {
		from = append(from, fmt.Sprintf("others: %d", others))
	}
	if len(from) > 0 {
		about = append(about, "from", strings.Join(from, ", "))
	}
	var line bytes.Buffer
	slog.New(slog.NewTextHandler(&line, nil)).Warn("lines left out", about...)
	return line.Bytes()
}
