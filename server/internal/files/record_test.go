package files_test

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What became of each download is in the log.
func TestDownloadsAreLogged(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "f", random(100_000))
	folder := open(t, dir)
	var record bytes.Buffer
	untimed := func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}
	log := slog.New(slog.NewTextHandler(&record, &slog.HandlerOptions{ReplaceAttr: untimed}))
	tests := []struct {
		name, want string
		do         func()
	}{
		{"whole", "level=INFO msg=\"download begun\" file=f size=100000 offset=0\n" +
			"level=INFO msg=\"download ended\" file=f bytes=100000 how=complete\n", func() {
			carry(t, send(folder, "f", 0, "-", log), &sink{})
		}},
		{"from an offset", "level=INFO msg=\"download begun\" file=f size=100000 offset=99990\n" +
			"level=INFO msg=\"download ended\" file=f bytes=10 how=complete\n", func() {
			carry(t, send(folder, "f", 99_990, "-", log), &sink{})
		}},
		{"no file", "level=INFO msg=\"download ended\" file=g bytes=0 how=no-file\n", func() {
			carry(t, send(folder, "g", 0, "-", log), &sink{})
		}},
		{"stopped", "level=INFO msg=\"download ended\" file=f bytes=0 how=stopped\n", func() {
			tr := send(folder, "f", 0, "-", log)
			tr.Stop()
			carry(t, tr, &sink{})
		}},
		{"never begun", "level=INFO msg=\"download ended\" file=f bytes=0 how=\"connection ended\"\n",
			func() {
				send(folder, "f", 0, "-", log).Close()
			}},
		{"cut off", "level=INFO msg=\"download begun\" file=f size=100000 offset=0\n" +
			"level=INFO msg=\"download ended\" file=f bytes=65536 how=\"connection ended\"\n", func() {
			server, client := net.Pipe()
			go func() {
				io.CopyN(io.Discard, client, 70_000) // into the second piece
				client.Close()
			}()
			tr := send(folder, "f", 0, "-", log)
			for tr.Piece(server) == nil {
			}
			tr.Close()
		}},
	}
	for _, test := range tests {
		record.Reset()
		test.do()
		if diff := cmp.Diff(test.want, record.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}
