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
		defer t.file.Close()
		err = t.prepare()
	}
	var failed *wire.ProtocolError
	if errors.As(err, &failed) {
		t.hand(failed.Message())
	}
	<-t.closed // until then Piece sends from the file
}

// use calls f, which uses the disk, as soon as not too many others do. The error is that of f, or ErrStopped.
func (t *Transfer) use(f func() error) error {
	select {
	case t.folder.uses <- struct{}{}:
		defer func() { <-t.folder.uses }()
		t.folder.beforeIO()
		return f()
	case <-t.closed:
		return ErrStopped
	}
}

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
		if t.digest == "" {
			err = t.hash(at + n)
		} else {
			err = t.read(io.Discard, at, n)
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
	t.digest = t.folder.recall(t.Name, t.file.Version, t.User)
	switch {
	case t.Offset > t.file.Size:
		return 0, nil
	case t.Version == "-", t.Version == t.file.Version:
		return t.Offset, nil
	case !strings.HasPrefix(t.Version, digestPrefix):
		return 0, nil
	}
	err := t.hash(t.Offset)
	if err != nil || t.Version != digestPrefix+base64.RawURLEncoding.EncodeToString(t.sum.Sum(nil)) {
		return 0, err
	}
	return t.Offset, nil
}

// hash reads the file up to the offset end for its digest.
func (t *Transfer) hash(end int64) error {
	from := t.hashed
	t.hashed = max(from, end)
	return t.read(t.sum, from, end-from)
}

// read reads n bytes of the file into w.
func (t *Transfer) read(w io.Writer, at, n int64) error {
	for end := at + n; at < end; at += maxPiece {
		part := io.NewSectionReader(t.file, at, min(maxPiece, end-at))
		var got int64
		err := t.use(func() (err error) {
			got, err = io.Copy(w, part)
			return err
		})
		switch {
		case err == ErrStopped:
			return err
		case err != nil:
			return fileError(t.Name, err)
		case got < part.Size():
			return t.changed()
		}
	}
	return nil
}

// verify waits until all was sent, and returns the digest of the file if the file still begins with that. The
// file may have grown meanwhile, as a log does.
func (t *Transfer) verify() (digest string, err error) {
	digest = t.digest
	if digest == "" {
		if err := t.hash(t.file.Size); err != nil {
			return "", err
		}
		digest = string(t.sum.Sum(nil))
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
		return "", fileError(t.Name, err)
	}
	if now.Version == t.file.Version {
		if t.digest == "" && t.file.versionStable {
			t.folder.remember(t.Name, now.Version, digest)
		}
		return digest, nil
	}
	again := sha256.New() // only the content tells whether the content changed
	if err := t.read(again, 0, t.file.Size); err != nil {
		return "", err
	}
	if string(again.Sum(nil)) != digest {
		return "", t.changed()
	}
	return digest, nil
}
