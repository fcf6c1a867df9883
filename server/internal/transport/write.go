package transport

import "bytes"

// MaxWrite returns how many bytes are to be written to c at a time. A system call for more costs no less for
// each byte; what a TLS connection does not take is kept as records, which it does not share with others.
func (c *Conn) MaxWrite() int {
	if c.tls != nil {
		return 64 << 10
	}
	return 256 << 10
}

// A Writer writes to one connection at a time what the connection takes without blocking. It is for one
// goroutine.
type Writer struct {
	sealer sealer
	try    *tryWriter
	one    [1][]byte
}

// NewWriter returns a Writer.
func NewWriter() *Writer { return &Writer{try: newTryWriter()} }

// TryWrite writes bufs to c, and returns the part that would block, sealed. That part belongs to the caller
// as far as bufs did.
func (w *Writer) TryWrite(c *Conn, bufs [][]byte) (unsent [][]byte, err error) {
	if len(bufs) == 0 || c.tls == nil {
		return w.try.write(c.raw, bufs)
	}
	w.one[0], err = w.sealer.seal(c, bufs)
	if err != nil {
		return nil, err
	}
	unsent, err = w.try.write(c.raw, w.one[:])
	if len(unsent) == 0 {
		return nil, err
	}
	return [][]byte{bytes.Clone(unsent[0])}, err // the sealer's memory is used again
}

// Rest returns what must be written of unsent, which Seal or TryWrite returned, before anything else may be:
// all records, or what there is of the first line, in memory of its own.
func (c *Conn) Rest(unsent [][]byte) [][]byte {
	if c.tls != nil {
		return unsent
	}
	var line []byte
	for _, b := range unsent {
		end := bytes.IndexByte(b, '\n') + 1
		if end > 0 {
			return [][]byte{append(line, b[:end]...)}
		}
		line = append(line, b...)
	}
	return [][]byte{line}
}
