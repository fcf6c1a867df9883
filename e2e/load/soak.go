package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"parley/e2e/fault"
)

// What a soak is made of. It is to leave the machine time for other work, and the server's memory to itself.
const (
	talkers  = 12
	visitors = 6
	big      = 4 << 20 // bytes of the largest file
	pace     = 50 * time.Millisecond
	idle     = 600 * time.Millisecond // so that stalls may be longer
)

// soak runs everything at once for the time of the options, and reports.
func soak(o options, dir string, out io.Writer) error {
	if o.seed == 0 {
		o.seed = fault.Seed()
	}
	work := filepath.Join(dir, "work")
	if err := os.Mkdir(work, 0o777); err != nil {
		return err
	}
	begun := time.Now()
	report, err := fault.Run(fault.Config{
		Server: append([]string{program(dir, "server")}, strings.Fields(o.measure.Flags)...),
		Client: []string{program(dir, "client")}, Dir: work,
		Seed: o.seed, Idle: idle, Pace: pace, Talkers: talkers, Visitors: visitors, Time: o.soak,
		Shared: filepath.Join("testdata", "shared"), Big: big, Soak: true,
		Progress: func(r *fault.Report) {
			fmt.Fprintf(out, "%v: %s\n", time.Since(begun).Round(time.Second), r.Progress())
		},
	})
	if err != nil {
		return fmt.Errorf("seed %d: %w", o.seed, err)
	}
	fmt.Fprint(out, report)
	if !report.OK() {
		return errors.New("something is wrong")
	}
	return nil
}
