package files

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"

	"parley/server/wire"
)

// run uses the disk for the transfer, until its end or Close.
func (t *Transfer) run() {
	defer t.folder.guard()
	err := t.use(func() (err error) {
		t.file, err = t.folder.open(t.Name)
		return err
	})
	if err == nil {
		defer t.file.release()
		if t.file.versionStable {
			t.digest, t.hashes = t.folder.digest(t.Name, t.file, t.User)
			defer t.folder.release(t.digest)
		}
		err = t.prepare()
	}
	var failed *wire.ProtocolError
	if errors.As(err, &failed) {
		t.hand(failed.Message())
	}
	<-t.closed // until then Piece sends from the file
}

func (t *Transfer) use(do func() error) error { return t.folder.use(t.closed, do) }

// hand gives Piece a line to write, when the one before has been taken. The error is ErrStopped.
func (t *Transfer) hand(m wire.Message) error {
	select {
	case t.lines <- m:
		t.wake()
		return nil
	case <-t.closed:
		return ErrStopped
	}
}

// prepare hands on the lines of the download. Each DATA comes when its bytes were read, so that the network
// does not wait for the disk.
func (t *Transfer) prepare() error {
	start, err := t.startOffset()
	if err != nil {
		return err
	}
	size, name := t.file.Size, []byte(t.Name)
	err = t.hand(wire.Message{Verb: wire.Sending, Size: uint64(size), Offset: uint64(start),
		Version: []byte(t.file.Version), Name: name})
	for at := start; at < size && err == nil; {
		n := min(t.pieceSize.Load(), size-at)
		if t.digest == nil {
			err = t.hash(at, at+n)
		} else {
			err = t.read(at, n)
		}
		if err == nil {
			err = t.hand(wire.Message{Verb: wire.Data, Count: uint64(n)})
		}
		at += n
	}
	if err != nil {
		return err
	}
	digest, err := t.verify()
	if err != nil {
		return err
	}
	return t.hand(wire.Message{Verb: wire.Sent, Digest: fmt.Appendf(nil, "%x", digest), Size: uint64(size),
		Name: name})
}

// startOffset returns the requested offset if the client has the bytes before it, else 0.
func (t *Transfer) startOffset() (int64, error) {
	switch {
	case t.Offset > t.file.Size:
		return 0, nil
	case t.Version == "-", t.Version == t.file.Version:
		return t.Offset, nil
	case !strings.HasPrefix(t.Version, digestPrefix):
		return 0, nil
	}
	begun, err := t.digestOf(t.Offset)
	if err != nil || t.Version != digestPrefix+base64.RawURLEncoding.EncodeToString([]byte(begun)) {
		return 0, err
	}
	return t.Offset, nil
}

// digestOf returns the digest of the first n bytes of the file.
func (t *Transfer) digestOf(n int64) (string, error) {
	if t.digest == nil || n < t.file.Size {
		err := t.hash(n, n)
		return string(t.sum.Sum(nil)), err
	}
	select {
	case <-t.digest.done:
		return t.digest.sum, t.explain(t.digest.err)
	case <-t.closed:
		return "", ErrStopped
	}
}

// hash has sum go on up to the offset end. The bytes from sent on cost no more than to send them.
func (t *Transfer) hash(sent, end int64) error {
	from := t.hashed
	t.hashed = max(from, end)
	sent = min(max(from, sent), t.hashed)
	err := t.folder.check(t.sum, t.file, from, sent, t.closed)
	if err == nil {
		err = t.folder.readParts(t.file, sent, t.hashed, t.closed, func(part []byte) { t.sum.Write(part) })
	}
	return t.explain(err)
}

// explain turns an error of the disk into the answer to the GET.
func (t *Transfer) explain(err error) error {
	switch err {
	case nil, ErrStopped:
		return err
	case errChanged:
		return t.changed()
	}
	return fileError(t.Name, err)
}

// read has the system read n bytes of the file, unless that is done for the digest.
func (t *Transfer) read(at, n int64) error {
	if t.digest.await(at+n, t.closed) {
		return nil
	}
	for end := at + n; at < end; at += maxPiece {
		part := io.NewSectionReader(t.file, at, min(maxPiece, end-at))
		var got int64
		err := t.use(func() (err error) {
			got, err = io.Copy(io.Discard, part)
			return err
		})
		if err == nil && got < part.Size() {
			err = errChanged
		}
		if err != nil {
			return t.explain(err)
		}
	}
	return nil
}

// verify waits until all was sent, and returns the digest of the file if the file still begins with that. The
// file may have grown meanwhile, as a log does.
func (t *Transfer) verify() (digest string, err error) {
	digest, err = t.digestOf(t.file.Size)
	if err != nil {
		return "", err
	}
	select {
	case <-t.sent:
	case <-t.closed:
		return "", ErrStopped
	}
	var now *File
	err = t.use(func() (err error) {
		now, err = t.folder.stat(t.file.File)
		return err
	})
	if err != nil {
		return "", t.explain(err)
	}
	if now.Version == t.file.Version {
		return digest, nil
	}
	again := sha256.New() // only the content tells whether the content changed
	if err := t.folder.check(again, t.file, 0, t.file.Size, t.closed); err != nil {
		return "", t.explain(err)
	}
	if string(again.Sum(nil)) != digest {
		return "", t.changed()
	}
	return digest, nil
}
