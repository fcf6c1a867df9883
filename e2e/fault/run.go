package fault

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// reconnect is how long clients try to come back, and grace how long the server lets them.
const reconnect, grace = 5 * time.Minute, 5 * time.Minute

// Config describes a run. Its faults and messages follow from the seed.
type Config struct {
	Server, Client []string // the command lines of the programs, without arguments
	Dir            string   // an empty folder for all files of the run
	Seed           uint64
	Idle           time.Duration // the heartbeat limit of the programs
	Pace           time.Duration // time between two messages of a client

	Talkers  int           // clients that stay
	Visitors int           // clients, at a time, that come and go
	Cuts     int           // the run ends after so many cuts of live connections
	Kills    int           // and kills of the server, which is not killed at all if there are to be none,
	Time     time.Duration // but not before this time
	Shared   string        // a folder of files to download, or empty for no downloads
	Big      int           // bytes of one more shared file
	// fill the server's memory first, keep downloading, and sample what the server uses
	Soak bool

	// Progress, if there is one, is called every few seconds.
	Progress func(*Report)

	// How many servers the conversation has; one, which keeps it in a folder, unless NATS is set. Each new
	// connection of a client leads to another of them.
	Servers   int
	NATS      string // URLs
	Nodes     []Node // of NATS
	NodeKills int    // the run does not end before so many

	Flaw Flaw // what is wrong with the server, for a test of the checker

	again bool // downloads go on
}

// A Node is a node of NATS that can be killed and started again.
type Node interface {
	Kill()
	Start()
}

// A run is one run. The goroutine of Run sets the fields before it starts others, unless a comment says
// otherwise.
type run struct {
	cfg     Config
	began   time.Time
	faults  *Faults
	hosts   []*host
	shared  string     // the folder that the server shares
	names   []string   // of the files in it
	witness *session   // joined first and says nothing
	talkers []*session // the sessions that stay, beside the witness
	samples []sample   // of the server, while the faults are on

	next                                                  atomic.Int32 // number of the next session
	sent, refused, deliveries, files, bytes, killed, quit atomic.Int64
	kills, stops, nodeKills                               atomic.Int64 // of the servers, and of nodes

	// held while another server takes the place of the one that was killed, which changes a host
	restarting sync.Mutex

	mu       sync.Mutex // guards the following fields
	sessions []*session
	troubles []string
}

// Run makes one run and returns its report. It returns an error if the run could not start.
func Run(cfg Config) (*Report, error) {
	cfg.again = cfg.Soak
	r := &run{cfg: cfg, began: time.Now(), faults: NewFaults(cfg.Seed, cfg.Idle)}
	defer r.reap()
	if err := r.share(); err != nil {
		return nil, err
	}
	if err := r.serve(); err != nil {
		return nil, err
	}
	var err error
	r.witness, err = r.join(false)
	if err != nil {
		return nil, err
	}
	r.witness.record.Whole = true
	if err := r.gather(); err != nil {
		return nil, err
	}
	r.storm()
	r.drain()
	r.reap() // so that no record changes any more
	report := r.report()
	report.Verdict = *Check(r.records())
	report.Memory = judge(r.samples)
	if grew(r.samples) {
		report.Troubles = append(report.Troubles, "the server grew")
	}
	return report, nil
}

// add registers a session, so that it is checked and ended whatever happens.
func (r *run) add(s *session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sessions = append(r.sessions, s)
}

func (r *run) all() []*session {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.sessions)
}

// staying returns the sessions that stay.
func (r *run) staying() []*session {
	return append(r.talkers[:len(r.talkers):len(r.talkers)], r.witness)
}

// records returns the records of all sessions, the witness first.
func (r *run) records() []*Record {
	list := []*Record{&r.witness.record}
	for _, s := range r.all() {
		if s != r.witness {
			list = append(list, &s.record)
		}
	}
	return list
}

// trouble records a failure that is not about messages.
func (r *run) trouble(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.troubles = append(r.troubles, fmt.Sprintf(format, args...))
}

func (r *run) troubled() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.troubles) > 0
}

// share makes the folder to share.
func (r *run) share() error {
	r.shared = filepath.Join(r.cfg.Dir, "shared")
	if err := os.Mkdir(r.shared, 0o777); err != nil || r.cfg.Shared == "" {
		return err
	}
	if err := os.CopyFS(r.shared, os.DirFS(r.cfg.Shared)); err != nil {
		return err
	}
	big := make([]byte, r.cfg.Big)
	random := rand.NewChaCha8([32]byte{byte(r.cfg.Seed)})
	random.Read(big) // which never fails
	if err := os.WriteFile(filepath.Join(r.shared, "big.bin"), big, 0o666); err != nil {
		return err
	}
	return filepath.WalkDir(r.shared, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			rel, _ := filepath.Rel(r.shared, path) // path is below it
			r.names = append(r.names, filepath.ToSlash(rel))
		}
		return err
	})
}

func (r *run) anyFile(random *rand.Rand) string { return r.names[random.IntN(len(r.names))] }

// anyone draws a session that stays, but not the one given.
func (r *run) anyone(random *rand.Rand, but int32) int32 {
	for {
		if s := r.talkers[random.IntN(len(r.talkers))]; s.id != but {
			return s.id
		}
	}
}

// gather starts the clients that stay.
func (r *run) gather() error {
	for range r.cfg.Talkers {
		s, err := r.join(true)
		if err != nil {
			return err
		}
		r.talkers = append(r.talkers, s)
		s.record.Whole = true
		if r.cfg.Shared != "" {
			if err := s.get("*", len(r.names)); err != nil {
				return err
			}
		}
	}
	if r.cfg.Soak {
		r.fill()
	}
	return nil
}

// reap ends the programs of a run that failed.
func (r *run) reap() {
	r.faults.Stop()
	for _, s := range r.all() {
		if s.prog != nil {
			s.prog.kill()
		}
		if s.proxy != nil {
			s.proxy.Close()
		}
	}
	for _, h := range r.hosts {
		if h.server != nil {
			h.server.kill()
		}
	}
}
