package files

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	"parley/server/internal/room"
	"parley/server/wire"
)

// A piece is as large as goes out in about the time that chat may wait for it.
const (
	minPiece  = 16 << 10
	maxPiece  = 1 << 20
	pieceTime = 20 * time.Millisecond
)

// A Request is what a GET asks for.
type Request struct {
	Name    string
	Offset  int64
	Version string // "-" for any, the Version of a File, or the digest of the bytes before Offset
	User    string // who asks
	Log     *slog.Logger
	Failed  func() // called when it ends with an ERROR, unless that was asked for
}

// A Transfer is one download. It is a room.Transfer: Piece and Close are called by one goroutine at a time,
// which writes to the network. The disk may not answer for a long time, so another goroutine uses that, a
// piece ahead.
type Transfer struct {
	Request
	folder  *Folder
	stopped atomic.Bool
	steps   chan step     // what goes to the network next
	sent    chan struct{} // closed when all bytes of the file were sent
	quit    chan struct{} // closed by Close
	piece   atomic.Int64  // bytes of the next piece

	// owned by who calls Piece
	begun  bool
	file   *File // nil until SENDING
	first  int64 // offset where DATA begins
	offset int64 // up to which the file was sent
	line   []byte
	how    string

	// owned by the goroutine that uses the disk
	sum    hash.Hash
	hashed int64  // up to which the file went through sum
	digest string // known before, or "" when sum has to tell it
}

// A step writes to the network what the disk has ready. Its result is that of Piece.
type step func(nc net.Conn) error

// Send returns a download: from the request's offset on when the file has the version that it asks for, else
// from its beginning.
func (f *Folder) Send(r Request) *Transfer {
	t := &Transfer{Request: r, folder: f, sum: sha256.New(), how: "connection ended",
		steps: make(chan step, 1), sent: make(chan struct{}), quit: make(chan struct{})}
	t.piece.Store(4 * minPiece)
	return t
}

// Stop lets the transfer end at the next piece.
func (t *Transfer) Stop() { t.stopped.Store(true) }

// Close tells how the transfer ended.
func (t *Transfer) Close() {
	close(t.quit)
	t.Log.Info("download ended", "file", t.Name, "bytes", t.offset-t.first, "how", t.how)
}

// Piece sends the next piece of the file over nc. It returns io.EOF after the last, and room.ErrWait when the
// disk has none ready: wake is called when it has.
func (t *Transfer) Piece(nc net.Conn, wake func()) error {
	if t.stopped.Load() {
		return t.fail(nc, wire.Errorf(wire.Get, wire.CodeStopped, "stopped: %s", t.Name))
	}
	if !t.begun {
		t.begun = true
		t.folder.work.Go(func() { t.run(wake) })
	}
	select {
	case write := <-t.steps:
		return write(nc)
	default:
		return room.ErrWait
	}
}

// begin sends that the file comes, from the offset first on.
func (t *Transfer) begin(nc net.Conn, file *File, first int64) error {
	t.file, t.first, t.offset = file, first, first
	t.Log.Info("download begun", "file", t.Name, "size", t.file.Size, "offset", t.first)
	return t.write(nc, &wire.Message{Verb: wire.Sending, Size: uint64(t.file.Size), Offset: uint64(t.first),
		Version: []byte(t.file.Version), Name: []byte(t.Name)})
}

// data sends the next n bytes by the kernel, from file to socket where both are such.
func (t *Transfer) data(nc net.Conn, n int64) error {
	limitUnsent(nc, int(n)) // or a message would wait for what the system holds, which may be seconds
	began := time.Now()
	if err := t.write(nc, &wire.Message{Verb: wire.Data, Count: uint64(n)}); err != nil {
		return err
	}
	if _, err := t.file.Seek(t.offset, io.SeekStart); err != nil {
		return fmt.Errorf("reading %s: %w", t.Name, err)
	}
	sent, err := io.CopyN(nc, t.file.File, n)
	if errors.Is(err, io.EOF) {
		// The file is shorter than it was, but n bytes are announced: the client must get them to find the
		// next line.
		if _, err = nc.Write(make([]byte, n-sent)); err == nil {
			return t.fail(nc, t.changed())
		}
	}
	if err != nil {
		return fmt.Errorf("sending %s: %w", t.Name, err)
	}
	switch took := time.Since(began); {
	case took < pieceTime:
		t.piece.Store(min(2*n, maxPiece))
	case took > 2*pieceTime:
		t.piece.Store(max(n/2, minPiece))
	}
	t.offset += n
	if t.offset == t.file.Size {
		close(t.sent)
	}
	return nil
}

func (t *Transfer) changed() error {
	return wire.Errorf(wire.Get, wire.CodeChanged, "%s changed while it was sent: get it again", t.Name)
}

// fail ends the transfer with the ERROR that err, a *wire.ProtocolError, tells.
func (t *Transfer) fail(nc net.Conn, err error) error {
	e := &wire.ProtocolError{Verb: wire.Get, Code: wire.CodeFileFailed, Text: err.Error()}
	errors.As(err, &e)
	if e.Code != wire.CodeStopped {
		t.Failed()
	}
	m := e.Message()
	return t.end(nc, e.Code, &m)
}

func (t *Transfer) end(nc net.Conn, how string, m *wire.Message) error {
	if err := t.write(nc, m); err != nil {
		return err
	}
	limitUnsent(nc, 0)
	t.how = how
	return io.EOF
}

func (t *Transfer) write(nc net.Conn, m *wire.Message) error {
	t.line = m.AppendServer(t.line[:0])
	_, err := nc.Write(t.line)
	return err
}
