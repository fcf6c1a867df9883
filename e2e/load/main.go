// Load puts the server under load, and measures it beside others. Run it from the module's folder:
//
//	go run ./e2e/load              measure
//	go run ./e2e/load -soak 10m    look for what is lost and what grows
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"

	"parley/e2e/load/measure"
)

const usage = `usage: go run ./e2e/load [-rounds N] [-time TIME] [-only TEXT] [-among WORDS] [-flags FLAGS]
                          [-json FILE] [-svg FILE]
       go run ./e2e/load -soak TIME [-seed N] [-flags FLAGS]

Builds the server and the client into a temporary folder and runs them.

Without -soak it measures the server, and for comparison a bare loop of write(2) and those of nats-server,
ngircd, mosquitto, bun and nginx with curl that are installed, each in turn. It takes a quiet machine with
Linux, and a limit of 10500 open files (ulimit -n).

  -rounds N     measure everything N times; the medians count (default 3)
  -time TIME    measure a rate for so long (default 3s)
  -only TEXT    only what has TEXT in its name, which the progress shows
  -among WORDS  only the servers with one of the words in their names: -among "parley bare"
  -flags FLAGS  start the server with FLAGS, too: -flags "-debug 6060"
  -json FILE    write all figures to FILE
  -svg FILE     draw bars to FILE

  -soak TIME    for so long, clients chat and download while their connections are cut and others
                come, go and are killed; then says whether anything was lost, and whether the
                server grew
  -seed N       make the faults of this seed, which a report names (default: a new one)
  -h            show this

Status: 0 all is well, 1 something is wrong, 2 wrong usage.
`

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// options are what the command line says.
type options struct {
	soak      time.Duration
	seed      uint64
	measure   measure.Options
	json, svg string
	bare      int
	storm     string
}

// run returns the exit status.
func run(args []string, out, errs io.Writer) int {
	o, err := parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(out, usage)
		return 0
	case err != nil:
		fmt.Fprintf(errs, "load: %v\n\n%s", err, usage)
		return 2
	}
	switch {
	case o.bare > 0:
		err = measure.Bare(o.bare)
	case o.storm != "":
		err = measure.Storm(o.storm, os.Stdin, out)
	default:
		err = work(o, out, errs)
	}
	if err != nil {
		fmt.Fprintf(errs, "load: %v\n", err)
		return 1
	}
	return 0
}

// work builds the programs and does what the options say.
func work(o options, out, errs io.Writer) error {
	dir, err := os.MkdirTemp("", "parley-load-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := build(dir); err != nil {
		return err
	}
	if o.soak > 0 {
		return soak(o, dir, out)
	}
	o.measure.Server, o.measure.Client, o.measure.Dir = program(dir, "server"), program(dir, "client"), dir
	o.measure.Progress = errs
	o.measure.Self, err = os.Executable()
	if err != nil {
		return err
	}
	report, err := measure.Run(o.measure)
	if err != nil {
		return err
	}
	if err := report.WriteTable(out); err != nil {
		return err
	}
	if err := write(o.json, report.WriteJSON); err != nil {
		return err
	}
	if err := write(o.svg, report.WriteSVG); err != nil {
		return err
	}
	if !report.OK() {
		return errors.New("parley failed a measurement")
	}
	return nil
}

// write writes a file, if it has a name.
func write(name string, content func(io.Writer) error) error {
	if name == "" {
		return nil
	}
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(content(f), f.Close())
}

func parse(args []string) (o options, err error) {
	flags := flag.NewFlagSet("load", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.DurationVar(&o.soak, "soak", 0, "")
	flags.Uint64Var(&o.seed, "seed", 0, "")
	flags.IntVar(&o.measure.Rounds, "rounds", 3, "")
	flags.DurationVar(&o.measure.Time, "time", 3*time.Second, "")
	flags.StringVar(&o.measure.Only, "only", "", "")
	flags.StringVar(&o.measure.Among, "among", "", "")
	flags.StringVar(&o.measure.Flags, "flags", "", "")
	flags.StringVar(&o.json, "json", "", "")
	flags.StringVar(&o.svg, "svg", "", "")
	// make handshakes with a server: how the measurement has it made
	flags.StringVar(&o.storm, "storm", "", "")
	// be the bare loop, on this port: how the measurement starts it
	flags.IntVar(&o.bare, "bare", 0, "")
	switch err := flags.Parse(args); {
	case err != nil:
		return o, err
	case flags.NArg() > 0:
		return o, fmt.Errorf("it takes no arguments but flags, got %q", flags.Arg(0))
	case o.soak < 0 || o.measure.Rounds < 1 || o.measure.Time <= 0:
		return o, errors.New("-soak, -rounds and -time must be above 0")
	}
	return o, nil
}

// build puts the programs into dir.
func build(dir string) error {
	cmd := exec.Command("go", "build", "-o", dir+string(filepath.Separator), "./server", "./client")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", cmd, err, out)
	}
	return nil
}

// program returns the path of a program that build made.
func program(dir, name string) string {
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	return filepath.Join(dir, name)
}
