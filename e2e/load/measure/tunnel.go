//go:build linux

package measure

import (
	"crypto/tls"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"parley/server/wire"
)

const (
	recordHeader = 5      // bytes: kind, version and length, RFC 8446, section 5.2
	recordExtra  = 1 + 16 // bytes of a record that are no text: its kind and the tag
)

// A tunnel is a client's end of a TLS connection. It counts what is in the records that come by their length
// alone, so that most clients need not decrypt: what is measured is the server.
type tunnel struct {
	fd     int
	tls    *tls.Conn
	header []byte // of the record that comes, as far as it has come
	size   int    // of the record
	left   int    // bytes of it that have not come
	text   int64  // bytes of text in the records that came
	out    []byte // records to be written
	joined bool   // the handshake is over: what is written waits in out
}

// secure makes the handshake over a socket that blocks.
func secure(fd int, config *tls.Config) (*tunnel, error) {
	t := &tunnel{fd: fd, header: make([]byte, 0, recordHeader)}
	t.tls = tls.Client(t, config)
	if err := t.tls.Handshake(); err != nil {
		return nil, fmt.Errorf("TLS: %w", err)
	}
	t.joined, t.text = true, 0
	return t, nil
}

// head returns what comes of the next record's header.
func (t *tunnel) head() ([]byte, error) {
	from := len(t.header)
	n, err := unix.Read(t.fd, t.header[from:recordHeader])
	t.header = t.header[:from+max(n, 0)]
	came := t.header[from:]
	if len(t.header) == recordHeader {
		t.size = int(binary.BigEndian.Uint16(t.header[recordHeader-2:]))
		t.left, t.header = t.size, t.header[:0]
	}
	return came, asIO(n, err)
}

// came counts n bytes that came of the record.
func (t *tunnel) came(n int) {
	t.left -= max(n, 0)
	if t.left == 0 {
		t.text += int64(t.size - recordExtra)
	}
}

// Read is for the tunnel's own tls.Conn, which gets no more than one record at a time: so the tunnel knows
// where the next begins.
func (t *tunnel) Read(p []byte) (int, error) {
	if t.left == 0 {
		b, err := t.head()
		return copy(p, b), err
	}
	n, err := unix.Read(t.fd, p[:min(len(p), t.left)])
	t.came(n)
	return max(n, 0), asIO(n, err)
}

// Write is for the tunnel's own tls.Conn.
func (t *tunnel) Write(p []byte) (int, error) {
	if t.joined {
		t.out = append(t.out, p...)
		return len(p), nil
	}
	return unix.Write(t.fd, p)
}

// seal returns b as records.
func (t *tunnel) seal(b []byte) []byte {
	t.out = nil // it may still be in use
	t.tls.Write(b)
	return t.out
}

// read decrypts what has come into buf.
func (t *tunnel) read(buf []byte) (n int, err error) {
	for n < len(buf) && err == nil {
		var more int
		more, err = t.tls.Read(buf[n:])
		n += more
	}
	return n, err
}

// discard drops what has come, as far as it fits into buf, without copying it.
func (t *tunnel) discard(buf []byte) (err error) {
	for room := len(buf); room > 0 && err == nil; {
		if t.left == 0 {
			_, err = t.head()
			continue
		}
		n, _, e := unix.Recvfrom(t.fd, buf[:min(t.left, room)], unix.MSG_TRUNC)
		t.came(n)
		room, err = room-max(n, 0), asIO(n, e)
	}
	return err
}

// asIO returns the error of a net.Conn for what read(2) returned.
func asIO(n int, err error) error {
	switch {
	case err == unix.EAGAIN, err == unix.EINTR:
		return os.ErrDeadlineExceeded // after which package tls goes on
	case n == 0 && err == nil:
		return io.EOF
	}
	return err
}

// What else a net.Conn has is not needed.

func (t *tunnel) Close() error                     { return nil }
func (t *tunnel) LocalAddr() net.Addr              { return nil }
func (t *tunnel) RemoteAddr() net.Addr             { return nil }
func (t *tunnel) SetDeadline(time.Time) error      { return nil }
func (t *tunnel) SetReadDeadline(time.Time) error  { return nil }
func (t *tunnel) SetWriteDeadline(time.Time) error { return nil }

// parleyTLS is parley whose clients show a key, as its own does.
func (r *run) parleyTLS() *peer {
	p := r.parleyPeer("parley over TLS")
	p.tls = clientConfig()
	p.fetch = func(proc *process, to string) error { return r.fetchParley(proc, to, p.tls) }
	return p
}

// natsTLS is nats-server with a certificate of the same kind as parley's.
func natsTLS() *peer {
	p := natsPeer()
	plain := p.config
	p.name, p.tls, p.window = "nats-server over TLS", clientConfig(), 4096
	p.lifted += "; tls with handshake_first"
	p.config = func(dir string, port int, share string) ([]string, error) {
		argv, err := plain(dir, port, share)
		if err != nil {
			return nil, err
		}
		cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
		made, err := wire.LoadKey(key)
		if err == nil {
			text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: made.Certificate[0]})
			err = os.WriteFile(cert, text, 0o600)
		}
		if err != nil {
			return nil, err
		}
		f, err := os.OpenFile(filepath.Join(dir, "nats.conf"), os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			return nil, err
		}
		_, err = fmt.Fprintf(f, "tls { cert_file: %q, key_file: %q, handshake_first: true, timeout: 60 }\n",
			cert, key)
		return argv, errors.Join(err, f.Close())
	}
	return p
}
