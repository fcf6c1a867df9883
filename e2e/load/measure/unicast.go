//go:build linux

package measure

import (
	"bytes"
	"fmt"
	"time"
)

const (
	inFlight = 32  // unicasts on their way from one client to the other
	ackEvery = 256 // lines, of which each unicast makes two: as parley's client does
)

// unicast measures n clients in pairs who write to each other: each sends on when its partner has all that it
// sent.
func (r *run) unicast(p *peer, n int) error {
	if p.tell == nil {
		return nil
	}
	return r.with(p, n, func(proc *process, s *swarm) error {
		got, sent := make([]int, n), make([]int, n)
		check := checker{self: -1, next: make([]int, n)} // of the first client
		var text, batch []byte
		total, stop := 0, false
		send := func(i int) error {
			batch = batch[:0]
			for range inFlight {
				text = appendText(text[:0], i, sent[i], time.Since(epoch))
				batch = p.tell(batch, i^1, text)
				sent[i]++
			}
			return s.send(i, batch)
		}
		ready := func(i int) error {
			b, err := s.read(i)
			if err != nil {
				return err
			}
			n := bytes.Count(b, []byte{mark})
			if i == 0 {
				err = s.members[0].marks(b, check.check)
				n = check.seen - got[0]
			}
			total += n
			got[i] += n
			if err != nil || n == 0 || got[i] < sent[i^1] || stop {
				return err
			}
			if p.ack != nil && got[i]%(ackEvery/2) == 0 {
				if err := s.send(i, p.ack(nil, b)); err != nil {
					return err
				}
			}
			return send(i ^ 1)
		}
		for i := range n {
			if err := send(i); err != nil {
				return err
			}
		}
		forTime := func(d time.Duration) error {
			end := time.Now().Add(d)
			return s.until("unicasts", d+patience, func() bool { return time.Now().After(end) }, ready)
		}
		if err := forTime(warmup); err != nil {
			return err
		}
		before, begun := total, time.Now()
		if err := forTime(r.Time); err != nil {
			return err
		}
		r.add(p, fmt.Sprintf("unicast, %d clients", n), "messages/s",
			float64(total-before)/time.Since(begun).Seconds())
		stop = true
		all := 0
		for _, n := range sent {
			all += n
		}
		if err := s.until("the last messages", patience, func() bool { return total == all },
			ready); err != nil {
			return fmt.Errorf("%w: %d of %d arrived", err, total, all)
		}
		return nil
	})
}
