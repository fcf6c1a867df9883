// Package measure compares the server with others, and with what the machine can do at most.
package measure

import (
	"io"
	"time"
)

// Options say what is measured.
type Options struct {
	Server, Client string        // parley's programs
	Self           string        // this program, which with -bare is the bare loop
	Flags          string        // more of the server's, separated by spaces
	Dir            string        // for what the servers write
	Rounds         int           // each gives one figure; the median counts
	Time           time.Duration // of a saturated measurement
	Only           string        // measurements whose title contains it
	Among          string        // peers whose name contains one of these words; all when empty
	Progress       io.Writer     // gets a line for each measurement
}
