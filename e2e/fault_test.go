package e2e

import (
	"flag"
	"strings"
	"testing"
	"time"

	"parley/e2e/fault"
	"parley/e2e/natstest"
)

var (
	seed = flag.Uint64("seed", 0, "make the faults of the seed that a failed test printed")
	long = flag.Duration("long", 0, "go on making faults for so long; needs -timeout 0")

	serverKills = flag.Int("kills", 0, "kill so many servers of a cluster at least")
	nodeKills   = flag.Int("node-kills", 0, "kill so many nodes of NATS at least")
)

// idle is the heartbeat limit of the programs in these tests: short, so that stalls may be longer.
const idle = 400 * time.Millisecond

// faults are the runs that each test of faults makes.
var faults = []struct {
	name string
	cfg  fault.Config
}{
	{"chat", fault.Config{Talkers: 28, Cuts: 600, Kills: 80}},
	{"downloads", fault.Config{Talkers: 8, Cuts: 100, Kills: 55, Shared: shared, Big: 4 << 20}},
	{"crashes", fault.Config{Talkers: 8, Visitors: 8, Cuts: 200, Kills: 65, Shared: shared, Big: 1 << 20}},
}

// TestFaults: no message is lost, doubled, out of order or sent to the wrong person, whatever happens to the
// connections and the server. With -long it repeats that with one seed after the other.
func TestFaults(t *testing.T) {
	if onWindows() {
		t.Skip("a heartbeat of milliseconds needs a system whose timers are that fine")
	}
	if err := build(); err != nil {
		t.Fatal(err)
	}
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			first := *seed
			if first == 0 {
				first = fault.Seed()
			}
			each, begun := *long/time.Duration(len(faults)), time.Now()
			for n := uint64(0); n == 0 || time.Since(begun) < each; n++ {
				makeFaults(t, f.cfg, first+n)
			}
		})
	}
}

// makeFaults makes one run, which must go well.
func makeFaults(t *testing.T, cfg fault.Config, seed uint64) {
	if raceEnabled { // programs that are several times as slow
		cfg.Cuts, cfg.Kills, cfg.Talkers = cfg.Cuts/4, cfg.Kills/4, cfg.Talkers/2
	}
	report := runFaults(t, cfg, seed)
	if !report.OK() {
		t.Fatalf("it failed; the same faults again: go test ./e2e -run %s -seed %d\n%s", t.Name(), seed,
			report)
	}
	t.Logf("%s", report)
}

// runFaults makes one run with the programs under test.
func runFaults(t *testing.T, cfg fault.Config, seed uint64) *fault.Report {
	cfg.Server, cfg.Client, cfg.Dir = program("server"), program("client"), t.TempDir()
	cfg.Seed, cfg.Idle, cfg.Pace = seed, idle, 50*time.Millisecond
	if raceEnabled {
		cfg.Idle = 2 * idle
	}
	report, err := fault.Run(cfg)
	if err != nil {
		t.Fatalf("seed %d: %v", seed, err)
	}
	return report
}

// TestClusterFaults: the same holds when the conversation has several servers, of which each new connection
// of a client leads to another, while servers and nodes of NATS are killed.
func TestClusterFaults(t *testing.T) {
	if onWindows() {
		t.Skip("a heartbeat of milliseconds needs a system whose timers are that fine")
	}
	if testing.Short() {
		t.Skip("takes a minute")
	}
	if err := build(); err != nil {
		t.Fatal(err)
	}
	cfg := fault.Config{Talkers: 12, Cuts: 100, Kills: 30, NodeKills: 2, Servers: 3}
	cfg.Kills, cfg.NodeKills = max(cfg.Kills, *serverKills), max(cfg.NodeKills, *nodeKills)
	var urls []string
	for _, node := range natstest.StartAll(t, 3) {
		urls = append(urls, node.URL)
		cfg.Nodes = append(cfg.Nodes, node)
	}
	cfg.NATS = strings.Join(urls, ",")
	first := *seed
	if first == 0 {
		first = fault.Seed()
	}
	makeFaults(t, cfg, first)
}

// TestFlawsFound: an event log that breaks its promise when the server is killed does not pass.
func TestFlawsFound(t *testing.T) {
	if onWindows() {
		t.Skip("a heartbeat of milliseconds needs a system whose timers are that fine")
	}
	if err := build(); err != nil {
		t.Fatal(err)
	}
	for _, f := range []struct {
		name string
		flaw fault.Flaw
	}{
		{"log that loses its last group", fault.LosesLast},
		{"log that answers before it writes", fault.AnswersSoon},
	} {
		t.Run(f.name, func(t *testing.T) {
			sum := new(fault.Report) // a run ends early when a client finds out, too
			for range 3 {
				sum.Add(runFaults(t, fault.Config{Talkers: 12, Kills: 20, Flaw: f.flaw}, fault.Seed()))
			}
			if sum.Lost+sum.Doubled == 0 {
				t.Fatalf("nothing lost, nothing doubled:\n%s", sum)
			}
			t.Logf("%s", sum)
		})
	}
}
