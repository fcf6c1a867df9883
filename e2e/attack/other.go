//go:build !linux

// Attack does to a server what strangers could, on Linux.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "attack: it takes Linux, where one machine has many addresses, and /proc")
	os.Exit(1)
}
