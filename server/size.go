package main

import (
	"errors"
	"flag"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// A size is a number of bytes, as a flag: 500K, 64M or 1G.
type size int64

// String is part of flag.Value.
func (s *size) String() string { return fmt.Sprint(int64(*s)) }

// Set is part of flag.Value.
func (s *size) Set(text string) error {
	number, unit := text, int64(1)
	if i := len(text) - 1; i > 0 {
		if power := strings.IndexByte("KMGT", text[i]&^0x20); power >= 0 {
			number, unit = text[:i], int64(1)<<(10*(power+1))
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64/unit {
		return errors.New("write a number of bytes, such as 500K, 64M or 1G")
	}
	*s = size(n * unit)
	return nil
}

const (
	minLogMax = 64 << 10 // several of the longest lines
	minLogDay = 1 << 20  // or a newcomer's few lines would be too many
)

// checkLog checks the flags that limit the log.
func (o *options) checkLog(flags *flag.FlagSet) error {
	var err error
	flags.Visit(func(f *flag.Flag) {
		if f.Name == "log-max" && o.log == standardOutput && o.logMax > 0 {
			err = errors.New("-log-max needs a file, and -log - is standard output: use one of them")
		}
	})
	if o.logMax != 0 && o.logMax < minLogMax || o.logDay != 0 && o.logDay < minLogDay {
		err = errors.New("-log-max must be 0 or at least 64K, -log-day 0 or at least 1M")
	}
	return err
}
