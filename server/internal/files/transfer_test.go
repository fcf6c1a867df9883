package files_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"parley/server/internal/deliver"
	"parley/server/internal/files"
	"parley/server/wire"
)

// A sink is a connection that keeps what is written to it. It is no socket, so nothing goes by the kernel.
type sink struct {
	net.Conn
	bytes.Buffer
}

func (s *sink) Write(p []byte) (int, error) { return s.Buffer.Write(p) }
func (s *sink) Read(p []byte) (int, error)  { return s.Buffer.Read(p) }

// A download is what a client got.
type download struct {
	size, offset uint64
	version      string
	data         string
	last         string // the line after the last DATA
}

// understand reads what a transfer sent; after its last line nothing may come.
func understand(t testing.TB, src io.Reader) (d download) {
	t.Helper()
	lines := wire.NewReader(src, wire.MaxServerLine, wire.MaxServerLine)
	var data bytes.Buffer
	for d.last == "" {
		line, err := lines.ReadLine()
		if err != nil {
			t.Fatalf("reading after %d bytes: %v", data.Len(), err)
		}
		m, err := wire.ParseServer(line)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		switch m.Verb {
		case wire.Sending:
			d.size, d.offset, d.version = m.Size, m.Offset, string(m.Version)
		case wire.Data:
			if _, err := io.CopyN(&data, lines, int64(m.Count)); err != nil {
				t.Fatalf("reading %d bytes: %v", m.Count, err)
			}
		default:
			d.last = string(line)
		}
	}
	d.data = data.String()
	if line, err := lines.ReadLine(); !errors.Is(err, io.EOF) {
		t.Errorf("%q, %v after %q", line, err, d.last)
	}
	return d
}

// carry sends all pieces of a transfer to nc and closes both. It returns the number of pieces.
func carry(t testing.TB, tr *sender, nc net.Conn) (pieces int) {
	for {
		err := tr.Piece(nc)
		pieces++
		if err == io.EOF {
			tr.Close()
			return pieces
		}
		if err != nil {
			t.Errorf("piece %d: %v", pieces, err)
			tr.Close()
			return pieces
		}
	}
}

// A sender is a download whose pieces are waited for.
type sender struct {
	*files.Transfer
	ready chan struct{} // holds an element when there may be a piece
}

// send returns a download by a user of its own.
func send(folder *files.Folder, name string, offset int64, version string, log *slog.Logger) *sender {
	return sendTo(fmt.Sprint("user", users.Add(1)), folder, name, offset, version, log)
}

func sendTo(
	user string, folder *files.Folder, name string, at int64, version string, log *slog.Logger,
) *sender {
	r := files.Request{Name: name, Offset: at, Version: version, User: user, Log: log, Failed: func() {}}
	return &sender{folder.Send(r), make(chan struct{}, 1)}
}

func (s *sender) Piece(nc net.Conn) error {
	for {
		err := s.Transfer.Piece(nc, func() {
			select {
			case s.ready <- struct{}{}:
			default:
			}
		})
		if err != deliver.ErrWait {
			return err
		}
		<-s.ready
	}
}

// users counts those that send made up.
var users atomic.Int64

// later is a time at which what the test wrote is no longer new.
func later() time.Time { return time.Now().Add(time.Hour) }

var quiet = slog.New(slog.DiscardHandler)

// fetch downloads a file, over no socket.
func fetch(t testing.TB, folder *files.Folder, name string, offset int64, version string) download {
	t.Helper()
	var nc sink
	carry(t, send(folder, name, offset, version, quiet), &nc)
	return understand(t, &nc.Buffer)
}

// sent is the line that ends a whole download.
func sent(name, content string) string {
	return fmt.Sprintf("SENT %x %d %s", sha256.Sum256([]byte(content)), len(content), name)
}

// random returns n bytes, the same each time.
func random(n int) string {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{}).Read(b)
	return string(b)
}

// Files arrive byte for byte over a socket, by the kernel, and over what is none.
func TestTransfer(t *testing.T) {
	dir := t.TempDir()
	contents := map[string]string{
		"empty": "", "one": "x", "text.txt": "line\nline\n", "sub/with space": random(100),
		"64K":   random(64 << 10),
		"64K+1": random(64<<10 + 1), "large": random(9<<20 + 7),
	}
	for name, content := range contents {
		put(t, dir, name, content)
	}
	folder := open(t, dir)
	networks := map[string]func() (net.Conn, net.Conn){
		"pipe": net.Pipe,
		"tcp":  func() (net.Conn, net.Conn) { return tcp(t) },
	}
	for network, connect := range networks {
		for name, content := range contents {
			server, client := connect()
			done := make(chan struct{})
			go func() {
				defer close(done)
				carry(t, send(folder, name, 0, "-", quiet), server)
				server.Close()
			}()
			client.SetReadDeadline(time.Now().Add(time.Minute))
			got := understand(t, client)
			want := download{uint64(len(content)), 0, got.version, content, sent(name, content)}
			if got != want {
				t.Errorf("%s over %s: size %d, offset %d, %d bytes of data, %q, want %q",
					name, network, got.size, got.offset, len(got.data), got.last, want.last)
			}
			<-done
			client.Close()
		}
	}
}

func tcp(t testing.TB) (server, client net.Conn) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	client, err = net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	server, err = listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return server, client
}

// A download goes on from where it was, when the file is still the one that it was.
func TestTransferFromOffset(t *testing.T) {
	const size = 5<<20 + 3 // more than is hashed in one piece
	content := random(size)
	tests := []struct {
		name       string
		asked      int64
		version    string // "" stands for that of the file
		wantOffset uint64
	}{
		{"from its beginning", 0, "", 0},
		{"from the middle", size / 2, "", size / 2},
		{"any version", size / 2, "-", size / 2},
		{"the last byte", size - 1, "", size - 1},
		{"nothing more", size, "", size},
		{"beyond its end", size + 1, "", 0},
		{"far beyond its end", 1<<63 - 1, "-", 0},
		{"another version", size / 2, "1-2", 0},
	}
	for _, test := range tests {
		dir := t.TempDir()
		put(t, dir, "f", content)
		for _, known := range []bool{false, true} { // the digest, from an earlier download
			folder := open(t, dir)
			version := test.version
			if v := fetch(t, open(t, dir), "f", 0, "-").version; version == "" {
				version = v
			}
			if known {
				folder.SetClock(later)
				fetch(t, folder, "f", 0, "-")
			}
			got := fetch(t, folder, "f", test.asked, version)
			want := download{size, test.wantOffset, got.version, content[test.wantOffset:],
				sent("f", content)}
			if got != want {
				t.Errorf("%s: size %d, offset %d, %d bytes, %q, want offset %d, %q", test.name, got.size,
					got.offset, len(got.data), got.last, want.offset, want.last)
			}
		}
	}
}

func TestTransferThatIsStopped(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "f", random(1<<20))
	for _, after := range []int{0, 1, 2} {
		var nc sink
		tr := send(open(t, dir), "f", 0, "-", quiet)
		for range after {
			if err := tr.Piece(&nc); err != nil {
				t.Fatal(err)
			}
		}
		tr.Stop()
		if pieces := carry(t, tr, &nc); pieces != 1 {
			t.Errorf("%d pieces after Stop, want 1", pieces)
		}
		if got := understand(t, &nc.Buffer); got.last != "ERROR GET stopped stopped: f" ||
			len(got.data) >= 1<<20 {
			t.Errorf("%d bytes and %q after Stop", len(got.data), got.last)
		}
	}
}
