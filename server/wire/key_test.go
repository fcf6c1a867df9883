package wire_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"parley/server/wire"
)

// keyFile returns a file with this content, which only its owner may read.
func keyFile(t testing.TB, content []byte) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// newKeyFile returns the content of a new key file.
func newKeyFile(t testing.TB) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "key")
	if _, err := wire.LoadKey(path); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// ecdsaKeyFile returns the content of a key file with another kind of key.
func ecdsaKeyFile(t testing.TB) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// Those who make one key file at once get the same key, as does everyone who comes later.
func TestLoadKeyAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	const programs = 16
	hashes := make(chan string, programs)
	load := func() {
		cert, err := wire.LoadKey(path)
		if err != nil {
			t.Error(err)
			hashes <- ""
			return
		}
		hashes <- string(wire.KeyHash(cert.Leaf))
	}
	for range programs {
		go load()
	}
	first := <-hashes
	for range programs - 1 {
		if hash := <-hashes; hash != first {
			t.Errorf("one has the key %x, another %x", first, hash)
		}
	}
	load()
	if hash := <-hashes; hash != first {
		t.Errorf("the file has the key %x, not %x", hash, first)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("the key file's mode is %v", info.Mode())
	}
	if again, err := wire.NewKey(); err != nil || string(wire.KeyHash(again.Leaf)) == first {
		t.Errorf("a new key is not new: %v", err)
	}
}

// A key file that is not what it should be is refused in one line that names it and says what to do, and it
// stays as it is.
func TestLoadKeyDamaged(t *testing.T) {
	good := newKeyFile(t)
	tests := map[string][]byte{
		"cut off":        good[:len(good)/2],
		"without an end": good[:len(good)-len("-----END PRIVATE KEY-----\n")],
		"changed":        bytes.Replace(good, good[30:34], []byte("////"), 1),
		"two keys":       append(bytes.Clone(good), good...),
		"something else": []byte("\x00\x01\x02 not a key"),
		"a blank line":   []byte("\n"),
		"too long":       append(bytes.Repeat([]byte("x"), 1<<20), good...),
		"another kind":   ecdsaKeyFile(t),
		"another type":   bytes.ReplaceAll(good, []byte("PRIVATE KEY"), []byte("PUBLIC KEY")),
	}
	for name, content := range tests {
		path := keyFile(t, content)
		cert, err := wire.LoadKey(path)
		if err == nil || cert.PrivateKey != nil {
			t.Errorf("%s: it is taken", name)
			continue
		}
		if line := err.Error(); strings.Contains(line, "\n") || !strings.Contains(line, path) ||
			!strings.Contains(line, "put it back from a copy, or remove it for a new one") {
			t.Errorf("%s: %q", name, line)
		}
		if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, content) {
			t.Errorf("%s: the file was changed: %v", name, err)
		}
	}
	if _, err := wire.LoadKey(keyFile(t, append(good, "\n \r\n"...))); err != nil {
		t.Errorf("blank lines after the key: %v", err)
	}
	if _, err := wire.LoadKey(t.TempDir()); err == nil {
		t.Error("a folder is taken for a key")
	}
}

// A key that other users can read is refused, also when they may only know that it will be there.
func TestLoadKeyPublic(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // a user's folder is closed to others there
	}
	good := newKeyFile(t)
	for _, content := range [][]byte{good, nil} {
		for _, mode := range []os.FileMode{0o644, 0o640, 0o604, 0o602} {
			path := keyFile(t, content)
			if err := os.Chmod(path, mode); err != nil {
				t.Fatal(err)
			}
			if _, err := wire.LoadKey(path); err == nil || !strings.Contains(err.Error(), "chmod 600") {
				t.Errorf("mode %v: %v", mode, err)
			}
			if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, content) {
				t.Errorf("mode %v: the file was changed: %v", mode, err)
			}
		}
	}
}

// FuzzKey: whatever a key file holds, it is the same key whenever it is read, or refused in one line.
func FuzzKey(f *testing.F) {
	good := newKeyFile(f)
	f.Add(good)
	f.Add(good[:60])
	f.Add(append([]byte("# a comment\n"), good...))
	f.Add(ecdsaKeyFile(f))
	f.Add([]byte("-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		if len(content) == 0 {
			return // a new key is made
		}
		path := keyFile(t, content)
		first, err := wire.LoadKey(path)
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("%q", err)
			}
			return
		}
		second, err := wire.LoadKey(path)
		if err != nil || !bytes.Equal(wire.KeyHash(first.Leaf), wire.KeyHash(second.Leaf)) {
			t.Errorf("it is another key the second time: %v", err)
		}
	})
}

// FuzzInvitation: an invitation that is taken apart and put together again is the same one, and its parts can
// be shown and sent.
func FuzzInvitation(f *testing.F) {
	const fingerprint = "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	f.Add("bob:abc:" + fingerprint)
	f.Add("bob:abc:" + strings.TrimPrefix(fingerprint, "SHA256:"))
	f.Add("bob:a b:" + fingerprint)
	f.Add("bob:a\x1bb:" + fingerprint)
	f.Add("bob::" + fingerprint)
	f.Add("bob:abc:" + fingerprint[:20] + "\n" + fingerprint[20:])
	f.Add("Zoë:\u202eabc:" + fingerprint)
	f.Add("bob:abc")
	f.Fuzz(func(t *testing.T, text string) {
		invitation, err := wire.ParseInvitation(text)
		if err != nil {
			if strings.ContainsAny(err.Error(), "\n\x1b") {
				t.Errorf("%q", err)
			}
			return
		}
		again, err := wire.ParseInvitation(invitation.String())
		if err != nil || again != invitation {
			t.Errorf("%+v, and again %+v, %v", invitation, again, err)
		}
		hash, err := wire.ParseFingerprint(invitation.Fingerprint)
		if err != nil || wire.Fingerprint(hash) != invitation.Fingerprint {
			t.Errorf("the fingerprint %q is %q, %v", invitation.Fingerprint, wire.Fingerprint(hash), err)
		}
		line := wire.Message{Verb: wire.Invite, Token: []byte(invitation.Code)}
		sent := bytes.TrimSuffix(line.AppendClient(nil), []byte("\n"))
		if m, err := wire.ParseClient(sent); err != nil || string(m.Token) != invitation.Code {
			t.Errorf("the code %q is sent as %q: %v", invitation.Code, sent, err)
		}
	})
}
