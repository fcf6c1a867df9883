package transport_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"parley/server/internal/transport"
	"parley/server/wire"
	"parley/server/wire/wiretest"
)

// A client is known by its key, and may have none.
func TestKey(t *testing.T) {
	serverKey, clientKey := newKey(t), newKey(t)
	gate := transport.NewGate(serverKey, false)
	server, client := secure(t, gate, clientConfig(clientKey))
	if !bytes.Equal(server.Key(), wire.KeyHash(clientKey.Leaf)) {
		t.Errorf("the client's key is %x", server.Key())
	}
	shown := client.ConnectionState().PeerCertificates[0]
	if !bytes.Equal(wire.KeyHash(shown), wire.KeyHash(serverKey.Leaf)) {
		t.Errorf("the server's key is %x", wire.KeyHash(shown))
	}
	server, _ = secure(t, gate, clientConfig())
	if server.Key() != nil {
		t.Errorf("a client that shows none has the key %x", server.Key())
	}
}

// ecdsaKey returns a certificate of another kind than parley's.
func ecdsaKey(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// Clients that speak something else than parley over TLS 1.3 with an Ed25519 key do not get in, and the next
// one does.
func TestRefused(t *testing.T) {
	gate := transport.NewGate(newKey(t), false)
	tests := []struct {
		name   string
		change func(*tls.Config)
		want   string
	}{
		{"without ALPN", func(c *tls.Config) { c.NextProtos = nil }, "does not ask for parley/1"},
		{"another protocol", func(c *tls.Config) { c.NextProtos = []string{"h2"} },
			"unsupported application protocols"},
		{"TLS 1.2", func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }, "unsupported versions"},
		{"another kind of key", func(c *tls.Config) { c.Certificates = []tls.Certificate{ecdsaKey(t)} },
			"key is not Ed25519"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			server, far := connect(t)
			config := clientConfig(newKey(t))
			test.change(config)
			read := make(chan error, 1)
			go func() {
				client := tls.Client(far, config)
				_, err := client.Read(make([]byte, 1)) // after the handshake
				read <- err
			}()
			err := gate.Open(t.Context(), server)
			server.Close()
			if !errors.Is(err, transport.ErrHandshake) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("Open: %v, want %q", err, test.want)
			}
			if err := <-read; err == nil {
				t.Error("the client reads something")
			}
			if _, taken := gate.Places(); taken > 0 {
				t.Errorf("%d handshakes still compute", taken)
			}
		})
	}
	secure(t, gate, clientConfig(newKey(t)))
}

// A stranger is a connection from another machine.
type stranger struct{ net.Conn }

func (stranger) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 7), Port: 1234} }

// Plain text is for this machine, and for others where the gate says so.
func TestPlainStranger(t *testing.T) {
	for plain, want := range map[bool]error{false: transport.ErrPlain, true: nil} {
		conn, client := connect(t)
		if _, err := io.WriteString(client, "HELLO parley/1 eve 0\n"); err != nil {
			t.Fatal(err)
		}
		server := transport.New(stranger{conn.Conn})
		if server.Local() {
			t.Error("a stranger is local")
		}
		if err := transport.NewGate(newKey(t), plain).Open(t.Context(), server); err != want {
			t.Errorf("plain %v: %v, want %v", plain, err, want)
		}
		arrive(t, server, []byte("HELLO"))
	}
}

// Handshakes that stall end at the connection's deadline, and keep nobody from making theirs meanwhile.
func TestStall(t *testing.T) {
	gate := transport.NewGate(newKey(t), false)
	record := wiretest.FirstRecord(t, clientConfig())
	places, _ := gate.Places()
	each := places + 5 // of three kinds
	opened := make(chan error, 3*each)
	var servers []*transport.Conn
	for _, sent := range [][]byte{record[:1], record[:len(record)-1], record} {
		for range each {
			server, client := connect(t)
			if _, err := client.Write(sent); err != nil {
				t.Fatal(err)
			}
			go func() { opened <- gate.Open(context.Background(), server) }()
			if len(sent) == len(record) { // the server has answered, and waits
				arrive(t, client, []byte{22})
			}
			servers = append(servers, server)
		}
	}
	secure(t, gate, clientConfig(newKey(t)))
	for _, server := range servers {
		server.SetReadDeadline(time.Unix(1, 0))
	}
	for range servers {
		if err := <-opened; !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a handshake that stalls ends with %v", err)
		}
	}
	if _, taken := gate.Places(); taken > 0 {
		t.Errorf("%d handshakes still compute", taken)
	}
}

// A handshake waits until others have computed, before its first step and before each that follows an answer
// of the client's; its end ends the wait.
func TestComputing(t *testing.T) {
	gate := transport.NewGate(newKey(t), false)
	key := newKey(t)
	for _, step := range []string{"first", "second"} {
		t.Run(step, func(t *testing.T) {
			server, far := connect(t)
			config := clientConfig()
			release := func() {}
			config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
				release = gate.Occupy() // the server has answered, and waits for us
				return &key, nil
			}
			if step == "first" {
				release = gate.Occupy()
			}
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			done := make(chan struct{})
			go func() {
				defer close(done)
				tls.Client(far, config).Handshake()
			}()
			if err := gate.Open(ctx, server); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("it does not wait: %v", err)
			}
			server.Close()
			<-done
			release()
		})
	}
	secure(t, gate, clientConfig(key))
}

// However a text is split, it makes as few records as it can, all of them full but the last.
func TestRecords(t *testing.T) {
	text := noise(1, 5*transport.MaxRecord+100)
	sizes := []int{0, 1, 100, transport.MaxRecord - 1, transport.MaxRecord, transport.MaxRecord + 1,
		3*transport.MaxRecord - 1}
	for _, a := range sizes {
		for _, b := range sizes {
			for _, c := range sizes[:6] {
				end := min(a+b+c, len(text))
				bufs := [][]byte{text[:a], text[a:min(a+b, end)], text[min(a+b, end):end]}
				texts, err := transport.Texts(bufs)
				if err != nil || !bytes.Equal(bytes.Join(texts, nil), text[:end]) {
					t.Fatalf("%d, %d and %d bytes are others, %v", a, b, c, err)
				}
				for i, text := range texts {
					if len(text) == 0 || i < len(texts)-1 && len(text)%transport.MaxRecord != 0 {
						t.Errorf("%d, %d and %d bytes: text %d has %d bytes", a, b, c, i, len(text))
					}
				}
			}
		}
	}
}
