//go:build linux

// Attack does to a server what strangers could, and measures what it costs those who only want to talk. Run
// it from the module's folder:
//
//	go run ./e2e/attack                          every attack
//	go run ./e2e/attack -only who                one of them
//	go run ./e2e/attack -flags "-per-address 32" with the limits that do not count on this machine otherwise
//
// For each attack a new server is started and 100 honest sessions talk, each from an address of its own; ten
// more are away. Then one other address attacks. The table says what the server took for it, what an honest
// pair had to wait for each other's messages, how many honest ones were cut off, how many of those who were
// away could not come back, and how long a newcomer waited at the door. Its first row is no attack.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const usage = "usage: go run ./e2e/attack " +
	`[-time TIME] [-only TEXT] [-flags FLAGS] [-from ADDRESS] [-server FILE]
       go run ./e2e/attack -list

Starts a server for each attack, has 100 honest sessions talk, attacks, and prints what it cost as a table.
It takes Linux, and a limit of 25000 open files (ulimit -n) for all attacks.

  -time TIME     attack for so long, and measure for as long before (default 10s)
  -only TEXT     only the attacks that have TEXT in their name
  -flags FLAGS   start the server with FLAGS, too: -flags "-per-address 32"
  -from ADDRESS  attack from ADDRESS (default 127.0.0.2)
  -server FILE   the server's program (default: build it)
  -list          say what the attacks are
  -h             show this

Status: 0 nobody honest was cut off or shut out, 1 somebody was or it failed, 2 wrong usage.
`

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// options are what the command line says.
type options struct {
	time                      time.Duration
	only, flags, from, server string
	list                      bool
	at                        string // the server to be attacked, by the process that only attacks
}

// run returns the exit status.
func run(args []string, out, errs io.Writer) int {
	o, err := parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(out, usage)
		return 0
	case err != nil:
		fmt.Fprintf(errs, "attack: %v\n\n%s", err, usage)
		return 2
	case o.list:
		for _, a := range attacks {
			fmt.Fprintf(out, "%-16s %s\n", a.name, a.about)
		}
		return 0
	}
	if o.at != "" {
		if err := strike(o, os.Stdin, out); err != nil {
			fmt.Fprintf(errs, "attack: %v\n", err)
			return 1
		}
		return 0
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	harmed, err := work(ctx, o, out, errs)
	if err != nil {
		fmt.Fprintf(errs, "attack: %v\n", err)
	}
	if harmed || err != nil {
		return 1
	}
	return 0
}

func parse(args []string) (o options, err error) {
	flags := flag.NewFlagSet("attack", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.DurationVar(&o.time, "time", 10*time.Second, "")
	flags.StringVar(&o.only, "only", "", "")
	flags.StringVar(&o.flags, "flags", "", "")
	flags.StringVar(&o.from, "from", "127.0.0.2", "")
	flags.StringVar(&o.server, "server", "", "")
	flags.BoolVar(&o.list, "list", false, "")
	// attack a server that runs: how a process that only attacks is started
	flags.StringVar(&o.at, "at", "", "")
	switch err := flags.Parse(args); {
	case err != nil:
		return o, err
	case flags.NArg() > 0:
		return o, fmt.Errorf("it takes no arguments but flags, got %q", flags.Arg(0))
	case o.time <= 0:
		return o, errors.New("-time must be above 0")
	}
	return o, nil
}

// work makes the attacks, prints the table, and reports whether anyone honest was harmed.
func work(ctx context.Context, o options, out, errs io.Writer) (harmed bool, err error) {
	if err := raiseFiles(); err != nil {
		return false, err
	}
	dir, err := os.MkdirTemp("", "parley-attack-")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(dir)
	if o.server == "" {
		o.server = filepath.Join(dir, "server")
		build := exec.Command("go", "build", "-o", o.server, "./server")
		if text, err := build.CombinedOutput(); err != nil {
			return false, fmt.Errorf("%s: %w\n%s", build, err, text)
		}
	}
	var done []result
	for _, a := range attacks {
		if !strings.Contains(a.name, o.only) {
			continue
		}
		fmt.Fprintf(errs, "%s: %s\n", a.name, a.about)
		r, err := try(ctx, o, a, filepath.Join(dir, strings.ReplaceAll(a.name, " ", "-")))
		if err != nil {
			return false, errors.Join(fmt.Errorf("%s: %w", a.name, err), write(out, done))
		}
		fmt.Fprintf(errs, "    %s\n", r.note)
		done = append(done, r)
		harmed = harmed || r.cut+r.lost > 0 || r.door < 0
	}
	return harmed, write(out, done)
}

// raiseFiles lets this program and the servers that it starts have as many connections as the system allows.
func raiseFiles() error {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return err
	}
	l.Cur = l.Max
	return syscall.Setrlimit(syscall.RLIMIT_NOFILE, &l)
}
