//go:build !linux && !darwin && !windows

package download

import "os"

const closeFirst = false

var notSynced []error

// lock locks nothing: the system has no locks that package unix knows.
func lock(*os.File) bool { return true }

// links returns 1: the number is not known.
func links(*os.File) uint64 { return 1 }

// free returns that the free space is not known.
func Free(string) (bytes uint64, known bool) { return 0, false }
