package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"parley/server/internal/deliver"
	"parley/server/internal/eventlog"
)

// joinCluster makes the server one of those whose conversation NATS keeps.
func (a *app) joinCluster() (*eventlog.Log, error) {
	if err := os.MkdirAll(a.opt.state, 0o700); a.opt.state != "" && err != nil { // for the key
		return nil, fmt.Errorf("cannot use the state folder: %w: choose another with -state", err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	a.hub.Enter(rand.Uint64(), a.name())
	log, err := eventlog.Join(ctx, a.hub, eventlog.ClusterOptions{URLs: a.opt.cluster, Name: a.name(),
		Credentials: a.opt.clusterCreds, CA: a.opt.clusterCA, Trouble: a.trouble, Notice: a.notice})
	if err != nil && ctx.Err() != nil {
		err = errInterrupted
	}
	return log, err
}

// errInterrupted tells that a signal ended the server before it was one of the others.
var errInterrupted = errors.New("interrupted")

// unstarted returns the exit status of a server that did not start, and why.
func unstarted(err error) (int, error) {
	if errors.Is(err, errInterrupted) {
		return 0, nil
	}
	return 1, err
}

// name returns what the other servers' operators see of this one.
func (a *app) name() string {
	host, port, _ := net.SplitHostPort(a.opt.address)
	if name, err := os.Hostname(); err == nil {
		host = name
	}
	return net.JoinHostPort(host, port)
}

// beat tells the other servers that this one goes on, and takes part again when they took it for gone.
func (a *app) beat() {
	defer a.guard()
	for {
		select {
		case <-time.After(deliver.BeatTime):
		case <-a.ending:
			return
		}
		if err := a.events.Propose(a.hub.Beat()); errors.Is(err, eventlog.ErrFenced) {
			a.notice("this server was cut off from the others: its clients go on elsewhere, and " +
				"it takes part again")
			a.serve.Commit(a.hub.Enter(rand.Uint64(), a.name()))
		}
	}
}

// A keeper is what keeps entries, in words: what clients are told that the server cannot do, and what the
// operator is told when that fails and when it works again.
type keeper struct{ does, fails, works string }

func (a *app) keeper() keeper {
	if a.opt.cluster != "" {
		return keeper{"reach NATS", "cannot reach NATS", "NATS is reached again"}
	}
	return keeper{"write to its disk", "cannot write the state", "the state is written again"}
}
