// Package trust decides whether a server is the one that the user means, and shows it who the user is. A
// server is known by its key, as with ssh; a certificate that the system trusts makes that unnecessary.
package trust

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/lockedfile"

	"parley/server/wire"
)

// A Home is the folder that holds what a device must not lose: its key, which is whom names belong to, and
// the keys of the servers that it knows.
type Home string

const (
	keyFile   = "key"
	knownFile = "known_servers" // lines of host:port and fingerprint
	maxKnown  = 1 << 20         // bytes that are read of it
)

// DefaultHome returns the folder for a user who has not chosen one.
func DefaultHome() (Home, error) {
	dir, err := os.UserConfigDir()
	return Home(filepath.Join(dir, "parley")), err
}

// Key returns a certificate for the device's key, which is made if there is none.
func (h Home) Key() (tls.Certificate, error) {
	if err := os.MkdirAll(string(h), 0o700); err != nil {
		return tls.Certificate{}, err
	}
	return wire.LoadKey(h.path(keyFile))
}

func (h Home) path(name string) string { return filepath.Join(string(h), name) }

// Known returns the fingerprint under which a server is known, "" if it is not.
func (h Home) Known(address string) (string, error) {
	file, err := lockedfile.Open(h.path(knownFile))
	if errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("reading the known servers: %w", err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxKnown))
	return find(string(text), address), err
}

// find returns the fingerprint in the last line about a server, "" if there is none.
func find(text, address string) (fingerprint string) {
	for line := range strings.Lines(text) {
		if words := strings.Fields(line); len(words) > 1 && words[0] == address {
			fingerprint = words[1]
		}
	}
	return fingerprint
}

// Remember makes a server known.
func (h Home) Remember(address, fingerprint string) error {
	if err := os.MkdirAll(string(h), 0o700); err != nil {
		return fmt.Errorf("remembering the server: %w", err)
	}
	file, err := lockedfile.OpenFile(h.path(knownFile), os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("remembering the server: %w", err)
	}
	defer file.Close()
	line := fmt.Sprintf("%s %s\n", address, fingerprint)
	if !ended(file) {
		line = "\n" + line
	}
	if _, err := file.WriteString(line); err != nil {
		return fmt.Errorf("remembering the server: %w", err)
	}
	return nil
}

// ended reports whether a file's last line has its end, which an editor may have left out.
func ended(file *lockedfile.File) bool {
	info, err := file.Stat()
	if err != nil || info.Size() == 0 {
		return true
	}
	last := make([]byte, 1)
	_, err = file.ReadAt(last, info.Size()-1)
	return err != nil || last[0] == '\n'
}

// A Server is how to know the server again at one address.
type Server struct {
	Address     string // host:port, as the user wrote it
	Home        Home
	Fingerprint string // what the user says that it is; "" if they do not
}

// ErrServer is what all errors are that say that the server is not, or may not be, the right one.
var ErrServer = errors.New("not the right server")

// An UnknownError reports a server that is not known yet.
type UnknownError struct{ Address, Fingerprint string }

func (e *UnknownError) Error() string {
	return fmt.Sprintf("it is not known, and its key is %s: if its operator says the same, "+
		"use -fingerprint %[1]s", e.Fingerprint)
}

func (e *UnknownError) Is(target error) bool { return target == ErrServer }

// A WrongKeyError reports a server with another key than it should have.
type WrongKeyError struct{ Want, Got, Hint string }

func (e *WrongKeyError) Error() string {
	return fmt.Sprintf("its key is %s and not %s, so someone may be listening: %s", e.Got, e.Want, e.Hint)
}

func (e *WrongKeyError) Is(target error) bool { return target == ErrServer }

// Config returns how to make connections to the server. device is the certificate that it is shown, if not
// zero.
func (s Server) Config(device tls.Certificate) *tls.Config {
	c := &tls.Config{
		MinVersion:         tls.VersionTLS13,
		NextProtos:         []string{wire.Version},
		ServerName:         s.host(),
		InsecureSkipVerify: true, // VerifyConnection does it
		VerifyConnection:   s.verify,
	}
	if device.PrivateKey != nil {
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return &device, nil
		}
	}
	return c
}

// Met reports whether the user need not be asked about the server.
func (s Server) Met() bool {
	known, err := s.Home.Known(s.Address)
	return s.Fingerprint != "" || s.local() || err == nil && known != ""
}

// local reports whether the server is on this machine.
func (s Server) local() bool {
	ip := net.ParseIP(s.host())
	return s.host() == "localhost" || ip != nil && ip.IsLoopback()
}

func (s Server) host() string {
	host, _, _ := net.SplitHostPort(s.Address)
	return host
}

// verify checks that the connection leads to the server. The handshake has proved that the other side has the
// certificate's key.
func (s Server) verify(c tls.ConnectionState) error {
	if c.NegotiatedProtocol != wire.Version {
		return fmt.Errorf("the server does not speak %s", wire.Version)
	}
	got := wire.Fingerprint(wire.KeyHash(c.PeerCertificates[0]))
	if s.Fingerprint != "" {
		if got != s.Fingerprint {
			return &WrongKeyError{s.Fingerprint, got, "ask the server's operator for its fingerprint"}
		}
		return nil
	}
	if s.vouched(c.PeerCertificates) {
		return nil
	}
	if s.local() {
		return nil // nobody is between
	}
	known, err := s.Home.Known(s.Address)
	switch {
	case err != nil:
		return err
	case known == "":
		return &UnknownError{s.Address, got}
	case known != got:
		hint := fmt.Sprintf("if the operator says that it is right, remove the line of %s from %s", s.Address,
			s.Home.path(knownFile))
		return &WrongKeyError{known, got, hint}
	}
	return nil
}

// vouched reports whether the system's roots vouch for the server.
func (s Server) vouched(chain []*x509.Certificate) bool {
	between := x509.NewCertPool()
	for _, cert := range chain[1:] {
		between.AddCert(cert)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{DNSName: s.host(), Intermediates: between})
	return err == nil
}
