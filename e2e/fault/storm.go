package fault

import (
	"io"
	"math/rand/v2"
	"sync"
	"time"
)

const (
	look   = 20 * time.Millisecond // how often a run checks whether it is done
	report = 5 * time.Second       // how often it reports its progress
	weigh  = time.Second           // how often it samples what the server uses

	retained = 16 << 20 // bytes of the conversation that the server keeps in memory
)

// fill sends enough messages that the server keeps as much in memory as it ever will: from then on it should
// not grow.
func (r *run) fill() {
	each := retained / maxFill / len(r.talkers)
	var talking sync.WaitGroup
	for _, s := range r.talkers {
		talking.Go(func() {
			for n := 0; n < each && s.say(func() int { return maxFill }, everyone) == nil; n++ {
			}
		})
	}
	talking.Wait()
	r.barrier() // the run notices if it fails
}

// storm lets everyone talk, and faults happen, until there were enough of them.
func (r *run) storm() {
	stop := make(chan struct{})
	var talking sync.WaitGroup
	for _, s := range r.talkers {
		s.proxy.Begin()
		talking.Go(func() { s.talk(stop, 0) })
	}
	for range r.cfg.Visitors {
		talking.Go(func() { r.receive(stop) })
	}
	tick, begun := time.NewTicker(look), time.Now()
	defer tick.Stop()
	nextReport, nextSample, killer := begun, begun, newKiller(r)
	for r.faults.Cuts() < int64(r.cfg.Cuts) || r.kills.Load() < int64(r.cfg.Kills) ||
		r.nodeKills.Load() < int64(r.cfg.NodeKills) ||
		time.Since(begun) < r.cfg.Time {
		<-tick.C
		if r.troubled() || r.over() {
			break
		}
		now := time.Now()
		if r.cfg.Kills > 0 && now.After(killer.at) {
			if err := killer.restart(); err != nil {
				r.trouble("%v", err)
				break
			}
		}
		killer.restartNode()
		if r.cfg.Soak && now.After(nextSample) {
			nextSample = now.Add(weigh)
			r.sample()
		}
		if r.cfg.Progress != nil && now.After(nextReport) {
			nextReport = now.Add(report)
			r.cfg.Progress(r.report())
		}
	}
	killer.mend()
	r.faults.Stop()
	close(stop)
	talking.Wait()
}

// over reports whether a session that should stay has ended, and records that.
func (r *run) over() bool {
	over := false
	for _, h := range r.hosts {
		if h.server.hasEnded() {
			over = true
			r.trouble("the server ended: %v", h.server.cmd.ProcessState)
		}
	}
	for _, s := range r.staying() {
		if s.prog.hasEnded() {
			over = true
			r.trouble("%s ended: %v", name(s.id), s.prog.cmd.ProcessState)
		}
	}
	return over
}

// receive starts one visitor after another until stop is closed.
func (r *run) receive(stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		default:
		}
		s, err := r.join(true)
		if err != nil {
			r.trouble("%v", err)
			return
		}
		if len(r.names) > 0 && s.rand.IntN(2) == 0 {
			_ = s.get(r.anyFile(s.rand), 1) // fails if the program has ended: its status says how
		}
		s.proxy.Begin()
		s.talk(stop, 1+s.rand.IntN(60))
		r.dismiss(s)
	}
}

// dismiss ends a visitor in one of three ways: at the end of its input, at once, or by force.
func (r *run) dismiss(s *session) {
	switch s.rand.IntN(3) {
	case 0:
		r.killed.Add(1)
		s.killed = true
		s.prog.kill()
		s.settle(false)
	case 1:
		r.quit.Add(1)
		// fails if the program has ended: its status says how
		_, _ = io.WriteString(s.prog.in, "/quit\n")
		if !s.prog.awaitEnd() {
			r.trouble("%s does not end on /quit", name(s.id))
			s.prog.kill()
		}
		s.settle(false)
	default:
		s.leave()
	}
}

// drain waits until everything has arrived, then ends the clients and the server.
func (r *run) drain() {
	if r.troubled() { // messages are still on their way: they are not lost
		for _, s := range r.staying() {
			s.record.Whole = false
		}
		return
	}
	if !r.barrier() {
		return // clients that still wait for an answer may never end
	}
	var leaving sync.WaitGroup
	for _, s := range r.talkers {
		leaving.Go(s.leave)
	}
	leaving.Wait()
	for _, s := range r.talkers {
		if n := s.downloads(); n != 0 {
			r.trouble("%s lacks %d files", name(s.id), n)
		}
	}
	r.witness.leave()
	for _, h := range r.hosts {
		// fails if the server has ended: its status says how
		_, _ = io.WriteString(h.server.in, "/quit\n")
		if !h.server.awaitEnd() {
			r.trouble("the server does not end on /quit")
		} else if code := h.server.cmd.ProcessState.ExitCode(); code != 0 {
			r.trouble("the server ended with status %d", code)
		}
	}
}

// barrier sends a last broadcast from every session that stays, and waits until all others have seen it: then
// everything before it has arrived, or never will. It reports whether all is well so far.
func (r *run) barrier() bool {
	last := make(map[int32]int32)
	for _, s := range r.talkers {
		last[s.id] = int32(len(s.record.Sent))
		// fails if the program has ended: its status says how
		_ = s.say(func() int { return 1 }, everyone)
	}
	var waiting sync.WaitGroup
	for _, s := range r.staying() {
		waiting.Go(func() {
			if !s.prog.await(func() bool { return s.saw(last) }) {
				r.trouble("%s does not see all that was said last", name(s.id))
			}
		})
	}
	waiting.Wait()
	return !r.troubled()
}

// saw reports whether the session has seen the broadcasts with these numbers.
func (s *session) saw(last map[int32]int32) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for from, n := range last {
		if seen, ok := s.newest[from]; from != s.id && (!ok || seen < n) {
			return false
		}
	}
	return true
}

// Seed returns a seed that was not used before.
func Seed() uint64 { return rand.Uint64N(1_000_000_000) }
