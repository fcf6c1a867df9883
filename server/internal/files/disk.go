package files

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"

	"parley/server/wire"
)

// buffers hold what is read from the disk.
var buffers = sync.Pool{New: func() any { return new([64 << 10]byte) }}

// run does what the transfer needs of the disk, a step ahead of the network, and closes the file after the
// transfer.
func (t *Transfer) run(wake func()) {
	defer t.folder.guard()
	give := func(s step) error {
		select {
		case t.steps <- s:
			wake()
			return nil
		case <-t.quit:
			return ErrStopped
		}
	}
	var file *File
	err := t.use(func() (err error) {
		file, err = t.folder.open(t.Name)
		return err
	})
	if err == nil {
		defer file.Close()
		err = t.feed(file, give)
	}
	if err != nil {
		give(func(nc net.Conn) error { return t.fail(nc, err) })
	}
	<-t.quit // until then the file is sent from
}

// use calls f, which uses the disk, when not too many others do.
func (t *Transfer) use(f func() error) error {
	select {
	case t.folder.disk <- struct{}{}:
		defer func() { <-t.folder.disk }()
		t.folder.stall()
		return f()
	case <-t.quit:
		return ErrStopped
	}
}

// feed gives what is to be sent of the file, each piece when it was read: so the network does not wait for
// the disk.
func (t *Transfer) feed(file *File, give func(step) error) error {
	first, err := t.start(file)
	if err != nil {
		return err
	}
	if err := give(func(nc net.Conn) error { return t.begin(nc, file, first) }); err != nil {
		return err
	}
	for at := first; at < file.Size; {
		n := min(t.piece.Load(), file.Size-at)
		if t.digest == "" {
			err = t.hash(file, at+n)
		} else {
			err = t.read(nil, file, at, n)
		}
		if err != nil {
			return err
		}
		if err := give(func(nc net.Conn) error { return t.data(nc, n) }); err != nil {
			return err
		}
		at += n
	}
	digest, err := t.verify(file, first)
	if err != nil {
		return err
	}
	sent := wire.Message{Verb: wire.Sent, Digest: fmt.Appendf(nil, "%x", digest), Size: uint64(file.Size),
		Name: []byte(t.Name)}
	return give(func(nc net.Conn) error { return t.end(nc, "complete", &sent) })
}

// start returns where sending begins: at the offset that was asked for, if the client has what comes before.
func (t *Transfer) start(file *File) (first int64, err error) {
	held := ""
	if t.Offset == file.Size {
		held = t.Version
	}
	t.digest = t.folder.recall(t.Name, file.Version, t.User, held)
	switch {
	case t.Offset > file.Size:
		return 0, nil
	case t.Version == "-" || t.Version == file.Version || t.digest != "" && held == digestVersion(t.digest):
		return t.Offset, nil
	case !strings.HasPrefix(t.Version, digestPrefix) || t.digest != "" && held != "":
		return 0, nil
	}
	if err := t.hash(file, t.Offset); err != nil {
		return 0, err
	}
	if t.Version == digestVersion(string(t.sum.Sum(nil))) {
		first = t.Offset
	}
	return first, nil
}

// hash reads the file up to the offset to for its digest.
func (t *Transfer) hash(file *File, to int64) error {
	if to <= t.hashed {
		return nil
	}
	from := t.hashed
	t.hashed = to
	return t.read(t.sum, file, from, to-from)
}

// read reads n bytes of the file into w. Without w it reads so little that it costs nothing, and so much that
// the disk has to answer: systems read along what lies between.
func (t *Transfer) read(w io.Writer, file *File, at, n int64) error {
	buf := buffers.Get().(*[64 << 10]byte)
	defer buffers.Put(buf)
	for end := at + n; at < end; at += int64(len(buf)) {
		part := buf[:min(int64(len(buf)), end-at)]
		if w == nil {
			part = part[:1]
		}
		err := t.use(func() error {
			_, err := file.ReadAt(part, at)
			return err
		})
		if errors.Is(err, io.EOF) {
			return t.changed()
		}
		if err != nil {
			return wire.Errorf(wire.Get, wire.CodeFileFailed, "%s cannot be read: %v", t.Name, cause(err))
		}
		if w != nil {
			w.Write(part)
		}
	}
	return nil
}

// verify returns the digest of the file when all was sent and the file still begins with that. It may have
// grown meanwhile, as a log does.
func (t *Transfer) verify(file *File, first int64) (digest string, err error) {
	digest = t.digest
	if digest == "" {
		if err := t.hash(file, file.Size); err != nil {
			return "", err
		}
		digest = string(t.sum.Sum(nil))
	}
	if first < file.Size {
		select {
		case <-t.sent:
		case <-t.quit:
			return "", ErrStopped
		}
	}
	var now *File
	err = t.use(func() (err error) {
		now, err = t.folder.look(file.File)
		return err
	})
	if err != nil {
		return "", err
	}
	if now.Version == file.Version {
		if t.digest == "" && file.settled {
			t.folder.remember(t.Name, file.Version, digest)
		}
		return digest, nil
	}
	again := sha256.New() // only the content tells whether it is the content that changed
	if err := t.read(again, file, 0, file.Size); err != nil {
		return "", err
	}
	if string(again.Sum(nil)) != digest {
		return "", t.changed()
	}
	return digest, nil
}
