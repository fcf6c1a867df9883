package trust_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"parley/client/internal/trust"
	"parley/server/wire"
)

func newKey(t testing.TB) (key tls.Certificate, fingerprint string) {
	t.Helper()
	key, err := wire.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return key, wire.Fingerprint(wire.KeyHash(key.Leaf))
}

// meet makes a handshake between s and a server, and returns its error and the key that the server was shown.
func meet(
	t testing.TB, s trust.Server, server *tls.Config, device tls.Certificate,
) (shown []byte, err error) {
	t.Helper()
	near, far := net.Pipe()
	defer near.Close()
	server.ClientAuth = tls.RequestClientCert
	served := make(chan []byte, 1)
	go func() {
		defer far.Close()
		conn := tls.Server(far, server)
		conn.Handshake()
		conn.Read(make([]byte, 1)) // the end, or the client's reason
		if certs := conn.ConnectionState().PeerCertificates; len(certs) > 0 {
			served <- wire.KeyHash(certs[0])
			return
		}
		served <- nil
	}()
	err = tls.Client(near, s.Config(device)).Handshake()
	near.Close()
	return <-served, err
}

// Which servers are the right ones, and what is said of the others.
func TestVerify(t *testing.T) {
	home := trust.Home(t.TempDir())
	key, fingerprint := newKey(t)
	_, other := newKey(t)
	for address, known := range map[string]string{
		"known:1": fingerprint, "changed:1": other, "127.0.0.1:9": other,
	} {
		if err := home.Remember(address, known); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		address, says string
		want          string // part of the error; "" for none
	}{
		{"known:1", "", ""},
		{"known:1", fingerprint, ""},
		{"known:1", other, "someone may be listening: ask the server's operator"},
		{"known:2", "", "-fingerprint " + fingerprint},
		{"known:2", fingerprint, ""},
		{"changed:1", "",
			"someone may be listening: if the operator says that it is right, remove the line of changed:1"},
		{"changed:1", fingerprint, ""}, // the user knows better
		{"localhost:1", "", ""},
		{"127.0.0.1:9", "", ""}, // nobody is between
		{"127.8.8.8:1", "", ""},
		{"[::1]:1", "", ""},
		{"127.0.0.1:9", other, "someone may be listening"}, // unless the user says who it must be
		{"localhost.example.com:1", "", "not known"},
		{"127.0.0.1.example.com:1", "", "not known"},
		{"0.0.0.0:1", "", "not known"},
	}
	for _, test := range tests {
		s := trust.Server{Address: test.address, Home: home, Fingerprint: test.says}
		config := &tls.Config{Certificates: []tls.Certificate{key}, NextProtos: []string{wire.Version}}
		_, err := meet(t, s, config, tls.Certificate{})
		switch {
		case test.want == "" && err != nil:
			t.Errorf("%s with %q: %v", test.address, test.says, err)
		case test.want == "":
		case err == nil || !strings.Contains(err.Error(), test.want) || !errors.Is(err, trust.ErrServer):
			t.Errorf("%s with %q: %v, want %q", test.address, test.says, err, test.want)
		}
	}
}

// A server that does not say that it speaks parley, or speaks an older TLS, is none.
func TestOtherServers(t *testing.T) {
	key, fingerprint := newKey(t)
	s := trust.Server{Address: "a:1", Home: trust.Home(t.TempDir()), Fingerprint: fingerprint}
	for want, config := range map[string]*tls.Config{
		"does not speak parley/1": {Certificates: []tls.Certificate{key}},
		"no application protocol": {Certificates: []tls.Certificate{key}, NextProtos: []string{"h2"}},
		"protocol version not supported": {Certificates: []tls.Certificate{key}, MaxVersion: tls.VersionTLS12,
			NextProtos: []string{wire.Version}},
	} {
		_, err := meet(t, s, config, tls.Certificate{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// A device has one key, which it makes at the first use in a folder of its own, and shows every server.
func TestDevice(t *testing.T) {
	home := trust.Home(filepath.Join(t.TempDir(), "deep", "parley"))
	first, err := home.Key()
	if err != nil {
		t.Fatal(err)
	}
	again, err := home.Key()
	if err != nil || !slices.Equal(wire.KeyHash(first.Leaf), wire.KeyHash(again.Leaf)) {
		t.Errorf("the key is another one the second time: %v", err)
	}
	info, err := os.Stat(string(home))
	if err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o700 {
		t.Errorf("the folder's mode is %v, %v", info.Mode(), err)
	}
	key, fingerprint := newKey(t)
	s := trust.Server{Address: "a:1", Home: home, Fingerprint: fingerprint}
	for _, device := range []tls.Certificate{again, {}} {
		config := &tls.Config{Certificates: []tls.Certificate{key}, NextProtos: []string{wire.Version}}
		shown, err := meet(t, s, config, device)
		var want []byte
		if device.Leaf != nil {
			want = wire.KeyHash(device.Leaf)
		}
		if err != nil || !slices.Equal(shown, want) {
			t.Errorf("the server is shown %x, want %x: %v", shown, want, err)
		}
	}
}

// Several programs may remember servers at once.
func TestRememberAtOnce(t *testing.T) {
	home := trust.Home(filepath.Join(t.TempDir(), "parley"))
	const programs = 16
	done := make(chan error, programs)
	for i := range programs {
		go func() { done <- home.Remember(fmt.Sprintf("host%d:1", i), fmt.Sprint("SHA256:", i)) }()
	}
	for range programs {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	for i := range programs {
		known, err := home.Known(fmt.Sprintf("host%d:1", i))
		if known != fmt.Sprint("SHA256:", i) || err != nil {
			t.Errorf("host%d is known as %q, %v", i, known, err)
		}
	}
}

// A line about a server that is not as Remember writes it counts, rather than that the server is unknown.
func TestEditedLine(t *testing.T) {
	home := trust.Home(t.TempDir())
	text := "a:1 SHA256:x # bob's\r\n"
	if err := os.WriteFile(filepath.Join(string(home), "known_servers"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if known, err := home.Known("a:1"); known != "SHA256:x" || err != nil {
		t.Errorf("known as %q, %v", known, err)
	}
}

// A file that cannot be read is an error, not an unknown server.
func TestKnownUnreadable(t *testing.T) {
	home := trust.Home(t.TempDir())
	if err := os.Mkdir(filepath.Join(string(home), "known_servers"), 0o700); err != nil {
		t.Fatal(err)
	}
	if known, err := home.Known("a:1"); err == nil {
		t.Errorf("known as %q", known)
	}
	key, _ := newKey(t)
	s := trust.Server{Address: "a:1", Home: home}
	config := &tls.Config{Certificates: []tls.Certificate{key}, NextProtos: []string{wire.Version}}
	var unknown *trust.UnknownError
	if _, err := meet(t, s, config, tls.Certificate{}); err == nil || errors.As(err, &unknown) {
		t.Errorf("the server gets %v", err)
	}
}

// FuzzKnownServers: whatever the file holds, it says nothing of a server that it does not name, and a server
// that is added to it is known.
func FuzzKnownServers(f *testing.F) {
	const name, fingerprint = "example.com:12000", "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	f.Add("")
	f.Add("a:1 SHA256:x\nb:1 SHA256:y\n")
	f.Add("a:1 SHA256:x\r\n\r\n" + name + " SHA256:y\r\n")
	f.Add(name + " SHA256:y")        // an editor left out the end of the last line
	f.Add(name + " SHA256:y z\n#\n") // more than it should have
	f.Add("\ufeff" + name + " SHA256:y\n")
	f.Add(name)
	f.Add(strings.Repeat("x", 1<<16))
	f.Fuzz(func(t *testing.T, text string) {
		home := trust.Home(t.TempDir())
		path := filepath.Join(string(home), "known_servers")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		known, err := home.Known(name)
		if err != nil || known != "" && !strings.Contains(text, name) {
			t.Errorf("known as %q, %v", known, err)
		}
		if err := home.Remember(name, fingerprint); err != nil {
			t.Fatal(err)
		}
		if known, err := home.Known(name); known != fingerprint || err != nil {
			t.Errorf("after it was remembered it is known as %q, %v", known, err)
		}
		now, err := os.ReadFile(path)
		if err != nil || !strings.HasPrefix(string(now), text) {
			t.Errorf("the rest of the file was changed: %v", err)
		}
	})
}
