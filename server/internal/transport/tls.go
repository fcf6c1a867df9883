package transport

import (
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"runtime"

	"parley/server/wire"
)

// handshakeByte is the first byte of a TLS connection; no line of parley/1 begins with it.
const handshakeByte = 0x16

// ErrPlain reports that a client on another machine speaks plain text.
var ErrPlain = errors.New("this server speaks TLS only: use parley's client without -plain")

// ErrHandshake reports that the TLS handshake failed.
var ErrHandshake = errors.New("TLS handshake failed")

// A Gate opens connections. A nil Gate lets all in who speak plain text.
type Gate struct {
	config  *tls.Config
	plain   bool          // plain text is for all, not only for this machine
	working chan struct{} // holds an element for each handshake that computes
}

// NewGate returns a gate that shows certificate to the clients. With plain, it also lets in those on other
// machines who speak plain text.
func NewGate(certificate tls.Certificate, plain bool) *Gate {
	// Whatever flood of handshakes comes, it leaves the conversation half of the processors: a goroutine that
	// has a message would wait for each of those that compute.
	g := &Gate{plain: plain, working: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2))}
	g.config = &tls.Config{
		Certificates:                []tls.Certificate{certificate},
		MinVersion:                  tls.VersionTLS13,
		NextProtos:                  []string{wire.Version},
		ClientAuth:                  tls.RequestClientCert,
		VerifyConnection:            verify,
		SessionTicketsDisabled:      true,
		DynamicRecordSizingDisabled: true,
	}
	return g
}

// verify refuses a client that does not say that it speaks parley, and one whose certificate is of another
// kind than parley's. The handshake has proved that the client has the certificate's key.
func verify(s tls.ConnectionState) error {
	if s.NegotiatedProtocol != wire.Version {
		return fmt.Errorf("the client does not ask for %s", wire.Version)
	}
	for _, cert := range s.PeerCertificates {
		if _, ok := cert.PublicKey.(ed25519.PublicKey); !ok {
			return errors.New("the client's key is not Ed25519")
		}
	}
	return nil
}

// Open reads the connection's first byte, and makes the handshake if it is that of TLS. It ends at the
// connection's deadline, or with ctx.
func (g *Gate) Open(ctx context.Context, c *Conn) error {
	first := make([]byte, 1)
	if _, err := io.ReadFull(c.Conn, first); err != nil {
		return err
	}
	c.head = first
	switch {
	case g == nil:
		return nil
	case first[0] == handshakeByte:
		return g.secure(ctx, c)
	case g.plain || c.Local():
		return nil
	}
	return ErrPlain
}

// secure makes the handshake.
func (g *Gate) secure(ctx context.Context, c *Conn) error {
	s := &socket{Conn: c, turn: turn{working: g.working, end: ctx}}
	conn := tls.Server(s, g.config)
	err := conn.HandshakeContext(ctx)
	s.turn.give()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrHandshake, err)
	}
	if certs := conn.ConnectionState().PeerCertificates; len(certs) > 0 {
		c.key = wire.KeyHash(certs[0])
	}
	s.turn = turn{}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tls, c.opened = conn, true
	return nil
}

// A turn is a handshake's right to compute, which it has from something that it reads to what it writes. The
// zero turn is for all.
type turn struct {
	working chan struct{} // holds an element for each turn that was taken
	end     context.Context
	taken   bool
}

// take waits until few others compute.
func (t *turn) take() error {
	if t.working == nil {
		return nil
	}
	select {
	case t.working <- struct{}{}:
		t.taken = true
		return nil
	case <-t.end.Done():
		return t.end.Err()
	}
}

// give lets another handshake compute.
func (t *turn) give() {
	if t.taken {
		<-t.working
		t.taken = false
	}
}

// A socket is what TLS reads records from and writes them to.
type socket struct {
	*Conn
	turn turn // owned by the reader
}

func (s *socket) Read(p []byte) (int, error) {
	s.turn.give()
	n, err := s.readSocket(p)
	if err == nil {
		err = s.turn.take()
	}
	return n, err
}

// maxAnswers limits the answers to changes of the client's keys that are not written yet. One takes 27 bytes,
// and an honest client changes its keys once in millions of records.
const maxAnswers = 1 << 10 // bytes

// errAnswers is not shown to anyone: the connection is broken.
var errAnswers = errors.New("the client changes its keys and takes no answers")

// Write writes the handshake's records and collects all others for a sealer. After the handshake it never
// blocks, and fails only where the connection is to end, because a failed write ends it for good.
func (s *socket) Write(records []byte) (int, error) {
	if collected, err := s.collect(records); collected {
		return len(records), err
	}
	s.turn.give() // and wait for the client
	return s.Conn.Conn.Write(records)
}

// collect keeps records for a sealer, once the handshake is over.
func (s *socket) collect(records []byte) (collected bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.opened && !s.sealing && len(s.sealed) > maxAnswers {
		return true, errAnswers
	}
	if s.opened {
		s.sealed = append(s.sealed, records...)
	}
	return s.opened, nil
}

// maxRecord is how many bytes of text a TLS record holds at most.
const maxRecord = 16 << 10

// A sealer makes TLS records. It keeps its memory.
type sealer struct{ plain, records []byte }

// seal returns the records for bufs, which are valid until the next call.
func (s *sealer) seal(c *Conn, bufs [][]byte) ([]byte, error) {
	c.mu.Lock()
	c.sealing = true
	c.sealed = append(s.records[:0], c.sealed...) // what the reader had to answer comes first
	c.mu.Unlock()
	err := s.write(c.tls, bufs) // into c.sealed
	c.mu.Lock()
	defer c.mu.Unlock()
	s.records, c.sealed, c.sealing = c.sealed, nil, false
	return s.records, err
}

// write makes as few records of bufs as can be. It copies only what would otherwise end a record early.
func (s *sealer) write(to io.Writer, bufs [][]byte) error {
	s.plain = s.plain[:0]
	for i, b := range bufs {
		if len(s.plain) > 0 {
			n := min(len(b), maxRecord-len(s.plain))
			s.plain, b = append(s.plain, b[:n]...), b[n:]
			if len(s.plain) < maxRecord {
				continue
			}
			if _, err := to.Write(s.plain); err != nil {
				return err
			}
		}
		whole := len(b)
		if i < len(bufs)-1 {
			whole -= whole % maxRecord
		}
		s.plain = append(s.plain[:0], b[whole:]...)
		if whole == 0 {
			continue
		}
		if _, err := to.Write(b[:whole]); err != nil {
			return err
		}
	}
	if len(s.plain) == 0 {
		return nil
	}
	_, err := to.Write(s.plain)
	return err
}

// Seal returns what is to be written to the socket for bufs: bufs themselves, or TLS records, and then bufs
// is cleared. Everything that was sealed must be written in that order, before more is sealed, but see Rest.
func (c *Conn) Seal(bufs [][]byte) ([][]byte, error) {
	if c.tls == nil || len(bufs) == 0 {
		return bufs, nil
	}
	records, err := new(sealer).seal(c, bufs)
	clear(bufs)
	return [][]byte{records}, err
}
