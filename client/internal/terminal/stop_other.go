//go:build !unix

package terminal

import "os"

// stoppable reports whether a shell waits that can continue the client when it is stopped.
func stoppable() bool { return false }

// notifyResumed does nothing: programs are not stopped here.
func notifyResumed(chan<- os.Signal) {}
