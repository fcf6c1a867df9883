package wire

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/lockedfile"
)

// KeyHash returns the SHA-256 of a certificate's public key, as its SubjectPublicKeyInfo (RFC 5280, section
// 4.1): what a key is known by.
func KeyHash(cert *x509.Certificate) []byte {
	sum := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
	return sum[:]
}

// Fingerprint returns the form in which people see a key, given by its [KeyHash].
func Fingerprint(hash []byte) string {
	return "SHA256:" + base64.RawStdEncoding.EncodeToString(hash)
}

// ParseFingerprint returns the KeyHash that a fingerprint shows.
func ParseFingerprint(s string) ([]byte, error) {
	code := base64.RawStdEncoding.Strict() // which skips the ends of lines
	hash, err := code.DecodeString(strings.TrimPrefix(s, "SHA256:"))
	if err != nil || len(hash) != sha256.Size || strings.ContainsAny(s, "\r\n") {
		example := Fingerprint(make([]byte, sha256.Size))
		return nil, fmt.Errorf("%.80q is not a fingerprint, such as %s", s, example)
	}
	return hash, nil
}

// An Invitation is what an operator hands to someone, who needs nothing else to come in.
type Invitation struct {
	Name        string // whom it is for
	Code        string // what INVITE takes
	Fingerprint string // of the server
}

// String returns the invitation as one word, for [ParseInvitation].
func (i Invitation) String() string { return i.Name + ":" + i.Code + ":" + i.Fingerprint }

// ParseInvitation takes an invitation apart.
func ParseInvitation(s string) (Invitation, error) {
	parts := strings.SplitN(s, ":", 3)
	if len(parts) < 3 || parts[1] == "" || strings.Trim(parts[1], inviteLetters) != "" {
		return Invitation{}, errors.New("that is not an invitation: copy all of what /invite printed")
	}
	name, err := CheckName(parts[0])
	if err != nil {
		return Invitation{}, err
	}
	hash, err := ParseFingerprint(parts[2])
	if err != nil {
		return Invitation{}, err
	}
	return Invitation{name, parts[1], Fingerprint(hash)}, nil
}

// inviteLetters are all that an invitation's code has.
const inviteLetters = "abcdefghijklmnopqrstuvwxyz0123456789"

const (
	pemKey     = "PRIVATE KEY" // PKCS #8, RFC 5958
	maxKeyFile = 4 << 10       // bytes; an Ed25519 key takes 119
)

// NewKey returns a certificate for a new Ed25519 key.
func NewKey() (tls.Certificate, error) {
	key, err := makeKey(io.Discard)
	if err != nil {
		return tls.Certificate{}, err
	}
	return certify(key)
}

// LoadKey returns a certificate for the Ed25519 key that a file holds, which is made if there is none. Only
// the key in the certificate means anything. Two programs may call it at the same time.
func LoadKey(path string) (tls.Certificate, error) {
	file, err := lockedfile.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("opening the key: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err == nil && runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		err = errors.New("others may read it: chmod 600 it, or remove it if they may have its content")
	}
	var text []byte
	if err == nil {
		text, err = io.ReadAll(io.LimitReader(file, maxKeyFile))
	}
	var key ed25519.PrivateKey
	if err == nil && len(text) == 0 {
		key, err = makeKey(file)
	} else if err == nil {
		key, err = parseKey(text)
	}
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("the key %s: %w", path, err)
	}
	return certify(key)
}

func makeKey(file io.Writer) (ed25519.PrivateKey, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err == nil {
		err = pem.Encode(file, &pem.Block{Type: pemKey, Bytes: der})
	}
	return key, err
}

func parseKey(text []byte) (ed25519.PrivateKey, error) {
	block, rest := pem.Decode(text)
	if block != nil && block.Type == pemKey && len(bytes.TrimSpace(rest)) == 0 {
		if any, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
			if key, ok := any.(ed25519.PrivateKey); ok {
				return key, nil
			}
		}
	}
	return nil, errors.New("it holds no Ed25519 key: put it back from a copy, or remove it for a new one")
}

// certify returns a certificate that shows a key, signed with the key itself.
func certify(key ed25519.PrivateKey) (tls.Certificate, error) {
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Unix(0, 0),
		NotAfter: time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)} // never, RFC 5280, section 4.1.2.5
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("making a certificate: %w", err)
	}
	leaf, err := x509.ParseCertificate(der)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, err
}
