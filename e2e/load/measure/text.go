//go:build linux

package measure

import (
	"bytes"
	"fmt"
	"time"
)

// Every message is a text of textSize bytes: a mark that occurs nowhere else, who sent it, which one it is,
// and when it was sent. So receivers can count, check and time messages without a parser for any protocol.
const (
	textSize = 100 // bytes
	mark     = '|'
	header   = 1 + 4 + 8 + 16 // bytes: the mark, and in hexadecimal the sender, its count from 0, nanoseconds
)

var epoch = time.Now()

func appendText(b []byte, sender, count int, sent time.Duration) []byte {
	from := len(b)
	b = append(b, mark)
	b = appendHex(b, uint64(sender), 4)
	b = appendHex(b, uint64(count), 8)
	b = appendHex(b, uint64(sent), 16)
	for len(b) < from+textSize {
		b = append(b, 'x')
	}
	return b
}

func appendHex(b []byte, n uint64, digits int) []byte {
	for i := digits - 1; i >= 0; i-- {
		b = append(b, "0123456789abcdef"[n>>(4*i)&15])
	}
	return b
}

// A head is the beginning of a text.
type head []byte

func (h head) sender() int         { return int(hex(h[1:5])) }
func (h head) count() int          { return int(hex(h[5:13])) }
func (h head) sent() time.Duration { return time.Duration(hex(h[13:header])) }

// hex returns the number that b says; where it says none, the sums do not come out even, which is noticed.
func hex(b []byte) (n uint64) {
	for _, c := range b {
		if c >= 'a' {
			c -= 'a' - '0' - 10
		}
		n = n<<4 + uint64(c-'0')
	}
	return n
}

// marks calls each with the head of every text in b, of which what is incomplete at the end comes with the
// next call.
func (m *member) marks(b []byte, each func(head) error) error {
	if len(m.tail) > 0 {
		m.tail = append(m.tail, b...)
		b = m.tail
	}
	for {
		i := bytes.IndexByte(b, mark)
		if i < 0 {
			m.tail = m.tail[:0]
			return nil
		}
		b = b[i:]
		if len(b) < header {
			m.tail = append(m.tail[:0], b...)
			return nil
		}
		if err := each(head(b[:header])); err != nil {
			return err
		}
		b = b[header:]
	}
}

// A checker verifies what one member receives: everything, in order, once, and nothing of its own.
type checker struct {
	self int
	next []int // the count that each sender's next message must have
	seen int
}

func (c *checker) check(h head) error {
	sender, count := h.sender(), h.count()
	switch {
	case sender == c.self:
		return fmt.Errorf("connection %d received its own message", c.self)
	case sender >= len(c.next):
		return fmt.Errorf("connection %d received a message of %d, who does not send", c.self, sender)
	case count != c.next[sender]:
		return fmt.Errorf("connection %d received message %d of %d where %d belongs", c.self, count, sender,
			c.next[sender])
	}
	c.next[sender]++
	c.seen++
	return nil
}
