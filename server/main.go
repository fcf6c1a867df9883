// Server is the parley chat server. Run it with -h for its manual. This is a map of its code.
//
// # Packages
//
//	server                    the program: flags, signals, the operator's commands, start and end
//	server/wire               the protocol; the client uses it, too
//	server/internal/transport a client's connection, in plain text or over TLS
//	server/internal/serve     reads what a connection sends, and proposes entries
//	server/internal/eventlog  gives the entries one order, and keeps them in the state folder or in NATS
//	server/internal/room      decides what follows from an entry; no network, no clock, no goroutine
//	server/internal/deliver   brings what follows to the connections, without a goroutine for each
//	server/internal/files     the shared folder
//	server/internal/asynclog  writes server.log and the terminal, for which nobody waits
//
// # The life of a message
//
// A goroutine of serve reads SAY from a connection and makes it an entry: session 7 says its third message.
// It proposes the entry to the event log and waits. The log writes it down, together with what others
// proposed meanwhile, and gives the group to the hub of package deliver. For each entry, the hub asks the
// room what follows: who sees which line, and what the sender gets for a receipt. It appends the line to the
// stream that all connections read from, puts the receipt into the sender's mailbox, and has a line written
// to server.log. The flushers, one for each CPU, then write to every connection what it has not got yet. A
// connection that does not take it at once gets a goroutine of its own until it does; a file is sent by one,
// too.
//
// So nothing is shown or confirmed that is not kept, and a room can be made again from the entries. WHO,
// PING, FILES and GET change nothing that others see; they are answered without an entry.
//
// # Several servers
//
// With -cluster, the event log is a stream of NATS JetStream, and every server applies the entries of all, in
// the same order. So each has the whole room, and a session can be resumed on any. A connection, and what is
// told to it alone, is its server's.
//
// Each server proposes a heartbeat every 3 seconds, which also says what its clients have acknowledged. Who
// reads nothing of another for 12 to 15 seconds, while the log goes on, proposes that it is gone: then its
// sessions have lost their connections. A server that reads of its own end sends its clients away, and takes
// part again as another.
//
// # Locks
//
// A goroutine that holds one of these locks only takes those below it:
//
//  1. the event log's commit lock, held while a group is written and applied: the only one that waits for
//     a disk
//  2. the hub's mutex, held for work in memory; it guards the room, the stream, the mailboxes and connections
//  3. those of the event log's open group, of parked connections, of read deadlines, of asynclog, of the
//     limits and of the shared folder's list: each is held briefly, and none together with another of them,
//     but for the budget of the log or terminal, which is held while a line goes to the writer
//
// So the hub cannot propose with its mutex held: proposeLaterLocked has a goroutine do that.
//
// # Start and end
//
// At the start, the event log locks the state folder, restores the oldest snapshot in it, and has the hub
// apply all entries since. The entry Up then says that no session has a connection. Their clients have the
// time of -idle to come back before the others are told that they left, and the time of -grace after that.
//
// At the end, connections that have not joined are closed, the hub sends everyone what is still to be sent
// and closes the connections, and the event log is closed. /quit ends the conversation, too: everyone gets
// BYE, and the entry End is the last. After a signal or a crash there is none, and the clients wait for the
// next start. Death by SIGKILL needs nothing of this: all that was confirmed is in the folder.
package main

import (
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"

	"parley/server/internal/asynclog"
	"parley/server/internal/files"
	"parley/server/internal/serve"
	"parley/server/wire"
)

//go:embed usage.txt
var manual string // but for the list of the commands

// standardOutput is what -log takes for it.
const standardOutput = "-"

// most is the largest number of clients, or of lines a second, that can be asked for.
const most = wire.MaxUsers

// options are what the command line says.
type options struct {
	address    string
	files, log string
	state      string // the folder that keeps the conversation; it is kept in memory when empty
	// where NATS is, which keeps the conversation of several servers; empty for one server alone
	cluster, clusterCreds, clusterCA string // the last two are files
	sync                             bool   // entries survive the death of the machine
	repair                           bool   // drop what follows damage in the state
	debug                            string // where to serve profiles and counters; nowhere when empty
	logText                          bool
	logMax                           size   // of the log file, which is renamed then
	logDay                           size   // that the log grows by in a day
	cert, key                        string // files of a CA's certificate and its key
	plain                            bool   // clients on other machines may speak plain text
	closed                           bool   // only owners of names and the invited come in
	limits                           serve.Limits
	rate                             float64
	grace, idle                      time.Duration
}

// gcPercent is how much memory may become garbage before it is collected, in percent of what is in use. That
// is half of Go's own: a message makes next to no garbage, and many idle connections make much of the memory.
const gcPercent = 50

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run is the program: it returns the exit status, 0 all well, 1 it failed, 2 wrong usage or a panic. The
// goroutine that reads stdin may outlast it, because nothing can interrupt that.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	opt, err := parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, usage())
		return 0
	case errors.Is(err, wire.ErrVersion):
		fmt.Fprintln(stdout, wire.Build())
		return 0
	case err != nil:
		fmt.Fprintf(stderr, "server: %v; server -h tells more\n", err)
		return 2
	}
	// Through asynclog, because nobody shall wait for a terminal that was stopped.
	errs := asynclog.New(console{stderr}, func() {}, nil)
	defer errs.Close()
	status, err := host(opt, stdin, stdout, errs)
	if err != nil {
		fmt.Fprintf(errs, "server: %v\n", err)
	}
	return status
}

// parse reads the command line. Flags may stand after the port too.
func parse(args []string) (opt options, err error) {
	flags := flag.NewFlagSet("server", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	shared := os.Getenv("SERVER_SHARED_FILES")
	if shared == "" {
		shared = "SharedFiles"
	}
	flags.StringVar(&opt.files, "files", shared, "")
	flags.StringVar(&opt.log, "log", "server.log", "")
	flags.StringVar(&opt.state, "state", "ServerState", "")
	flags.StringVar(&opt.cluster, "cluster", "", "")
	flags.StringVar(&opt.clusterCreds, "cluster-creds", "", "")
	flags.StringVar(&opt.clusterCA, "cluster-ca", "", "")
	flags.BoolVar(&opt.sync, "sync", false, "")
	flags.BoolVar(&opt.repair, "repair", false, "")
	flags.StringVar(&opt.cert, "cert", "", "")
	flags.StringVar(&opt.key, "key", "", "")
	flags.BoolVar(&opt.plain, "plain", false, "")
	flags.BoolVar(&opt.closed, "closed", false, "")
	flags.StringVar(&opt.debug, "debug", "", "")
	flags.BoolVar(&opt.logText, "log-text", true, "")
	opt.logMax, opt.logDay = 1<<30, 1<<30
	flags.Var(&opt.logMax, "log-max", "")
	flags.Var(&opt.logDay, "log-day", "")
	flags.IntVar(&opt.limits.Sessions, "max-clients", 10_000, "")
	flags.IntVar(&opt.limits.PerAddress, "per-address", serve.PerAddress, "")
	flags.Float64Var(&opt.rate, "rate", 100, "")
	flags.DurationVar(&opt.grace, "grace", 2*time.Minute, "")
	flags.DurationVar(&opt.idle, "idle", 45*time.Second, "")
	words, err := wire.Arguments(flags, args)
	if err != nil {
		return opt, err
	}
	switch {
	case len(words) == 0:
		return opt, errors.New("missing: PORT")
	case len(words) > 1:
		return opt, fmt.Errorf("unexpected argument %q after PORT", words[1])
	case (opt.cert == "") != (opt.key == ""):
		return opt, errors.New("-cert and -key belong together")
	}
	flags.Visit(func(f *flag.Flag) { opt.limits.Local = opt.limits.Local || f.Name == "per-address" })
	l := opt.limits
	if l.Sessions < 1 || opt.idle <= 0 || l.PerAddress < 0 || opt.rate < 0 || opt.grace < 0 {
		return opt, errors.New("-max-clients and -idle must be above 0, " +
			"-per-address, -rate and -grace not below")
	}
	if opt.cluster != "" && (opt.sync || opt.repair) {
		return opt, errors.New("-sync and -repair are about the state folder, which -cluster does not use")
	}
	// a rate that is no number is not at most that either
	if !(opt.rate <= most) || max(l.Sessions, l.PerAddress) > most {
		return opt, fmt.Errorf("-max-clients, -per-address and -rate can be at most %d", most)
	}
	if err := opt.checkLog(flags); err != nil {
		return opt, err
	}
	host, port, err := net.SplitHostPort(words[0])
	if err != nil {
		host, port = "", words[0]
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return opt, fmt.Errorf("port %q is not a number from 0 to 65535", port)
	}
	opt.address = net.JoinHostPort(host, port)
	for _, path := range []*string{&opt.files, &opt.state} {
		*path, err = expand(*path)
		if err != nil {
			return opt, err
		}
	}
	return opt, nil
}

// expand returns a path with the home directory in the place of ~, as a shell does where it is not quoted.
func expand(path string) (string, error) {
	rest, ok := strings.CutPrefix(path, "~")
	if !ok || rest != "" && !os.IsPathSeparator(rest[0]) {
		return path, nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("cannot tell what ~ is in %s: %w: write the path without it", path, err)
	}
	return filepath.Join(home, rest), nil
}

// host runs a server until a person or a crash ends it.
func host(opt options, stdin io.Reader, stdout, stderr io.Writer) (status int, err error) {
	crashed := make(chan crash, 1)
	guard := func() {
		if p := recover(); p != nil {
			report(crashed, p)
		}
	}
	folder, err := files.Open(opt.files, guard)
	if err != nil {
		return 1, fmt.Errorf("%w: choose another with -files", err)
	}
	defer folder.Close()
	for _, private := range []struct{ what, path, flag string }{
		{"state folder", opt.state, "-state"}, {"log", opt.log, "-log"}, {"key", opt.key, "-key"},
	} {
		if private.path != "" && private.path != standardOutput && within(private.path, folder.Path) {
			return 1, fmt.Errorf("the %s %s is in the shared folder: choose another with %s",
				private.what, private.path, private.flag)
		}
	}
	logged, shown, where := stdout, stderr, "standard output"
	if opt.log != standardOutput {
		file, err := asynclog.OpenFile(opt.log, int64(opt.logMax))
		if err != nil {
			const hint = "choose another with -log; - is standard output"
			return 1, fmt.Errorf("cannot write the log: %w: %s", err, hint)
		}
		defer file.Close()
		if file.Public() {
			const public = "server: every user of this machine can read the log: chmod 600 %s\n"
			fmt.Fprintf(stderr, public, opt.log)
		}
		logged, shown, where = file, stdout, opt.log
	}
	// Sessions have heartbeats, which notice more than TCP's keep-alive.
	listener, err := (&net.ListenConfig{KeepAlive: -1}).Listen(context.Background(), "tcp", opt.address)
	if err != nil {
		return 1, fmt.Errorf("cannot listen on %s: %w", opt.address, hint(err))
	}
	opt.address = listener.Addr().String()
	var debug net.Listener
	if opt.debug != "" {
		debug, err = net.Listen("tcp", debugAddress(opt.debug))
		if err != nil {
			listener.Close()
			return 1, fmt.Errorf("cannot listen on %s for -debug: %w", opt.debug, hint(err))
		}
	}
	attended, signals := onTerminal(), notify()
	defer signal.Stop(signals)

	terminal := asynclog.New(console{shown}, guard, nil)
	defer terminal.Close()
	log := asynclog.New(logged, guard, func(err error) {
		if err != nil {
			fmt.Fprintf(stderr, "server: cannot write the log, trying again: %v\n", err)
		} else {
			fmt.Fprintln(stderr, "server: the log is written again")
		}
	})
	opt.fit(stderr)
	a, err := newApp(opt, folder, asynclog.NewBudget(log, int64(opt.logDay)), terminal, stderr, guard)
	if err != nil {
		listener.Close()
		log.Close()
		return unstarted(err)
	}
	a.start(listener, stdin)
	if debug != nil {
		a.show("debugging on http://" + debug.Addr().String() + "/debug/pprof/ and /debug/vars")
		defer serveDebug(debug, a.hub.Stats)()
	}
	var reason string
	var again <-chan time.Time // when to look once more whether the terminal is gone
	for reason == "" {
		select {
		case <-again:
			if attended != onTerminal() {
				reason = syscall.SIGHUP.String()
			}
		case s := <-signals:
			if s == syscall.SIGHUP && attended == onTerminal() {
				a.log.Info("hangup") // to write it opens the log anew when it was renamed
				a.show("the log goes on in " + where)
				again = time.After(time.Second) // the system may signal before it closes a terminal
				continue
			}
			reason = s.String()
		case <-a.quit:
			reason = "operator"
		case e := <-a.failed:
			a.log.Error("state not written", "error", e)
			reason, status, err = "disk", 1, fmt.Errorf("cannot write the state: %w", e)
		case c := <-crashed:
			a.log.Error("crash", "reason", c.reason, "stack", c.stack)
			reason, status, err = "crash", 2, fmt.Errorf("crashed: %s: the stack is in %s", c.reason, where)
		}
	}
	a.end(reason)
	if e := log.Close(); e != nil && err == nil {
		status, err = 1, fmt.Errorf("the log is not complete: %w", e)
	} else if e != nil {
		err = fmt.Errorf("%w; the log is not complete: %w", err, e)
	}
	return status, err
}

// within reports whether a path lies in a folder, whatever links lead there and however it is written. Of a
// path that does not exist yet, the folder that it is to be made in counts.
func within(path, folder string) bool {
	const deepest = 1000 // folders, and links to what does not exist
	shared, err := os.Stat(folder)
	if err != nil {
		return false
	}
	path, err = filepath.Abs(path)
	for range deepest {
		resolved, missing := filepath.EvalSymlinks(path)
		if missing != nil {
			resolved, missing = os.Readlink(path)
		}
		switch {
		case err != nil:
			return false
		case missing == nil && filepath.IsAbs(resolved):
			path = resolved
		case missing == nil:
			path = filepath.Join(filepath.Dir(path), resolved)
		}
		if info, err := os.Stat(path); err == nil && os.SameFile(info, shared) {
			return true
		}
		parent := filepath.Dir(path)
		if parent == path {
			return false
		}
		path = parent
	}
	return false
}

// hint adds to an error of Listen what to do about it, and leaves out what it repeats.
func hint(err error) error {
	const windowsInUse = syscall.Errno(10048)
	if errors.Is(err, syscall.EADDRINUSE) || errors.Is(err, windowsInUse) {
		return errors.New("the port is in use: end the program that has it, or choose another port")
	}
	if errors.Is(err, os.ErrPermission) {
		return errors.New("not permitted: choose a port from 1024 on")
	}
	if e := (*net.OpError)(nil); errors.As(err, &e) {
		err = e.Err
	}
	return fmt.Errorf("%w: choose an address of this machine", err)
}
