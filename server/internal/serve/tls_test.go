package serve_test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"testing"

	"parley/server/internal/transport"
	"parley/server/wire"
	"parley/server/wire/wiretest"
)

// newDevice returns what a client with a key of its own says.
func newDevice(t testing.TB) *tls.Config {
	t.Helper()
	key, err := wire.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{InsecureSkipVerify: true, NextProtos: []string{wire.Version},
		Certificates: []tls.Certificate{key}}
}

// overTLS has the clients that come from now on speak TLS, with one key, and strangers have to.
func (s *server) overTLS() {
	s.t.Helper()
	s.device = newDevice(s.t)
	s.Gate = transport.NewGate(newDevice(s.t).Certificates[0], false)
}

// Plain text from another machine gets one line, whatever it says.
func TestPlainStranger(t *testing.T) {
	s := start(t, nil)
	s.overTLS()
	for _, line := range []string{"HELLO parley/1 eve 0", "GET / HTTP/1.1", ""} {
		far := s.connectFrom("192.0.2.7")
		c := s.read(far)
		go io.WriteString(far, line+"\n") // which may not be read to its end
		c.expect("ERROR - tls-required this server speaks TLS only: use parley's client without -plain")
		far.Close()
		c.expectEnd()
	}
	s.join("alice").roundTrip()
}

// Whoever has the token of a session but not its key does not get the session, neither while its client is
// here nor while it is away, and learns nothing of it.
func TestStolenToken(t *testing.T) {
	s := start(t, nil)
	s.overTLS()
	watcher := s.join("watcher")
	alice := s.join("alice")
	watcher.expect("JOINED alice")
	steal := func() {
		t.Helper()
		for _, device := range []*tls.Config{
			newDevice(t), {InsecureSkipVerify: true, NextProtos: s.device.NextProtos}, nil,
		} {
			nc := s.socket()
			if device != nil {
				nc = tls.Client(nc, device)
			}
			eve := s.read(nc)
			eve.send(fmt.Sprintf("RESUME parley/1 %s %d", alice.token, alice.seq), "QUIT")
			eve.expectEnd("ERROR RESUME gone this session cannot be resumed: join afresh", "BYE goodbye")
		}
	}
	steal()
	alice.roundTrip()
	alice.nc.Close()
	watcher.expect("LEFT alice connection lost")
	steal()
	again := s.dial()
	again.send(fmt.Sprintf("RESUME parley/1 %s %d", alice.token, alice.seq))
	again.expect("RESUMED welcome back, alice: 2 people are here 0")
}

// The end of a TLS connection without QUIT is a connection that broke, also when TLS says goodbye.
func TestTLSEnds(t *testing.T) {
	s := start(t, nil)
	s.overTLS()
	watcher := s.join("watcher")
	alice := s.join("alice")
	watcher.expect("JOINED alice")
	ends := map[string]func(*tls.Conn) error{
		"TLS":    (*tls.Conn).Close,
		"socket": func(c *tls.Conn) error { return c.NetConn().Close() },
		"garbage": func(c *tls.Conn) error {
			_, err := io.WriteString(c.NetConn(), "this is no record\n")
			return err
		},
	}
	for name, end := range ends {
		if err := end(alice.nc.(*tls.Conn)); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		watcher.expect("LEFT alice connection lost")
		again := s.dial()
		again.send(fmt.Sprintf("RESUME parley/1 %s %d", alice.token, alice.seq))
		again.expect("RESUMED welcome back, alice: 2 people are here 0", "JOINED alice")
		watcher.expect("JOINED alice")
		again.token, alice = alice.token, again
		alice.roundTrip()
	}
}

// FuzzFirstBytes: whatever a connection begins with, and from wherever it comes, nothing panics or hangs, and
// the server goes on.
func FuzzFirstBytes(f *testing.F) {
	device := newDevice(f)
	hello := wiretest.FirstRecord(f, device)
	old := wiretest.FirstRecord(f, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12})
	retry := wiretest.FirstRecord(f,
		&tls.Config{InsecureSkipVerify: true, CurvePreferences: []tls.CurveID{tls.CurveP521}})
	for _, seed := range [][]byte{
		{}, {0}, {0x16}, []byte("HELLO parley/1 eve 0\nQUIT\n"), []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
		hello, hello[:len(hello)/2], append(bytes.Clone(hello), hello...), old, retry,
		bytes.Replace(retry, []byte{0, 0x19, 0, 0x85}, []byte{0x2a, 0x2a, 0, 0x85}, 1), // HelloRetryRequest
		{0x15, 3, 1, 0, 2, 1, 0}, {0x80, 0x2e, 1, 0, 2}, {0x16, 3, 1, 0xff, 0xff}, {0x16, 3, 1, 0, 0},
	} {
		f.Add(seed, true)
		f.Add(seed, false)
	}
	f.Fuzz(func(t *testing.T, first []byte, local bool) {
		s := start(t, nil)
		s.overTLS()
		from := "127.0.0.1"
		if !local {
			from = "192.0.2.7"
		}
		far := s.connectFrom(from)
		read := make(chan struct{})
		go func() {
			defer close(read)
			io.Copy(io.Discard, far)
		}()
		far.Write(first) // which the server may not read to its end
		far.Close()
		<-read
		s.join("alice").roundTrip()
	})
}
