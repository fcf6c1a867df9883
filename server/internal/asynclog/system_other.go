//go:build !unix

package asynclog

import "os"

const asFound = 0

// isForeign reports nothing: the system does not let every user make links.
func isForeign(os.FileInfo) bool { return false }

// isPublic reports nothing: the mode does not tell who can read a file.
func isPublic(os.FileInfo) bool { return false }
