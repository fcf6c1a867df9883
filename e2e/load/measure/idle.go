//go:build linux

package measure

import (
	"fmt"
	"time"
)

// idle measures n clients who come at once and then do nothing.
func (r *run) idle(p *peer, n int) error {
	if p.in == "" {
		return nil
	}
	return r.empty(p, func(proc *process, s *swarm) error {
		time.Sleep(time.Second) // for what a program does when it starts
		empty, err := proc.memory()
		if err != nil {
			return err
		}
		begun := time.Now()
		if err := s.join(proc.addr, n, p); err != nil {
			return err
		}
		joined := time.Since(begun)
		last, err := s.settle()
		if err != nil {
			return err
		}
		full, err := proc.memory()
		if err != nil {
			return err
		}
		title := fmt.Sprintf("%d clients who do nothing", n)
		r.add(p, title, "joins/s", float64(n)/joined.Seconds())
		if p.presence {
			r.add(p, title, "all joins known to all, s", last.Sub(begun).Seconds())
		}
		r.add(p, title, "memory, KiB/client", float64(full-empty)/1024/float64(n))
		return nil
	})
}
