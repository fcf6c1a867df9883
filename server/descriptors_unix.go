//go:build unix

package main

import "golang.org/x/sys/unix"

// descriptors returns how many files and connections the system lets this program have open. Go has raised
// that to what is allowed at most.
func descriptors() int {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) != nil || limit.Cur > most*10 {
		return most * 10
	}
	return int(limit.Cur)
}
