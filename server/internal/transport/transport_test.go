package transport_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"testing"
	"time"

	"parley/server/internal/transport"
	"parley/server/wire"
	"parley/server/wire/wiretest"
)

// patience is how long a test waits for what must come.
const patience = time.Minute

func newKey(t testing.TB) tls.Certificate {
	t.Helper()
	key, err := wire.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// clientConfig is what parley's client says, but that it lets every server be the right one.
func clientConfig(keys ...tls.Certificate) *tls.Config {
	return &tls.Config{InsecureSkipVerify: true, NextProtos: []string{wire.Version}, Certificates: keys}
}

// connect returns both ends of a connection, of which the gate does not know yet. Each gives up in the end.
func connect(t testing.TB) (server *transport.Conn, client net.Conn) {
	t.Helper()
	near, far := wiretest.TCP(t)
	near.SetDeadline(time.Now().Add(patience))
	near.(*net.TCPConn).SetWriteBuffer(64 << 10) // so that it is full soon
	far.SetDeadline(time.Now().Add(patience))
	return transport.New(near), far
}

// secure returns both ends of a TLS connection.
func secure(t testing.TB, gate *transport.Gate, config *tls.Config) (*transport.Conn, *tls.Conn) {
	t.Helper()
	server, far := connect(t)
	client := tls.Client(far, config)
	done := make(chan error, 1)
	go func() { done <- client.Handshake() }()
	if err := gate.Open(t.Context(), server); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	return server, client
}

// plain returns both ends of a connection that speaks plain text, from which the server has read one byte.
func plain(t testing.TB, gate *transport.Gate) (*transport.Conn, net.Conn) {
	t.Helper()
	server, client := connect(t)
	if _, err := client.Write([]byte("H")); err != nil {
		t.Fatal(err)
	}
	if err := gate.Open(t.Context(), server); err != nil {
		t.Fatal(err)
	}
	first := make([]byte, 2)
	if n, err := server.Read(first); n != 1 || first[0] != 'H' {
		t.Fatalf("the first byte reads %q, %v", first[:n], err)
	}
	return server, client
}

// both runs a test over plain text and over TLS.
func both(t *testing.T, test func(t *testing.T, server *transport.Conn, client net.Conn)) {
	gate := transport.NewGate(newKey(t), false)
	t.Run("plain", func(t *testing.T) {
		server, client := plain(t, gate)
		test(t, server, client)
	})
	t.Run("TLS", func(t *testing.T) {
		server, client := secure(t, gate, clientConfig(newKey(t)))
		test(t, server, client)
	})
}

// noise returns size bytes, the same for the same seed.
func noise(seed byte, size int) []byte {
	b := make([]byte, size)
	rand.NewChaCha8([32]byte{seed}).Read(b)
	return b
}

// arrive checks that want comes next.
func arrive(t *testing.T, from io.Reader, want []byte) {
	t.Helper()
	got := make([]byte, len(want))
	if n, err := io.ReadFull(from, got); err != nil {
		t.Fatalf("%d of %d bytes came: %v", n, len(want), err)
	}
	if !bytes.Equal(got, want) {
		t.Fatal("other bytes came than were sent")
	}
}

// Much goes both ways at once, whether it is written, copied or sealed.
func TestBothWays(t *testing.T) {
	up, down := noise(1, 3<<20), noise(2, 5<<20)
	both(t, func(t *testing.T, server *transport.Conn, client net.Conn) {
		sent := make(chan error, 2)
		go func() {
			_, err := client.Write(up)
			sent <- err
		}()
		go func() {
			_, err := server.Write(down[:1<<20])
			if err == nil {
				_, err = server.ReadFrom(bytes.NewReader(down[1<<20 : 3<<20]))
			}
			var sealed net.Buffers
			if err == nil {
				sealed, err = server.Seal([][]byte{down[3<<20 : 4<<20], down[4<<20:]})
			}
			if err == nil {
				_, err = sealed.WriteTo(server.Conn)
			}
			sent <- err
		}()
		read := make(chan struct{})
		go func() {
			defer close(read)
			got := make([]byte, len(up))
			if _, err := io.ReadFull(server, got); err != nil || !bytes.Equal(got, up) {
				t.Errorf("what the client sent does not come: %v", err)
			}
		}()
		arrive(t, client, down)
		<-read
		for range 2 {
			if err := <-sent; err != nil {
				t.Error(err)
			}
		}
	})
}

// What a slow client does not take is returned, goes on where it stopped, and is not changed when the Writer
// writes to others.
func TestTryWrite(t *testing.T) {
	other, reader := secure(t, transport.NewGate(newKey(t), false), clientConfig())
	go io.Copy(io.Discard, reader)
	both(t, func(t *testing.T, server *transport.Conn, client net.Conn) {
		w := transport.NewWriter()
		var want []byte
		for round := range byte(3) {
			var unsent net.Buffers
			for piece := byte(0); len(unsent) == 0; piece++ { // until the system takes no more
				bufs := [][]byte{noise(round, 10), noise(piece, server.MaxWrite()/2), noise(round, 1)}
				want = append(want, slices.Concat(bufs...)...)
				var err error
				unsent, err = w.TryWrite(server, bufs)
				if err != nil {
					t.Fatal(err)
				}
				if len(want) > 64<<20 {
					t.Fatal("a client that does not read takes 64 MiB")
				}
			}
			if _, err := w.TryWrite(other, [][]byte{noise(9, 100_000)}); err != nil {
				t.Fatal(err)
			}
			sent := make(chan error, 1)
			go func() {
				_, err := unsent.WriteTo(server.Conn)
				sent <- err
			}()
			arrive(t, client, want)
			if err := <-sent; err != nil {
				t.Fatal(err)
			}
			want = nil
		}
	})
}

// Nothing to be written is nothing, not an empty record.
func TestTryWriteNothing(t *testing.T) {
	both(t, func(t *testing.T, server *transport.Conn, client net.Conn) {
		if unsent, err := transport.NewWriter().TryWrite(server, nil); len(unsent) > 0 || err != nil {
			t.Errorf("%d buffers are left: %v", len(unsent), err)
		}
		if sealed, err := server.Seal(nil); len(sealed) > 0 || err != nil {
			t.Errorf("it is sealed to %d buffers: %v", len(sealed), err)
		}
	})
}

// The end of the connection is told as what it is: to the server by what it reads, to the client by a FIN.
func TestEnds(t *testing.T) {
	both(t, func(t *testing.T, server *transport.Conn, client net.Conn) {
		if _, err := server.Write([]byte("BYE\n")); err != nil {
			t.Fatal(err)
		}
		if err := server.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(client); string(b) != "BYE\n" || err != nil {
			t.Errorf("the client reads %q, %v", b, err)
		}
		// The other direction goes on.
		if _, err := client.Write([]byte("late")); err != nil {
			t.Fatal(err)
		}
		arrive(t, server, []byte("late"))
		client.Close()
		if n, err := server.Read(make([]byte, 1)); n > 0 || err == nil {
			t.Errorf("the server reads %d bytes of a closed connection", n)
		}
	})
}

// A read that found nothing by its deadline does no harm, in the middle of a record either.
func TestReadDeadline(t *testing.T) {
	both(t, func(t *testing.T, server *transport.Conn, client net.Conn) {
		for range 3 {
			server.SetReadDeadline(time.Unix(1, 0))
			if n, err := server.Read(make([]byte, 1)); n > 0 || err == nil {
				t.Fatalf("%d bytes by a deadline that was over, %v", n, err)
			}
			server.SetReadDeadline(time.Now().Add(patience))
			if _, err := client.Write([]byte("hello")); err != nil {
				t.Fatal(err)
			}
			arrive(t, server, []byte("hello"))
		}
	})
}

// A connection that is not one of TCP is served, too, but writes nothing without blocking.
func TestPipe(t *testing.T) {
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	server := transport.New(near)
	go far.Write([]byte("Q"))
	if err := (*transport.Gate)(nil).Open(context.Background(), server); err != nil {
		t.Fatal(err)
	}
	if !server.Local() || server.Key() != nil {
		t.Errorf("local %v, key %x", server.Local(), server.Key())
	}
	bufs := [][]byte{[]byte("a"), []byte("b")}
	unsent, err := transport.NewWriter().TryWrite(server, bufs)
	if err != nil || len(unsent) != len(bufs) {
		t.Errorf("%q is left, %v", unsent, err)
	}
	if _, err := server.SyscallConn(); err == nil {
		t.Error("a pipe has a socket")
	}
	if err := server.CloseWrite(); err != nil {
		t.Error(err)
	}
}
