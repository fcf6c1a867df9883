package files

import (
	"crypto/sha256"
	"encoding/hex"
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
	return &Transfer{folder: f, name: name, asked: offset, version: version, log: log, sum: sha256.New(), piece: 4 * minPiece, how: "connection ended"}
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
	case t.digest == "" && t.hashed < t.offset:
		return t.hash(nc, min(hashPiece, t.offset-t.hashed)) // while the system sends what it was given
	case t.offset < t.file.Size:
		return t.data(nc)
	}
	now, err := t.folder.look(t.file.File)
	switch {
	case err != nil || now.Size != t.file.Size || !now.mtime.Equal(t.file.mtime):
		return t.fail(nc, t.changed())
	case t.digest != "" && now.Version != t.file.Version: // the content, or only a link or a right: to read it tells
		t.digest = ""
		return nil
	case t.digest == "":
		t.digest = hex.EncodeToString(t.sum.Sum(nil))
		if t.file.settled && now.Version == t.file.Version {
			t.folder.digests.Store(t.name, known{now.Version, t.digest})
		}
	}
	return t.end(nc, "complete", wire.Message{Verb: wire.Sent, Digest: []byte(t.digest), Size: uint64(t.file.Size), Name: []byte(t.name)})
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
	if k, ok := t.folder.digests.Load(t.name); ok && k.(known).version == file.Version {
		t.digest = k.(known).digest
	}
	t.log.Info("download begun", "file", t.name, "size", file.Size, "offset", t.first)
	return t.write(nc, &wire.Message{Verb: wire.Sending, Size: uint64(file.Size), Offset: uint64(t.first), Version: []byte(file.Version), Name: []byte(t.name)})
}

// data sends the next piece by the kernel, from file to socket where both are such.
func (t *Transfer) data(nc net.Conn) error {
	limitUnsent(nc, int(t.piece)) // or a message would wait for what the system holds, which may be seconds
	n := min(t.piece, t.file.Size-t.offset)
	began := time.Now()
	if err := t.write(nc, &wire.Message{Verb: wire.Data, Count: uint64(n)}); err != nil {
		return err
	}
	if _, err := t.file.Seek(t.offset, io.SeekStart); err != nil {
		return fmt.Errorf("reading %s: %w", t.name, err)
	}
	sent, err := io.CopyN(nc, t.file.File, n)
	if errors.Is(err, io.EOF) {
		// The file is shorter than it was, but n bytes are announced: the client must get them to find the next line.
		if _, err = nc.Write(make([]byte, n-sent)); err == nil {
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
	return nil
}

// hash reads n bytes on to learn the digest.
func (t *Transfer) hash(nc net.Conn, n int64) error {
	_, err := io.Copy(t.sum, io.NewSectionReader(t.file, t.hashed, n))
	t.hashed += n
	if err != nil {
		return t.fail(nc, wire.Errorf(wire.Get, wire.CodeFileFailed, "%s cannot be read: %v", t.name, cause(err)))
	}
	return nil
}

func (t *Transfer) changed() error {
	return wire.Errorf(wire.Get, wire.CodeChanged, "%s changed while it was sent: get it again", t.name)
}

// fail ends the transfer with the ERROR that err, a *wire.ProtocolError, tells.
func (t *Transfer) fail(nc net.Conn, err error) error {
	e := &wire.ProtocolError{Verb: wire.Get, Code: wire.CodeFileFailed, Text: err.Error()}
	errors.As(err, &e)
	return t.end(nc, e.Code, e.Message())
}

func (t *Transfer) end(nc net.Conn, how string, m wire.Message) error {
	if err := t.write(nc, &m); err != nil {
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
