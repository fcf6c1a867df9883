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

	"parley/server/internal/deliver"
	"parley/server/wire"
)

// A piece is as large as the connection takes in about the time that chat may wait for it.
const (
	minPiece  = 16 << 10
	maxPiece  = 1 << 20
	pieceTime = 20 * time.Millisecond
)

// digestPrefix begins a GET's version that is a digest.
const digestPrefix = "sha256:"

// A Request is what a GET asks for.
type Request struct {
	Name    string
	Offset  int64
	Version string // "-" for any, the Version of a File, or the digest of the bytes before Offset
	User    string // who asks
	Addr    string // from where
	Log     *slog.Logger
	Failed  func() // called if the transfer ends with an ERROR, unless it was stopped
}

// A Transfer is one download. It is a deliver.Transfer: one goroutine at a time calls Piece and Close, and
// writes to the network. The disk may hang, so a goroutine of the transfer's own uses it, a piece ahead.
type Transfer struct {
	Request
	folder    *Folder
	stopped   atomic.Bool
	pieceSize atomic.Int64 // bytes of the next DATA

	// set by begin
	lines  chan wire.Message // what Piece writes next: SENDING, DATA, SENT or ERROR
	sent   chan struct{}     // closed when all bytes of the file were sent
	closed chan struct{}     // closed by Close
	wake   func()

	// owned by the caller of Piece
	refused error  // a *wire.ProtocolError that says why nothing is sent
	offset  int64  // of the next DATA
	bytes   int64  // that were sent
	outcome string // for the log

	// owned by the goroutine that uses the disk; file is read by the caller of Piece after SENDING
	file   *File
	digest *digest // nil if the file has just changed: then sum tells it
	hashes bool    // the file is read for the digest
	sum    hash.Hash
	hashed int64 // up to which the file went through sum
}

// Send returns a download: from the request's offset if the file is the version that it asks for, else from
// the beginning. Until the first Piece, it holds little but the name.
func (f *Folder) Send(r Request) *Transfer {
	t := &Transfer{Request: r, folder: f, outcome: "connection ended"}
	if err := checkName(r.Name); err != nil {
		t.refused = fileError(r.Name, err)
		t.Name = "" // it may be as long as a line
	}
	return t
}

// Cost returns how many bytes of memory the transfer takes while it waits for its turn.
func (t *Transfer) Cost() int {
	const fields = 512
	return fields + len(t.Name) + len(t.Version)
}

// Stop ends the transfer at the next Piece.
func (t *Transfer) Stop() { t.stopped.Store(true) }

// Close logs how the transfer ended.
func (t *Transfer) Close() {
	if t.closed != nil {
		close(t.closed)
		t.folder.leave(t.Addr)
	}
	t.Log.Info("download ended", "file", t.Name, "bytes", t.bytes, "how", t.outcome)
}

// begin starts to read the file, unless too many are sent already.
func (t *Transfer) begin(wake func()) error {
	if t.refused != nil {
		return t.refused
	}
	if !t.folder.enter(t.Addr) {
		return wire.Errorf(wire.Get, wire.CodeBusy,
			"too many files are sent at present: get %s later", t.Name)
	}
	t.pieceSize.Store(4 * minPiece)
	t.lines, t.sent, t.closed = make(chan wire.Message, 1), make(chan struct{}), make(chan struct{})
	t.wake, t.sum = wake, sha256.New()
	t.folder.work.Go(t.run)
	return nil
}

// Piece sends the next piece of the file over nc. It returns io.EOF after the last, and deliver.ErrWait if
// the disk has none ready: then wake is called when it has.
func (t *Transfer) Piece(nc net.Conn, wake func()) error {
	if t.stopped.Load() {
		return t.finish(nc, wire.Errorf(wire.Get, wire.CodeStopped, "stopped: %s", t.Name).Message())
	}
	if t.closed == nil {
		var refused *wire.ProtocolError
		if errors.As(t.begin(wake), &refused) {
			return t.finish(nc, refused.Message())
		}
	}
	var m wire.Message
	select {
	case m = <-t.lines:
	default:
		return deliver.ErrWait
	}
	switch m.Verb {
	case wire.Sending:
		t.Log.Info("download begun", "file", t.Name, "size", m.Size, "offset", m.Offset)
		t.advance(int64(m.Offset))
		return t.write(nc, m)
	case wire.Data:
		return t.data(nc, m)
	}
	return t.finish(nc, m)
}

// data sends a DATA with its bytes, by the kernel if file and connection allow it.
func (t *Transfer) data(nc net.Conn, m wire.Message) error {
	n := int64(m.Count)
	limitUnsent(nc, int(n)) // or a message would wait for what the system holds, which may be seconds
	began := time.Now()
	if err := t.write(nc, m); err != nil {
		return err
	}
	if _, err := t.file.Seek(t.offset, io.SeekStart); err != nil {
		return fmt.Errorf("reading %s: %w", t.Name, err)
	}
	sent, err := io.CopyN(nc, t.file.File, n)
	if errors.Is(err, io.EOF) {
		// The file has become shorter, but n bytes are announced: the client must get them to find
		// the next line.
		if _, err = nc.Write(make([]byte, n-sent)); err == nil {
			return t.finish(nc, t.changed().Message())
		}
	}
	if err != nil {
		return fmt.Errorf("sending %s: %w", t.Name, err)
	}
	switch took := time.Since(began); {
	case took < pieceTime:
		t.pieceSize.Store(min(2*n, maxPiece))
	case took > 2*pieceTime:
		t.pieceSize.Store(max(n/2, minPiece))
	}
	t.bytes += n
	t.advance(n)
	return nil
}

// advance moves the offset, and tells the other goroutine if that was the last of the file.
func (t *Transfer) advance(n int64) {
	t.offset += n
	if t.offset == t.file.Size {
		close(t.sent)
	}
}

func (t *Transfer) changed() *wire.ProtocolError {
	return wire.Errorf(wire.Get, wire.CodeChanged, "%s changed while it was sent: get it again", t.Name)
}

// finish ends the transfer with a SENT or an ERROR.
func (t *Transfer) finish(nc net.Conn, m wire.Message) error {
	if m.Verb == wire.Error && string(m.Code) != wire.CodeStopped {
		t.Failed()
	}
	if err := t.write(nc, m); err != nil {
		return err
	}
	limitUnsent(nc, 0)
	t.outcome = "complete"
	if m.Verb == wire.Error {
		t.outcome = string(m.Code)
	}
	return io.EOF
}

func (t *Transfer) write(nc net.Conn, m wire.Message) error {
	_, err := nc.Write(m.AppendServer(nil))
	return err
}
