package fault

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// A Report counts what happened in a run, and says what was wrong.
type Report struct {
	Verdict
	// other failures: a program that ended, complained or hung, a file that differs
	Troubles []string

	Seed        uint64
	Took        time.Duration
	Cuts        int64 // of live connections
	Early       int64 // of connections that had not carried anything to the client
	Kills       int64 // of the server
	Stops       int64 // of the server, which was asked to end
	NodeKills   int64 // of nodes of NATS
	Stalls      int64 // pauses longer than the heartbeat limit
	Connections int64 // through the proxies
	Sessions    int
	Killed      int64 // clients that were killed
	Quit        int64 // clients that left without waiting for answers
	Sent        int64 // messages
	Refused     int64 // messages that the server refused, as the recipient was away
	Deliveries  int64
	Files       int64  // downloaded, and the same byte for byte
	Bytes       int64  // of the files
	Memory      string // what the server used, if that was sampled
}

// OK reports whether nothing was wrong.
func (r *Report) OK() bool { return r.Verdict.OK() && len(r.Troubles) == 0 }

// Add adds the figures of another run.
func (r *Report) Add(o *Report) {
	for _, c := range []struct{ sum, add *int64 }{
		{&r.Cuts, &o.Cuts}, {&r.Early, &o.Early}, {&r.Kills, &o.Kills}, {&r.Stops, &o.Stops},
		{&r.NodeKills, &o.NodeKills},
		{&r.Stalls, &o.Stalls}, {&r.Connections, &o.Connections}, {&r.Killed, &o.Killed},
		{&r.Quit, &o.Quit}, {&r.Sent, &o.Sent}, {&r.Refused, &o.Refused},
		{&r.Deliveries, &o.Deliveries}, {&r.Files, &o.Files}, {&r.Bytes, &o.Bytes},
	} {
		*c.sum += *c.add
	}
	r.Took += o.Took
	r.Sessions += o.Sessions
	r.Lost += o.Lost
	r.Doubled += o.Doubled
	r.Misordered += o.Misordered
	r.Misdirected += o.Misdirected
	r.Examples = append(r.Examples, o.Examples...)
	r.Troubles = append(r.Troubles, o.Troubles...)
}

// String returns the report in a few lines.
func (r *Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d, %v: %s\n", r.Seed, r.Took.Round(100*time.Millisecond), r.Progress())
	fmt.Fprintf(&b, "%d connections, %d cut before anything came, %d stalls, %d clients killed, %d quit, "+
		"the server ended and started %d times, %d kills of NATS nodes\n",
		r.Connections, r.Early, r.Stalls, r.Killed, r.Quit, r.Stops, r.NodeKills)
	if r.Memory != "" {
		fmt.Fprintf(&b, "%s\n", r.Memory)
	}
	fmt.Fprintf(&b, "lost %d, doubled %d, misordered %d, misdirected %d, other trouble %d\n",
		r.Lost, r.Doubled, r.Misordered, r.Misdirected, len(r.Troubles))
	for _, line := range append(r.Examples[:len(r.Examples):len(r.Examples)],
		r.Troubles[:min(len(r.Troubles), maxExamples)]...) {
		fmt.Fprintf(&b, "\t%s\n", line)
	}
	return b.String()
}

// Progress returns the figures so far in one line.
func (r *Report) Progress() string {
	return fmt.Sprintf("%d cuts, %d kills of the server, %d messages, %d of them refused, %d deliveries, "+
		"%d sessions, %d files of %d MB in all",
		r.Cuts, r.Kills, r.Sent, r.Refused, r.Deliveries, r.Sessions, r.Files, r.Bytes>>20)
}

// report returns the figures so far, without a verdict.
func (r *run) report() *Report {
	r.mu.Lock()
	defer r.mu.Unlock()
	return &Report{
		Troubles: slices.Clone(r.troubles), Seed: r.cfg.Seed, Took: time.Since(r.began),
		Cuts: r.faults.cuts.Load(), Early: r.faults.early.Load(),
		Kills: r.kills.Load(), Stops: r.stops.Load(), NodeKills: r.nodeKills.Load(),
		Stalls: r.faults.stalls.Load(), Connections: r.faults.connections.Load(), Sessions: len(r.sessions),
		Killed: r.killed.Load(), Quit: r.quit.Load(),
		Sent: r.sent.Load(), Refused: r.refused.Load(), Deliveries: r.deliveries.Load(),
		Files: r.files.Load(), Bytes: r.bytes.Load(),
	}
}
