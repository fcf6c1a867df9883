//go:build !linux

package measure

import (
	"errors"
	"io"
)

var errSystem = errors.New("only Linux can be measured on: it takes epoll and /proc")

// Run fails.
func Run(Options) (*Report, error) { return nil, errSystem }

// Bare fails.
func Bare(int) error { return errSystem }

// Storm fails.
func Storm(string, io.Reader, io.Writer) error { return errSystem }
