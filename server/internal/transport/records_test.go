package transport_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"parley/server/internal/transport"
)

// Kinds of records, RFC 8446, section 5.1, and of what is in them, section 4.
const (
	handshakeRecord = 22
	dataRecord      = 23
	keyUpdate       = 24
)

// A records is the client's end of a TLS connection that makes and reads records by hand, because package tls
// does not let its caller change keys. See RFC 8446, sections 5.2, 5.3 and 7.2.
type records struct {
	net.Conn
	t       testing.TB
	out, in trafficKey
}

// A trafficKey protects one direction.
type trafficKey struct {
	secret []byte
	aead   cipher.AEAD
	iv     []byte
	number uint64 // of the next record
}

func expand(secret []byte, label string, size int) []byte {
	info := binary.BigEndian.AppendUint16(nil, uint16(size))
	label = "tls13 " + label
	info = append(append(append(info, byte(len(label))), label...), 0)
	out, err := hkdf.Expand(sha256.New, secret, string(info), size)
	if err != nil {
		panic(err) // the size is a constant
	}
	return out
}

func newTrafficKey(secret []byte) trafficKey {
	block, err := aes.NewCipher(expand(secret, "key", 16))
	if err != nil {
		panic(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	return trafficKey{secret: secret, aead: aead, iv: expand(secret, "iv", aead.NonceSize())}
}

func (k *trafficKey) nonce() []byte {
	nonce := bytes.Clone(k.iv)
	tail := nonce[len(nonce)-8:]
	binary.BigEndian.PutUint64(tail, binary.BigEndian.Uint64(tail)^k.number)
	k.number++
	return nonce
}

// update changes the key.
func (k *trafficKey) update() { *k = newTrafficKey(expand(k.secret, "traffic upd", sha256.Size)) }

// secureByHand is secure for a client that makes its records by hand.
func secureByHand(t testing.TB) (*transport.Conn, *records) {
	t.Helper()
	var log bytes.Buffer
	config := clientConfig(newKey(t))
	config.KeyLogWriter = &log
	server, client := secure(t, transport.NewGate(newKey(t), false), config)
	if suite := client.ConnectionState().CipherSuite; suite != tls.TLS_AES_128_GCM_SHA256 {
		t.Fatalf("%s was chosen: the test needs a processor with AES", tls.CipherSuiteName(suite))
	}
	secret := func(label string) trafficKey {
		_, rest, _ := strings.Cut(log.String(), label+" ")
		line, _, _ := strings.Cut(rest, "\n")
		b, err := hex.DecodeString(line[strings.IndexByte(line, ' ')+1:])
		if err != nil {
			t.Fatal(err)
		}
		return newTrafficKey(b)
	}
	return server, &records{client.NetConn(), t, secret("CLIENT_TRAFFIC_SECRET_0"),
		secret("SERVER_TRAFFIC_SECRET_0")}
}

// send sends a record.
func (r *records) send(kind byte, content []byte) {
	r.t.Helper()
	size := len(content) + 1 + r.out.aead.Overhead()
	header := binary.BigEndian.AppendUint16([]byte{dataRecord, 3, 3}, uint16(size))
	record := r.out.aead.Seal(header, r.out.nonce(), append(bytes.Clone(content), kind), header)
	if _, err := r.Write(record); err != nil {
		r.t.Fatal(err)
	}
}

// update changes the client's key, and has the server change its own.
func (r *records) update() {
	r.t.Helper()
	const requested = 1
	r.send(handshakeRecord, []byte{keyUpdate, 0, 0, 1, requested})
	r.out.update()
}

// next returns the server's next record.
func (r *records) next() (kind byte, content []byte, err error) {
	header := make([]byte, 5)
	if _, err := io.ReadFull(r, header); err != nil {
		return 0, nil, err
	}
	sealed := make([]byte, binary.BigEndian.Uint16(header[3:]))
	if _, err := io.ReadFull(r, sealed); err != nil {
		return 0, nil, err
	}
	content, err = r.in.aead.Open(nil, r.in.nonce(), sealed, header)
	if err != nil {
		return 0, nil, fmt.Errorf("the server's record: %w", err)
	}
	content = bytes.TrimRight(content, "\x00")
	kind = content[len(content)-1]
	if kind == handshakeRecord && content[0] == keyUpdate {
		r.in.update()
	}
	return kind, content[:len(content)-1], nil
}
