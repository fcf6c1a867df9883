package e2e

import (
	"errors"
	"os"
)

// interruptible is for systems with pseudo-terminals.
func interruptible(*os.File) (*os.File, error) { return nil, errors.ErrUnsupported }

// setSize is, too.
func setSize(*os.File, int, int) error { return errors.ErrUnsupported }
