//go:build !linux && !darwin && !windows

package download

import "os"

const closeFirst = false

var notSynced []error

// locked locks nothing.
func locked(*os.File) bool { return false }

// free knows nothing.
func free(string) (bytes uint64, known bool) { return 0, false }
