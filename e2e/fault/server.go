package fault

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// The server is killed some time after it began to listen or, one time in startOdds, while it starts. As much
// time is added as the start took: so a server that is slow to start is up half of the time, and clients come
// back to it.
const (
	leastUp, mostUp = 50 * time.Millisecond, 250 * time.Millisecond
	mostStart       = 20 * time.Millisecond
	startOdds       = 8
	stopOdds        = 10 // one time in so many it is asked to end
)

// freeAddress returns an address of this machine on which nobody listens. Its port is below those that
// systems give to connections: one of these could take it while the server is away.
func freeAddress() (string, error) {
	const first, ports, tries = 10_000, 20_000, 100
	for range tries {
		address := fmt.Sprintf("127.0.0.1:%d", first+rand.IntN(ports))
		if l, err := net.Listen("tcp", address); err == nil {
			return address, l.Close()
		}
	}
	return "", errors.New("no port is free")
}

// serve starts the server for the first time.
func (r *run) serve() (err error) {
	r.address, err = freeAddress()
	if err != nil {
		return err
	}
	listening, err := r.startServer()
	if err != nil {
		return err
	}
	return r.awaitServer(listening)
}

// torn matches what the server says when it was killed while it wrote.
var torn = regexp.MustCompile(`^server: .*: cut off \d+ bytes of an unfinished write$`)

// startServer starts the server. The channel is closed when it listens.
func (r *run) startServer() (listening <-chan struct{}, err error) {
	done := make(chan struct{})
	line := append(r.cfg.Server[:len(r.cfg.Server):len(r.cfg.Server)], "-rate", "0",
		"-idle", r.cfg.Idle.String(), "-grace", grace.String(), "-files", r.shared, "-state", r.state(),
		"-log", filepath.Join(r.cfg.Dir, "server.log"), "-log-text=false", r.address)
	r.server, err = startProgram(line, r.cfg.Dir, func(line string) {
		if strings.HasPrefix(line, "listening on ") {
			close(done)
		}
	}, func(line string) {
		if r.kills.Load() == 0 || !torn.MatchString(line) {
			r.trouble("the server complained: %s", line)
		}
	})
	return done, err
}

// state returns the folder in which the server keeps the conversation.
func (r *run) state() string { return filepath.Join(r.cfg.Dir, "state") }

// awaitServer waits until the server listens.
func (r *run) awaitServer(listening <-chan struct{}) error {
	select {
	case <-listening:
		return nil
	case <-r.server.done:
	case <-time.After(patience):
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return fmt.Errorf("the server does not listen: %s", strings.Join(r.troubles, "; "))
}

// serverEnded reports whether the server has ended by itself. It waits while a killer restarts the server.
func (r *run) serverEnded() bool {
	r.restarting.Lock()
	defer r.restarting.Unlock()
	return r.server.hasEnded()
}

// A killer ends the server again and again, at times that follow from the seed. It belongs to the goroutine
// of Run.
type killer struct {
	run  *run
	rand *rand.Rand
	at   time.Time // of the next end
}

func newKiller(r *run) *killer {
	k := &killer{run: r, rand: rand.New(rand.NewPCG(r.cfg.Seed, 1<<62))}
	k.plan(0)
	return k
}

// plan draws the time of the next end. The last start took so long.
func (k *killer) plan(start time.Duration) {
	k.at = time.Now().Add(start + between(k.rand, leastUp, mostUp))
}

// between draws a time.
func between(r *rand.Rand, least, most time.Duration) time.Duration {
	return least + time.Duration(r.Int64N(int64(most-least)))
}

// restart ends the server and has the same command go on. The next end may come before it has: then restart
// does that again.
func (k *killer) restart() error {
	r := k.run
	r.restarting.Lock()
	defer r.restarting.Unlock()
	for {
		if err := k.end(); err != nil {
			return err
		}
		begun := time.Now()
		listening, err := r.startServer()
		if err != nil {
			return err
		}
		if k.rand.IntN(startOdds) > 0 {
			err := r.awaitServer(listening)
			k.plan(time.Since(begun))
			return err
		}
		time.Sleep(between(k.rand, 0, mostStart))
	}
}

// end kills the server as the power button does, or asks it to end.
func (k *killer) end() error {
	r := k.run
	if r.cfg.Flaw == Flawless && k.rand.IntN(stopOdds) == 0 {
		r.stops.Add(1)
		return r.stop()
	}
	r.kills.Add(1)
	return r.cfg.Flaw.kill(r)
}

// stop asks the server to end, as the system does when it shuts down.
func (r *run) stop() error {
	_ = r.server.cmd.Process.Signal(syscall.SIGTERM) // fails if it has ended: its status says how
	if !r.server.awaitEnd() {
		return errors.New("the server does not end on SIGTERM")
	}
	const bySignal = -1 // it had only just started
	if code := r.server.cmd.ProcessState.ExitCode(); code != 0 && code != bySignal {
		return fmt.Errorf("the server ended with status %d on SIGTERM", code)
	}
	return nil
}
