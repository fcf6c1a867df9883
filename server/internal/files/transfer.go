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

	"parley/server/wire"
)

// A piece is as large as goes out in about the time that chat may wait for it.
const (
	minPiece  = 16 << 10
	maxPiece  = 1 << 20
	pieceTime = 20 * time.Millisecond
	hashPiece = 4 << 20 // bytes of a file that are only read
)

// A Transfer is one download. It is a room.Transfer: Piece and Close are called by one goroutine at a time.
type Transfer struct {
	// set at construction
	folder  *Folder
	name    string
	asked   int64
	version string
	log     *slog.Logger

	stopped atomic.Bool

	// owned by who calls Piece
	file   *File
	first  int64 // offset where DATA begins
	offset int64 // up to which the file was sent
	hashed int64 // up to which it went through sum
	sum    hash.Hash
	digest string // known before, or "" when sum has to tell it
	piece  int64
	line   []byte
	how    string
}

// Send returns the download of the file name from the offset on, when it is still the version ("-" for any), else from its
// beginning.
func (f *Folder) Send(name string, offset int64, version string, log *slog.Logger) *Transfer {
	return &Transfer{folder: f, name: name, asked: offset, version: version, log: log, piece: 4 * minPiece, how: "connection ended"}
}

// Stop lets the transfer end at the next piece.
func (t *Transfer) Stop() { t.stopped.Store(true) }

// Close tells how the transfer ended.
func (t *Transfer) Close() {
	if t.file != nil {
		t.file.Close()
	}
	t.log.Info("download ended", "file", t.name, "bytes", t.offset-t.first, "how", t.how)
}

// Piece sends the next piece of the file over nc. It returns io.EOF after the last.
func (t *Transfer) Piece(nc net.Conn) error {
	switch {
	case t.stopped.Load():
		return t.fail(nc, wire.Errorf(wire.Get, wire.CodeStopped, "stopped: %s", t.name))
	case t.file == nil:
		return t.open(nc)
	case t.digest == "" && t.hashed < t.first:
		return t.unreadable(nc, t.hash(min(hashPiece, t.first-t.hashed)))
	case t.offset < t.file.Size:
		return t.data(nc)
	}
	if info, err := t.file.Stat(); err != nil || version(info) != t.file.Version {
		return t.fail(nc, t.changed())
	}
	if t.digest == "" {
		t.digest = t.folder.remember(t.file, t.sum.Sum(nil))
	}
	t.how = "complete"
	return t.end(nc, &wire.Message{Verb: wire.Sent, Digest: []byte(t.digest), Size: uint64(t.file.Size), Name: []byte(t.name)})
}

func (t *Transfer) open(nc net.Conn) error {
	file, err := t.folder.open(t.name)
	if err != nil {
		return t.fail(nc, err)
	}
	t.file = file
	if t.asked <= file.Size && (t.version == "-" || t.version == file.Version) {
		t.first = t.asked
	}
	t.offset = t.first
	// A remembered digest spares reading what the client has. Else the file is read anyway, and its digest is that of what
	// was read, also where another content came in with the old size and time.
	if t.first > 0 {
		t.digest, _ = t.folder.digest(file)
	}
	if t.digest == "" {
		t.sum = sha256.New()
	}
	t.log.Info("download begun", "file", t.name, "size", file.Size, "offset", t.first)
	return t.write(nc, &wire.Message{Verb: wire.Sending, Size: uint64(file.Size), Offset: uint64(t.first), Version: []byte(file.Version), Name: []byte(t.name)})
}

// data sends the next piece by the kernel, from file to socket where both are such.
func (t *Transfer) data(nc net.Conn) error {
	n := min(t.piece, t.file.Size-t.offset)
	began := time.Now()
	if err := t.write(nc, &wire.Message{Verb: wire.Data, Count: uint64(n)}); err != nil {
		return err
	}
	if _, err := t.file.Seek(t.offset, io.SeekStart); err != nil {
		return fmt.Errorf("reading %s: %w", t.name, err)
	}
	hashed := t.hashMeanwhile(n)
	sent, err := io.CopyN(nc, t.file.File, n)
	unread := hashed()
	if errors.Is(err, io.EOF) {
		// The file is shorter than it was, but n bytes are announced: the client must get them to find the next line.
		if _, err = io.CopyN(nc, zeros{}, n-sent); err == nil {
			return t.fail(nc, t.changed())
		}
	}
	if err != nil {
		return fmt.Errorf("sending %s: %w", t.name, err)
	}
	switch took := time.Since(began); {
	case took < pieceTime:
		t.piece = min(2*t.piece, maxPiece)
	case took > 2*pieceTime:
		t.piece = max(t.piece/2, minPiece)
	}
	t.offset += n
	return t.unreadable(nc, unread)
}

// hashMeanwhile begins to hash n bytes, where the digest is not known, while they are sent. The function that it returns
// waits for that; a panic goes on there.
func (t *Transfer) hashMeanwhile(n int64) (wait func() error) {
	if t.digest != "" {
		return func() error { return nil }
	}
	var err error
	ended := make(chan any)
	go func() {
		defer func() { ended <- recover() }()
		err = t.hash(n)
	}()
	return func() error {
		if p := <-ended; p != nil {
			panic(p)
		}
		return err
	}
}

// hash reads on to learn the digest.
func (t *Transfer) hash(n int64) error {
	_, err := io.Copy(t.sum, io.NewSectionReader(t.file, t.hashed, n))
	t.hashed += n
	return err
}

// unreadable ends the transfer if err says that the file cannot be read.
func (t *Transfer) unreadable(nc net.Conn, err error) error {
	if err == nil {
		return nil
	}
	return t.fail(nc, wire.Errorf(wire.Get, wire.CodeFileFailed, "%s cannot be read: %v", t.name, cause(err)))
}

func (t *Transfer) changed() error {
	return wire.Errorf(wire.Get, wire.CodeChanged, "%s changed while it was sent: get it again", t.name)
}

// fail ends the transfer with the ERROR that err, a *wire.ProtocolError, tells.
func (t *Transfer) fail(nc net.Conn, err error) error {
	e := &wire.ProtocolError{Verb: wire.Get, Code: wire.CodeFileFailed, Text: err.Error()}
	errors.As(err, &e)
	t.how = e.Code
	m := e.Message()
	return t.end(nc, &m)
}

func (t *Transfer) end(nc net.Conn, m *wire.Message) error {
	if err := t.write(nc, m); err != nil {
		t.how = "connection ended"
		return err
	}
	return io.EOF
}

func (t *Transfer) write(nc net.Conn, m *wire.Message) error {
	t.line = m.AppendServer(t.line[:0])
	_, err := nc.Write(t.line)
	return err
}

// zeros is an endless source of zero bytes.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
