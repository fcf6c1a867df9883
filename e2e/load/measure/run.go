//go:build linux

package measure

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// A run is what one call of Run measures.
type run struct {
	Options
	*Report
	servers int
}

// Run measures everything that the options ask for, each server in turn, in several rounds. A server that
// fails a measurement has no figure for it, but a note.
func Run(o Options) (*Report, error) {
	r := &run{Options: o, Report: &Report{Machine: machine()}}
	if err := raiseFiles(); err != nil {
		return nil, err
	}
	all := r.peers()
	if o.Among != "" {
		all = slices.DeleteFunc(all, func(p *peer) bool {
			return !slices.ContainsFunc(strings.Fields(o.Among),
				func(word string) bool { return strings.Contains(p.name, word) })
		})
	}
	for _, p := range all {
		r.Peers = append(r.Peers, Peer{p.name, p.describe(), p.lifted})
	}
	type measurement struct {
		title string
		do    func(*peer) error
	}
	of := func(do func(*peer, int) error, n int) func(*peer) error {
		return func(p *peer) error { return do(p, n) }
	}
	list := []measurement{
		{"fan-out 100", of(r.fanout, 100)}, {"fan-out 1000", of(r.fanout, 1000)},
		{"fan-out 9900", of(r.fanout, 9900)},
		{"paced 1000", of(r.paced, 1000)},
		{"unicast 1000", of(r.unicast, 1000)}, {"unicast 5000", of(r.unicast, 5000)},
		{"idle 9900", of(r.idle, 9900)},
		{"handshakes 100", of(r.handshakes, 100)},
		{"download", r.download}, {"chat and download 1000", of(r.chatAndDownload, 1000)},
		{"loopback", r.loopback},
	}
	failed := make(map[string]bool)
	for round := range o.Rounds {
		for _, m := range list {
			if !strings.Contains(m.title, o.Only) {
				continue
			}
			for _, p := range all {
				if failed[m.title+p.name] {
					continue // it would take its time again
				}
				fmt.Fprintf(o.Progress, "%s, round %d of %d, %s\n", m.title, round+1, o.Rounds, p.name)
				if err := m.do(p); err != nil {
					fmt.Fprintf(o.Progress, "    %v\n", err)
					failed[m.title+p.name] = true
					r.note("%s: %s: %v", p.name, m.title, err)
				}
			}
		}
	}
	return r.Report, nil
}

// raiseFiles lets this program and the servers that it starts have as many connections as the system allows.
func raiseFiles() error {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return err
	}
	const needed = 10_500
	if l.Max < needed {
		return fmt.Errorf("the limit of open files is %d, %d are needed: ulimit -n", l.Max, needed)
	}
	l.Cur = l.Max
	return syscall.Setrlimit(syscall.RLIMIT_NOFILE, &l)
}

// start starts a peer in a folder of its own, to share another where it can.
func (r *run) start(p *peer, share ...string) (proc *process, dir string, err error) {
	r.servers++
	dir = filepath.Join(r.Dir, fmt.Sprint("server", r.servers))
	if err = os.Mkdir(dir, 0o755); err != nil {
		return nil, dir, err
	}
	port, err := freePort()
	if err != nil {
		return nil, dir, err
	}
	args, err := p.config(dir, port, append(share, dir)[0])
	if err != nil {
		return nil, dir, err
	}
	proc, err = launch(dir, port, append([]string{p.program}, args...)...)
	return proc, dir, err
}

func (r *run) end(proc *process, dir string) {
	proc.stop()
	os.RemoveAll(dir)
}

// empty calls do with a peer that nobody has joined, and which shares a folder where it can.
func (r *run) empty(p *peer, do func(*process, *swarm) error, share ...string) error {
	proc, dir, err := r.start(p, share...)
	if err != nil {
		return err
	}
	defer r.end(proc, dir)
	s, err := newSwarm()
	if err != nil {
		return err
	}
	defer s.close()
	return do(proc, s)
}

// with calls do with a peer that n clients have joined, and which shares a folder where it can.
func (r *run) with(p *peer, n int, do func(*process, *swarm) error, share ...string) error {
	return r.empty(p, func(proc *process, s *swarm) error {
		if err := s.join(proc.addr, n, p); err != nil {
			return err
		}
		if _, err := s.settle(); err != nil {
			return err
		}
		return do(proc, s)
	}, share...)
}

// add adds a figure of this round.
func (r *run) add(p *peer, title, unit string, x float64) {
	fmt.Fprintf(r.Progress, "    %s: %s %s\n", title, figure(x), unit)
	r.Report.add(p.name, title, unit, x)
}

func (r *Report) add(peer, title, unit string, figure float64) {
	i := slices.IndexFunc(r.Rows, func(row *Row) bool { return row.Title == title && row.Unit == unit })
	if i < 0 {
		i = len(r.Rows)
		r.Rows = append(r.Rows, &Row{title, unit, make(map[string][]float64)})
	}
	r.Rows[i].Of[peer] = append(r.Rows[i].Of[peer], figure)
}

func (r *Report) note(format string, args ...any) {
	r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
}
