package fault

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
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

// A host is where one of the servers runs. The goroutine of Run changes it, with restarting held.
type host struct {
	address string
	folder  string   // its state and its log are in it
	server  *program // nil before the first
}

func (h *host) state() string { return filepath.Join(h.folder, "state") }

// serve starts the servers for the first time.
func (r *run) serve() error {
	for i := range max(r.cfg.Servers, 1) {
		address, err := freeAddress()
		if err != nil {
			return err
		}
		h := &host{address: address, folder: filepath.Join(r.cfg.Dir, fmt.Sprint("server", i+1))}
		if err := os.Mkdir(h.folder, 0o777); err != nil {
			return err
		}
		r.hosts = append(r.hosts, h)
		listening, err := r.startServer(h)
		if err == nil {
			err = r.awaitServer(h, listening)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// addresses returns those of the servers.
func (r *run) addresses() (all []string) {
	for _, h := range r.hosts {
		all = append(all, h.address)
	}
	return all
}

// torn matches what the server says when it was killed while it wrote, and unreached what it says while nodes
// of NATS are killed.
var (
	torn      = regexp.MustCompile(`^server: .*: cut off \d+ bytes of an unfinished write$`)
	unreached = regexp.MustCompile(`^server: (waiting for NATS|cannot reach NATS, trying again: ` +
		`|NATS is reached again$|this server was cut off from the others: )`)
)

// startServer starts a server. The channel is closed when it listens.
func (r *run) startServer(h *host) (listening <-chan struct{}, err error) {
	done := make(chan struct{})
	line := append(r.cfg.Server[:len(r.cfg.Server):len(r.cfg.Server)], "-rate", "0",
		"-idle", r.cfg.Idle.String(), "-grace", grace.String(), "-files", r.shared, "-state", h.state(),
		"-log", filepath.Join(h.folder, "server.log"), "-log-text=false", h.address)
	if r.cfg.NATS != "" {
		line = append(line, "-cluster", r.cfg.NATS)
	}
	h.server, err = startProgram(line, r.cfg.Dir, func(line string) {
		if strings.HasPrefix(line, "listening on ") {
			close(done)
		}
	}, func(line string) {
		killed := r.kills.Load() > 0 && torn.MatchString(line)
		if !killed && (r.cfg.NATS == "" || !unreached.MatchString(line)) {
			r.trouble("the server complained: %s", line)
		}
	})
	return done, err
}

// awaitServer waits until a server listens.
func (r *run) awaitServer(h *host, listening <-chan struct{}) error {
	select {
	case <-listening:
		return nil
	case <-h.server.done:
	case <-time.After(patience):
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return fmt.Errorf("the server does not listen (%v): %s", h.server.cmd.ProcessState,
		strings.Join(r.troubles, "; "))
}

// serverEnded reports whether a server has ended by itself. It waits while a killer restarts one.
func (r *run) serverEnded() bool {
	r.restarting.Lock()
	defer r.restarting.Unlock()
	return slices.ContainsFunc(r.hosts, func(h *host) bool { return h.server.hasEnded() })
}

// A killer ends the server again and again, at times that follow from the seed. It belongs to the goroutine
// of Run.
type killer struct {
	run  *run
	rand *rand.Rand
	at   time.Time // of the next end
	node time.Time // of the next kill of a node, or its next start
	down Node      // the one that was killed; nil if there is none
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

// restart ends a server and has the same command go on. The next end may come before it has: then restart
// does that again.
func (k *killer) restart() error {
	r := k.run
	r.restarting.Lock()
	defer r.restarting.Unlock()
	h := r.hosts[k.rand.IntN(len(r.hosts))]
	for {
		if err := k.end(h); err != nil {
			return err
		}
		begun := time.Now()
		listening, err := r.startServer(h)
		if err != nil {
			return err
		}
		if k.rand.IntN(startOdds) > 0 {
			err := r.awaitServer(h, listening)
			k.plan(time.Since(begun))
			return err
		}
		time.Sleep(between(k.rand, 0, mostStart))
	}
}

// end kills the server as the power button does, or asks it to end.
func (k *killer) end(h *host) error {
	r := k.run
	if r.cfg.Flaw == Flawless && k.rand.IntN(stopOdds) == 0 {
		r.stops.Add(1)
		return h.stop()
	}
	r.kills.Add(1)
	return r.cfg.Flaw.kill(r, h)
}

// stop asks the server to end, as the system does when it shuts down.
func (h *host) stop() error {
	_ = h.server.cmd.Process.Signal(syscall.SIGTERM) // fails if it has ended: its status says how
	if !h.server.awaitEnd() {
		return errors.New("the server does not end on SIGTERM")
	}
	const bySignal = -1 // it had only just started
	if code := h.server.cmd.ProcessState.ExitCode(); code != 0 && code != bySignal {
		return fmt.Errorf("the server ended with status %d on SIGTERM", code)
	}
	return nil
}

// A node of NATS is killed once in nodePause, and is away for half of that.
const nodePause = 6 * time.Second

// restartNode kills one of the nodes, which is started again by the next call.
func (k *killer) restartNode() {
	nodes := k.run.cfg.Nodes
	if len(nodes) == 0 || time.Now().Before(k.node) {
		return
	}
	k.node = time.Now().Add(nodePause / 2)
	if k.down != nil {
		k.down.Start()
		k.down = nil
		return
	}
	k.down = nodes[k.rand.IntN(len(nodes))]
	k.down.Kill()
	k.run.nodeKills.Add(1)
}

// mend starts the node that is down.
func (k *killer) mend() {
	if k.down != nil {
		k.down.Start()
	}
}
