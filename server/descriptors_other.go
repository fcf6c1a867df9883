//go:build !unix

package main

// descriptors returns how many files and connections the system lets this program have open: here there is no
// limit but memory.
func descriptors() int { return most * 10 }
