//go:build linux

package measure

import (
	"fmt"
	"math"
	"slices"
	"time"
)

const (
	senders = 10 // clients that broadcast
	// receivers that verify what they get; all others count bytes, which must be as many
	samples  = 2
	perWrite = 64               // messages that a sender writes at a time
	onTheWay = 20_000_000       // deliveries that may wait in all: few seconds for a slow server
	warmup   = time.Second / 2  // before what is measured
	patience = 30 * time.Second // for what is on its way to arrive
)

// A flood is a saturated fan-out: as many broadcasts as the server takes.
type flood struct {
	*swarm
	peer  *peer
	base  []int64   // by member: bytes before
	check []checker // of the first sender, then of the samples, which come after the senders
	sent  []int     // by sender
	total int
	limit int // of total
	text  []byte
	batch []byte
}

func newFlood(p *peer, s *swarm) *flood {
	f := &flood{swarm: s, peer: p, sent: make([]int, senders)}
	for i := range s.members {
		f.base = append(f.base, s.members[i].bytes)
	}
	for i := range 1 + samples {
		self := 0
		if i > 0 {
			self = senders + i - 1
		}
		f.check = append(f.check, checker{self: self, next: make([]int, senders)})
	}
	return f
}

// ready takes what came for member i.
func (f *flood) ready(i int) error {
	var c *checker
	switch {
	case i == 0:
		c = &f.check[0]
	case i >= senders && i < senders+samples:
		c = &f.check[i-senders+1]
	default:
		return f.skim(i)
	}
	b, err := f.read(i)
	if err != nil {
		return err
	}
	return f.members[i].marks(b, c.check)
}

// received returns the messages that the receiver with the fewest has. Those who only count bytes have as
// many messages to a byte as those who verify.
func (f *flood) received() int {
	sample := &f.check[1]
	if sample.seen == 0 {
		return 0
	}
	bytes := f.got(sample.self)
	least := bytes
	for i := senders; i < len(f.members); i++ {
		least = min(least, f.got(i))
	}
	return int(float64(least) / float64(bytes) * float64(sample.seen))
}

// got returns the bytes that member i has received.
func (f *flood) got(i int) int64 { return f.members[i].bytes - f.base[i] }

// run sends and receives for the time given, and returns the messages that all receivers got in it.
func (f *flood) run(d time.Duration) (messages int, err error) {
	before := f.received()
	for begun := time.Now(); time.Since(begun) < d; {
		if f.total >= f.limit {
			f.limit = f.received() + min(f.peer.window, onTheWay/len(f.members))
		}
		for i := 0; i < senders && f.total < f.limit; i++ {
			if len(f.members[i].out) > 0 {
				continue
			}
			f.batch = f.batch[:0]
			for range min(perWrite, f.limit-f.total) {
				f.text = appendText(f.text[:0], i, f.sent[i], time.Since(epoch))
				f.batch = f.peer.say(f.batch, f.text)
				f.sent[i]++
				f.total++
			}
			if err := f.send(i, f.batch); err != nil {
				return 0, err
			}
		}
		if err := f.poll(time.Millisecond, f.ready); err != nil {
			return 0, err
		}
	}
	return f.received() - before, nil
}

// drain waits until everyone has everything.
func (f *flood) drain() error {
	complete := func() bool {
		if f.check[0].seen != f.total-f.sent[0] ||
			slices.ContainsFunc(f.check[1:], func(c checker) bool { return c.seen != f.total }) {
			return false
		}
		for i := senders; i < len(f.members); i++ {
			if f.got(i) != f.got(f.check[1].self) {
				return false
			}
		}
		return true
	}
	if err := f.until("the last messages", patience, complete, f.ready); err != nil {
		return fmt.Errorf("%w: of %d messages a receiver has %d", err, f.total, f.received())
	}
	return nil
}

// fanout measures a saturated fan-out to n clients.
func (r *run) fanout(p *peer, n int) error {
	if p.say == nil {
		return nil
	}
	return r.with(p, n, func(proc *process, s *swarm) error {
		f := newFlood(p, s)
		if _, err := f.run(warmup); err != nil {
			return err
		}
		cpu, err := proc.cpu()
		if err != nil {
			return err
		}
		begun := time.Now()
		messages, err := f.run(r.Time)
		if err != nil {
			return err
		}
		took := time.Since(begun)
		end, err := proc.cpu()
		if err != nil {
			return err
		}
		deliveries := float64(messages) * float64(n-1)
		r.add(p, fmt.Sprintf("fan-out, %d clients", n), "deliveries/s", deliveries/took.Seconds())
		r.add(p, fmt.Sprintf("fan-out, %d clients", n), "server CPU, ns/delivery",
			float64(end-cpu)/deliveries)
		return f.drain()
	})
}

// paced measures 20 broadcasts a second to n clients.
func (r *run) paced(p *peer, n int) error {
	if p.say == nil {
		return nil
	}
	return r.with(p, n, func(proc *process, s *swarm) error {
		l, cpu, err := r.latencies(p, proc, s)
		if err != nil {
			return err
		}
		title := fmt.Sprintf("20 messages/s, %d clients", n)
		r.add(p, title, "server CPU, µs/delivery", float64(cpu.Microseconds())/float64(len(l)))
		r.add(p, title, "latency p50, ms", l.percentile(50))
		r.add(p, title, "latency p99, ms", l.percentile(99))
		r.add(p, title, "latency p99.9, ms", l.percentile(99.9))
		return nil
	})
}

// latencies sends 20 messages a second, and returns what each receiver had to wait for each, and the time
// that the server used.
func (r *run) latencies(p *peer, proc *process, s *swarm) (l latencies, cpu time.Duration, err error) {
	const every = time.Second / 20
	checks := make([]checker, len(s.members))
	for i := range checks {
		checks[i] = checker{self: i, next: make([]int, senders)}
	}
	ready := func(i int) error {
		b, err := s.read(i)
		if err != nil {
			return err
		}
		now := time.Since(epoch)
		return s.members[i].marks(b, func(h head) error {
			l = append(l, now-h.sent())
			return checks[i].check(h)
		})
	}
	cpu, err = proc.cpu()
	if err != nil {
		return nil, 0, err
	}
	sent := 0
	next := time.Now()
	for total := int(2 * r.Time / every); sent < total; {
		if wait := time.Until(next); wait > 0 {
			// epoll counts whole milliseconds: what is less is polled for.
			if err = s.poll(wait.Truncate(time.Millisecond), ready); err != nil {
				return nil, 0, err
			}
			continue
		}
		text := appendText(nil, sent%senders, sent/senders, time.Since(epoch))
		if err = s.send(sent%senders, p.say(nil, text)); err != nil {
			return nil, 0, err
		}
		sent++
		next = next.Add(every)
	}
	all := sent * (len(s.members) - 1)
	if err = s.until("the last messages", patience, func() bool { return len(l) == all }, ready); err != nil {
		return nil, 0, fmt.Errorf("%w: %d of %d arrived", err, len(l), all)
	}
	end, err := proc.cpu()
	slices.Sort(l)
	return l, end - cpu, err
}

// latencies are times, in ascending order.
type latencies []time.Duration

// percentile returns the milliseconds that p of a hundred do not exceed.
func (l latencies) percentile(p float64) float64 {
	i := int(math.Ceil(p/100*float64(len(l)))) - 1
	return float64(l[max(i, 0)]) / float64(time.Millisecond)
}
