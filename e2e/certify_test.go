package e2e

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"time"
)

// certify makes an authority, and a certificate of its for a host.
func certify(c *call) {
	authority := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	signer, signerKey := c.newKey()
	c.writePEM("authority.pem", "CERTIFICATE", c.sign(authority, authority, signer, signerKey))

	server := &x509.Certificate{SerialNumber: big.NewInt(2), NotAfter: authority.NotAfter,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	if ip := net.ParseIP(c.args[0]); ip != nil {
		server.IPAddresses = []net.IP{ip}
	} else {
		server.DNSNames = c.args
	}
	public, key := c.newKey()
	c.writePEM("cert.pem", "CERTIFICATE", c.sign(server, authority, public, signerKey))
	der, err := x509.MarshalPKCS8PrivateKey(key)
	c.check(err)
	c.writePEM("key.pem", "PRIVATE KEY", der)
}

func (c *call) newKey() (ed25519.PublicKey, ed25519.PrivateKey) {
	public, key, err := ed25519.GenerateKey(rand.Reader)
	c.check(err)
	return public, key
}

func (c *call) sign(cert, by *x509.Certificate, key ed25519.PublicKey, with ed25519.PrivateKey) []byte {
	der, err := x509.CreateCertificate(rand.Reader, cert, by, key, with)
	c.check(err)
	return der
}

func (c *call) writePEM(name, kind string, der []byte) {
	text := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	c.check(os.WriteFile(c.ts.MkAbs(name), text, 0o600))
}
