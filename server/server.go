package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"parley/server/internal/asynclog"
	"parley/server/internal/deliver"
	"parley/server/internal/eventlog"
	"parley/server/internal/files"
	"parley/server/internal/room"
	"parley/server/internal/serve"
	"parley/server/internal/transport"
	"parley/server/wire"
)

// parkAfter is how long a goroutine waits for a client's next line before the client is parked: longer than
// the gap between lines of a busy client, even when the server is slow, and far below the time between
// heartbeats.
const parkAfter = time.Second

// endTime is the longest that an orderly end may take; the hub needs less, unless it is what crashed.
const endTime = 10 * time.Second

// A crash is a panic that a goroutine recovered.
type crash struct{ reason, stack string }

// report hands a panic to the main goroutine; the first one ends the server.
func report(crashed chan<- crash, p any) {
	select {
	case crashed <- crash{fmt.Sprint(p), string(debug.Stack())}:
	default:
	}
}

// stateRetention is how many bytes of entries the state folder keeps at least: as much as the stream, which
// is made of them after a start.
const stateRetention = 16 << 20

// An app is a running server.
type app struct {
	// set at construction
	opt      options
	log      *slog.Logger
	lines    *asynclog.Budget // that log writes to
	terminal io.Writer
	shown    *asynclog.Budget // of terminal
	stderr   io.Writer        // for the operator, too
	guard    func()
	hub      *deliver.Hub
	events   *eventlog.Log
	// of the server's key
	fingerprint string
	serve       *serve.Server
	quit        chan struct{} // closed by /quit on the terminal
	failed      chan error    // gets the error that keeps entries from being committed for good
	ending      chan struct{} // closed when the server ends
	stuck       atomic.Bool   // the state cannot be written at present

	// set by start
	listener net.Listener
	running  sync.WaitGroup // the accept loop, and what keeps clients alive
}

// newApp returns a server whose conversation goes on where the state folder ends.
func newApp(opt options, folder *files.Folder, lines *asynclog.Budget, terminal, stderr io.Writer,
	guard func()) (*app, error) {

	log := slog.New(lines.Handler(serve.Address))
	a := &app{opt: opt, log: log, lines: lines, terminal: terminal, stderr: stderr, guard: guard,
		shown: asynclog.NewScreen(terminal, moreEvents),
		quit:  make(chan struct{}), failed: make(chan error, 1), ending: make(chan struct{})}
	audit := serve.Audit{Log: log, Lines: lines, Text: opt.logText, Show: a.show, Event: a.event,
		Warn: a.warn}
	a.hub = deliver.New(deliver.Config{MaxSessions: opt.limits.Sessions, Grace: opt.grace, Idle: opt.idle,
		Audit: audit.Record, Guard: guard})
	if err := a.openLog(); err != nil {
		a.hub.Close("", true)
		return nil, err
	}
	certificate, err := opt.certificate()
	if err != nil {
		a.hub.Close("", true)
		a.events.Close()
		return nil, err
	}
	a.fingerprint = wire.Fingerprint(wire.KeyHash(certificate.Leaf))
	a.serve = &serve.Server{Gate: transport.NewGate(certificate, opt.plain), Hub: a.hub,
		Propose: a.events.Propose, Stuck: a.unable, Folder: folder, Log: log, Guard: guard, Show: a.event,
		Idle: opt.idle, Parker: serve.NewParker(guard), ParkAfter: parkAfter,
		Rate: opt.rate, Limits: opt.limits}
	if opt.cluster != "" {
		a.serve.Sync = func() error { return a.events.Propose(nil) }
	}
	return a, nil
}

// openLog opens the log that the options ask for.
func (a *app) openLog() (err error) {
	switch {
	case a.opt.cluster != "":
		a.events, err = a.joinCluster()
	case a.opt.state == "":
		a.events = eventlog.Memory(a.hub)
	default:
		dropped := room.Entry{Kind: room.Reset, Time: uint64(time.Now().UnixMilli())}
		a.events, err = eventlog.Open(a.opt.state, a.hub, eventlog.Options{Retention: stateRetention,
			Sync: a.opt.sync, Repair: a.opt.repair, Dropped: dropped.Append(nil),
			Trouble: a.trouble, Notice: a.notice})
	}
	return err
}

// fit lowers the number of people to what the system lets be open, and tells the operator.
func (o *options) fit(stderr io.Writer) {
	const fewer = "server: at most %d people can be here, not %d: the system allows %d open files; " +
		"ulimit -n raises that\n"
	asked := o.limits.Sessions
	o.limits = o.limits.Fit(descriptors())
	if n := o.limits.Sessions; n < asked {
		fmt.Fprintf(stderr, fewer, n, asked, descriptors())
	}
}

// notice tells the operator what is unusual about the state folder.
func (a *app) notice(text string) {
	a.log.Warn("state", "text", text)
	a.warn(text)
}

// trouble tells everyone that the state cannot be written, and with nil that it can again.
func (a *app) trouble(err error) {
	a.stuck.Store(err != nil)
	switch {
	case errors.Is(err, eventlog.ErrSync), errors.Is(err, eventlog.ErrStream):
		a.failed <- err
	case err != nil:
		a.log.Error("state not written", "error", err)
		a.warn(fmt.Sprintf("%s, trying again: %v", a.keeper().fails, err))
		a.tell(fmt.Sprintf("%v: messages wait until it can", a.unable()))
		a.running.Go(a.keepAlive)
	default:
		a.log.Info("state written again")
		a.tell(fmt.Sprintf("the server can %s again: messages go on", a.keeper().does))
		a.warn(a.keeper().works)
	}
}

func (a *app) tell(text string) { a.hub.Send(wire.Message{Verb: wire.Notice, Text: wire.Line(text)}) }

// unable returns why entries cannot be committed at present, or nil.
func (a *app) unable() error {
	if a.stuck.Load() {
		return errors.New("the server cannot " + a.keeper().does)
	}
	return nil
}

// keepAlive answers for those whose lines wait for the disk, so that their clients do not take the connection
// for lost.
func (a *app) keepAlive() {
	defer a.guard()
	for a.stuck.Load() {
		select {
		case <-time.After(a.opt.idle / 4):
			a.hub.Send(wire.Message{Verb: wire.Pong})
		case <-a.ending:
			return
		}
	}
}

// showKey tells the operator what clients should be shown.
func (a *app) showKey(string) { a.show("the server's key is " + a.fingerprint) }

// warn shows the operator that something failed.
func (a *app) warn(text string) { fmt.Fprintf(a.stderr, "server: %s\n", text) }

// show prints a line for the operator.
func (a *app) show(line string) { io.WriteString(a.terminal, line+"\n") }

// event shows the operator what comes as often as others like: too many are only counted.
func (a *app) event(line string) {
	a.shown.Line(asynclog.Source{Class: asynclog.Stranger}, "", time.Now(), []byte(line+"\n"))
}

func moreEvents(n int) string {
	return fmt.Sprintf("... and %d more connections, joins and leaves", n)
}

// sharing tells the operator what is shared, or that the folder takes its time, for which the server does not
// wait.
func (a *app) sharing() string {
	const most = 500 * time.Millisecond
	folder := a.serve.Folder
	ctx, cancel := context.WithTimeout(context.Background(), most)
	defer cancel()
	list, err := a.serve.List(ctx.Done())
	switch {
	case errors.Is(err, files.ErrStopped):
		return fmt.Sprintf("sharing %s, whose disk does not answer yet", folder.Path)
	case err != nil:
		return fmt.Sprintf("sharing %s: %v", folder.Path, err)
	case folder.Created:
		return fmt.Sprintf("sharing %s, which was missing and has been created", folder.Path)
	}
	return fmt.Sprintf("sharing %s, %v", folder.Path, list)
}

// start begins to accept connections and to read what the operator types.
func (a *app) start(listener net.Listener, stdin io.Reader) {
	a.listener = listener
	a.log.Info("listening", "addr", listener.Addr().String(), "key", a.fingerprint)
	a.show(a.sharing())
	a.showKey("")
	a.show("listening on " + listener.Addr().String())
	a.hub.Start(a.events.Propose) // from now on clients can come back
	if a.opt.cluster != "" {
		a.running.Go(a.beat)
	}
	closed := false
	a.hub.View(func(r *room.Room) { closed = r.Closed() })
	switch {
	case closed:
		a.show("the server is still closed: /open opens it")
	case a.opt.closed:
		a.serve.Commit(room.Entry{Kind: room.Close})
	}
	a.running.Go(func() {
		defer a.guard()
		a.accept()
	})
	go func() {
		defer a.guard()
		a.console(stdin)
	}()
}

// accept serves connections until the listener is closed.
func (a *app) accept() {
	for pause := time.Duration(0); ; {
		nc, err := a.listener.Accept()
		switch {
		case err == nil:
			pause = 0
		case errors.Is(err, net.ErrClosed):
			return
		default: // such as too many open files: wait for some to be closed
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			a.log.Error("cannot accept a connection", "error", err)
			time.Sleep(pause)
			continue
		}
		a.serve.Start(nc)
	}
}

// end tells everyone that the server ends, sends what is still to be sent, and waits for the connections. The
// conversation goes on at the next start unless it is over.
func (a *app) end(reason string) {
	over := (reason == "operator" || a.opt.state == "") && a.opt.cluster == ""
	a.log.Info("shutdown", "reason", reason)
	a.show("shutting down")
	a.listener.Close()
	close(a.ending)
	text := "the server is shutting down"
	if reason == "crash" {
		text = "the server crashed and is shutting down"
	}
	switch {
	case a.opt.cluster != "":
		text += ": the conversation goes on elsewhere"
	case !over:
		text += ": the conversation goes on when it is back"
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer a.guard()
		a.serve.End()
		a.hub.Close(text, over)
		switch {
		case over && a.stuck.Load():
			a.warn("the end cannot be written: the conversation goes on at the next start")
		case over:
			a.serve.Commit(room.Entry{Kind: room.End}) // or the next start would wait for the clients
		}
		if err := a.events.Close(); err != nil {
			a.log.Error("state not closed", "error", err)
		}
		a.hub.Wait()
		a.running.Wait()
		a.serve.Wait()
		a.serve.Parker.Close()
	}()
	select {
	case <-ended:
	case <-time.After(endTime):
		a.log.Error("some connections did not end in time")
	}
	a.shown.Close()
	a.lines.Close()
	a.log.Info("ended")
}
