package files_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"parley/server/internal/files"
	"parley/server/wire"
)

// A named pipe is not listed, and to ask for one neither waits for its other end nor takes what is in it.
func TestNamedPipe(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "a", "x")
	if err := unix.Mkfifo(filepath.Join(dir, "fifo"), 0o644); err != nil {
		t.Fatal(err)
	}
	link(t, dir, "link", "fifo")
	folder := open(t, dir)
	if diff := cmp.Diff([]string{"a 1 1700000000123"}, listed(t, folder)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, name := range []string{"fifo", "link"} {
		got := fetch(t, folder, name, 0, "-")
		if diff := cmp.Diff("ERROR GET no-file "+name+" cannot be read: not a regular file",
			got.last); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

// What the server may not read is left out of the list, or said when asked for, and does not hide the rest.
func TestUnreadable(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "a", "x")
	put(t, dir, "closed/b", "x")
	put(t, dir, "z", "x")
	folder := open(t, dir)
	for _, name := range []string{"closed", "z"} {
		if err := os.Chmod(filepath.Join(dir, name), 0); err != nil {
			t.Fatal(err)
		}
	}
	defer os.Chmod(filepath.Join(dir, "closed"), 0o755)
	if os.Geteuid() == 0 { // root may read everything, so look as nobody does
		folder.SetDisk(func() {
			runtime.LockOSThread() // until the goroutine ends, and the thread with it
			unix.Setfsuid(65534)
		})
	}
	got := listed(t, folder)
	if diff := cmp.Diff([]string{"a 1 1700000000123"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	list, err := folder.List(nil)
	if want := "1 file, 2 more cannot be offered"; err != nil || list.String() != want {
		t.Errorf("%q, %v, want %q", list, err, want)
	}
	for _, name := range []string{"closed/b", "z"} {
		got := fetch(t, folder, name, 0, "-")
		if want := "ERROR GET file-failed " + name + " cannot be read: permission denied"; got.last != want {
			t.Errorf("%q, want %q", got.last, want)
		}
		if strings.Contains(got.last, dir) {
			t.Errorf("%q tells where the folder is", got.last)
		}
	}
}

// However a transfer ends, its file is closed.
func TestNoFileStaysOpen(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "f", random(300_000))
	folder := open(t, dir)
	files := func() int {
		list, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // the collector would close what was forgotten
	before := files()
	for range 50 {
		carry(t, send(folder, "f", 0, "-", quiet), &sink{})
		tr := send(folder, "f", 0, "-", quiet)
		tr.Piece(&sink{})
		tr.Stop()
		carry(t, tr, &sink{})
		tr = send(folder, "f", 0, "-", quiet)
		tr.Piece(&sink{})
		tr.Close()
		fetch(t, folder, "none", 0, "-")
	}
	for end := time.Now().Add(time.Minute); files() > before+25; runtime.Gosched() { // the system's come and go
		if time.Now().After(end) {
			t.Fatalf("%d files are open, %d were before", files(), before)
		}
	}
}

// However much the system could hold for a client, it holds little of a file, because messages wait behind
// it; after the file it may hold more again.
func TestLittleIsAhead(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "small", "x")
	put(t, dir, "large", "")
	if err := os.Truncate(filepath.Join(dir, "large"), 64<<20); err != nil {
		t.Fatal(err)
	}
	folder := open(t, dir)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	client, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	client.(*net.TCPConn).SetReadBuffer(64 << 10)
	server, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	carry(t, send(folder, "small", 0, "-", quiet), server)
	raw, _ := server.(*net.TCPConn).SyscallConn()
	raw.Control(func(fd uintptr) {
		if most, err := unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT); most != 0 ||
			err != nil {
			t.Errorf("after a file the limit is still %d bytes: %v", most, err)
		}
	})
	server.SetWriteDeadline(time.Now().Add(300 * time.Millisecond)) // until then nobody reads
	tr := send(folder, "large", 0, "-", quiet)
	for err == nil {
		err = tr.Piece(server)
	}
	tr.Close()
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error(err)
	}
	server.Close()
	if n, _ := io.Copy(io.Discard, client); n > 3<<19 {
		t.Errorf("%d bytes waited for a client that reads nothing, want at most 1.5 MiB", n)
	}
}

// listed returns the list as text: name, size, time.
func listed(t testing.TB, folder *files.Folder) []string {
	t.Helper()
	list, err := folder.List(nil)
	if err != nil {
		t.Fatal(err)
	}
	got := []string{}
	for _, m := range list.Files {
		if m.Verb != wire.File {
			t.Errorf("%s in a list", m.Verb)
		}
		got = append(got, fmt.Sprintf("%s %d %d", m.Name, m.Size, m.Time))
	}
	return got
}
