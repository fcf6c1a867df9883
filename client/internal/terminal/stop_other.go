//go:build !unix

package terminal

// stoppable reports whether a shell waits that can continue the client when it is stopped.
func stoppable() bool { return false }
