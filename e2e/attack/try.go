//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// A result is what an attack cost.
type result struct {
	name, note           string
	peak                 int64   // bytes of the server's memory
	cpu                  float64 // processors that the server kept busy
	log, state, terminal int64   // bytes that were written
	before, during       []time.Duration
	cut                  int64         // honest sessions that were cut off
	lost                 int64         // of those who were away
	door                 time.Duration // a newcomer's wait; below 0 if they were not let in
}

// try makes one attack on a server of its own.
func try(ctx context.Context, o options, a attack, dir string) (r result, err error) {
	s, err := startServer(o, dir, a.files)
	if err != nil {
		return r, err
	}
	defer s.end()
	p, err := gather(ctx, s.addr)
	if err != nil {
		return r, err
	}
	defer p.part()
	r.name, r.before = a.name, p.talk(ctx, o.time)
	begin, err := s.used()
	if err != nil {
		return r, err
	}
	s.watch()
	attacker, err := startAttacker(a, o, s.addr)
	if err != nil {
		return r, err
	}
	defer attacker.end()
	ended := make(chan use, 1)
	go func() {
		time.Sleep(o.time)
		u, _ := s.used() // that the server has died shows below
		ended <- u
	}()
	door := make(chan time.Duration, 1)
	go func() { door <- newcomer(ctx, s.addr, o.time/2) }()
	r.during = p.talk(ctx, o.time)
	harmed, note, err := attacker.said()
	if err != nil {
		return r, err
	}
	r.note, r.door = note, <-door
	r.cut, r.lost = p.cut.Load()+harmed, p.comeBack(ctx)
	r.peak = s.unwatch()
	end, err := s.used()
	if err == nil {
		err = ctx.Err()
	}
	attacked := <-ended
	r.cpu = float64(attacked.cpu-begin.cpu) / float64(attacked.at.Sub(begin.at))
	r.log, r.state, r.terminal = end.log-begin.log, end.state-begin.state, end.terminal-begin.terminal
	return r, err
}

// newcomer returns how long somebody honest who comes in the middle of the attack waits until they are in.
func newcomer(ctx context.Context, addr string, after time.Duration) time.Duration {
	select {
	case <-time.After(after):
	case <-ctx.Done():
	}
	begun := time.Now()
	s, err := join(ctx, "127.3.0.1", addr, "newcomer")
	if err != nil {
		return -1
	}
	defer s.Close()
	return time.Since(begun)
}

// write prints the table.
func write(out io.Writer, results []result) error {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "attack\tmemory\tCPUs\tlog\tstate\tterminal\t"+
		"p50\tp99\tp99 before\tratio\tcut off\tnot back\tdoor\t")
	const mega = 1 << 20
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	for _, r := range results {
		door := "shut"
		if r.door >= 0 {
			door = fmt.Sprintf("%.0f ms", ms(r.door))
		}
		p99, before := percentile(r.during, 99), percentile(r.before, 99)
		fmt.Fprintf(t, "%s\t%d MiB\t%.2f\t%.1f MiB\t%.1f MiB\t%.1f MiB\t",
			r.name, r.peak/mega, r.cpu, float64(r.log)/mega, float64(r.state)/mega, float64(r.terminal)/mega)
		fmt.Fprintf(t, "%.2f ms\t%.2f ms\t%.2f ms\t%.1f\t%d\t%d\t%s\t\n",
			ms(percentile(r.during, 50)), ms(p99), ms(before), float64(p99)/float64(before),
			r.cut, r.lost, door)
	}
	err := t.Flush()
	for _, r := range results {
		_, e := fmt.Fprintf(out, "%s: %s\n", r.name, r.note)
		err = errors.Join(err, e)
	}
	return err
}
