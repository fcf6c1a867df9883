package e2e

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

func same(c *call) {
	a, err := os.Open(c.ts.MkAbs(c.args[0]))
	c.check(err)
	defer a.Close()
	b, err := os.Open(c.ts.MkAbs(c.args[1]))
	c.check(err)
	defer b.Close()
	at, err := difference(a, b)
	c.check(err)
	if at >= 0 {
		c.fail("%s and %s differ from byte %d on", c.args[0], c.args[1], at)
	}
}

// difference returns the offset of the first byte that a and b do not share, or -1.
func difference(a, b io.Reader) (int64, error) {
	const piece = 1 << 20 // bytes to compare at a time
	bufA, bufB := make([]byte, piece), make([]byte, piece)
	for at := int64(0); ; {
		n, errA := io.ReadFull(a, bufA)
		m, errB := io.ReadFull(b, bufB)
		if !bytes.Equal(bufA[:n], bufB[:m]) {
			i := 0
			for i < min(n, m) && bufA[i] == bufB[i] {
				i++
			}
			return at + int64(i), nil
		}
		if errA == io.EOF || errA == io.ErrUnexpectedEOF {
			return -1, nil // b ends here too, or they would differ
		}
		if errA != nil || errB != nil {
			return 0, fmt.Errorf("%v, %v", errA, errB)
		}
		at += int64(n)
	}
}

// sparse writes some bytes at both ends and in the middle, so that a piece left out or moved is noticed.
func sparse(c *call) {
	size, err := bytesOf(c.args[len(c.args)-1])
	c.check(err)
	length, err := bytesOf(c.args[1])
	c.check(err)
	f, err := os.Create(c.ts.MkAbs(c.args[0]))
	c.check(err)
	defer f.Close()
	c.check(f.Truncate(size))
	for i, at := range []int64{0, size / 2, size - 8} {
		_, err := fmt.Fprintf(io.NewOffsetWriter(f, max(at, 0)), "mark%d", i)
		c.check(err)
	}
	c.check(f.Truncate(length))
	c.check(f.Close())
}

// bytesOf reads a size such as 100, 64K, 3M or 5G.
func bytesOf(s string) (int64, error) {
	shift := 0
	if i := strings.IndexByte("KMG", s[len(s)-1]); i >= 0 {
		s, shift = s[:len(s)-1], 10*(i+1)
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is no size", s)
	}
	return n << shift, nil
}

func journal(c *call) {
	if s := c.actors["server"]; s == nil || !s.hasEnded() {
		c.fail("the server is still writing it")
	}
	c.check(os.WriteFile(c.ts.MkAbs(c.args[0]), []byte(steady(c.ts.ReadFile("server.log"))), 0o666))
}
