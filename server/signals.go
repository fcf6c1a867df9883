package main

import (
	"os"
	"os/signal"
	"syscall"
)

// sigttin stops a background job that reads from its terminal on Linux and macOS. On Windows it is nothing.
const sigttin = syscall.Signal(21)

// notify returns the signals for the server. One that was ignored when the program started, as SIGHUP is
// under nohup, stays ignored. Of SIGTERM that cannot be known, because Go catches it before.
func notify() chan os.Signal {
	signals := make(chan os.Signal, 8) // a burst; main reads them at once
	for _, s := range []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP} {
		if !signal.Ignored(s) {
			signal.Notify(signals, s)
		}
	}
	// Neither a terminal that belongs to another job nor a reader of its output that goes stops the server.
	signal.Ignore(sigttin, syscall.SIGPIPE)
	return signals
}

// onTerminal tells whether the program has a controlling terminal, which is gone when its window was closed.
func onTerminal() bool {
	terminal, err := os.Open("/dev/tty")
	if err != nil {
		return false
	}
	terminal.Close()
	return true
}
