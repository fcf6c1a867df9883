// Load puts a server under load. Run it from the module's folder:
//
//	go run ./e2e/load -soak 10m
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
)

const usage = `usage: go run ./e2e/load -soak TIME [-seed N]

Builds the server and the client into a temporary folder and runs them.

  -soak TIME  for so long, clients chat and download while their connections are cut and others
              come, go and are killed; then says whether anything was lost, and whether the
              server grew
  -seed N     make the faults of this seed, which a report names (default: a new one)
  -h          show this

Status: 0 all is well, 1 something is wrong, 2 wrong usage.
`

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// options are what the command line says.
type options struct {
	soak time.Duration
	seed uint64
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
	dir, err := os.MkdirTemp("", "parley-load-")
	if err == nil {
		defer os.RemoveAll(dir)
		err = build(dir)
	}
	if err == nil {
		err = soak(o, dir, out)
	}
	if err != nil {
		fmt.Fprintf(errs, "load: %v\n", err)
		return 1
	}
	return 0
}

func parse(args []string) (o options, err error) {
	flags := flag.NewFlagSet("load", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.DurationVar(&o.soak, "soak", 0, "")
	flags.Uint64Var(&o.seed, "seed", 0, "")
	switch err := flags.Parse(args); {
	case err != nil:
		return o, err
	case flags.NArg() > 0:
		return o, fmt.Errorf("it takes no arguments but flags, got %q", flags.Arg(0))
	case o.soak <= 0:
		return o, errors.New("-soak is needed, with a time such as 10m")
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
