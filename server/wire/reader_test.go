package wire_test

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"parley/server/wire"
)

// Lengths in these tests are multiples of small limits, so that every way the buffer moves comes up.
const (
	testLine = 600
	testBuf  = 1500
)

// An outcome is what one call of ReadLine gave.
type outcome struct {
	Line string
	Code string // of a *ProtocolError, or empty
}

// readAll collects what r gives until its source ends.
func readAll(t *testing.T, r *wire.Reader) []outcome {
	t.Helper()
	var all []outcome
	for {
		line, err := r.ReadLine()
		var e *wire.ProtocolError
		switch {
		case errors.Is(err, io.EOF):
			return all
		case errors.As(err, &e):
			all = append(all, outcome{Code: e.Code})
		case err != nil:
			t.Fatalf("ReadLine: %v", err)
		default:
			all = append(all, outcome{Line: string(line)})
		}
	}
}

// naive is what ReadLine should give for data, written for clarity alone.
func naive(data string, maxLine int) []outcome {
	var all []outcome
	lines := strings.SplitAfter(data, "\n")
	for i, line := range lines {
		whole := i < len(lines)-1
		switch {
		case len(line) > maxLine || !whole && len(line) == maxLine:
			all = append(all, outcome{Code: wire.CodeTooLong})
		case whole:
			text := strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
			if wire.CheckText([]byte(text)) != nil {
				all = append(all, outcome{Code: wire.CodeText})
			} else {
				all = append(all, outcome{Line: text})
			}
		}
	}
	return all
}

// A splitReader gives its data in pieces of the sizes given, and then in pieces of any size.
type splitReader struct {
	data  []byte
	sizes []byte
}

func (s *splitReader) Read(p []byte) (int, error) {
	n := len(s.data)
	if n == 0 {
		return 0, io.EOF
	}
	if len(s.sizes) > 0 {
		n = int(s.sizes[0]) + 1
		s.sizes = s.sizes[1:]
	}
	n = copy(p, s.data[:min(n, len(s.data))])
	s.data = s.data[n:]
	return n, nil
}

var readerExamples = []string{
	"",
	"\n",
	"one\ntwo\r\nthree\n",
	"\r\n\r\r\n",
	"no end",
	"caf\u00e9\nbad \xff\nbell \a\ngood\n",
	strings.Repeat("x", testLine-1) + "\nafter\n",   // exactly the limit
	strings.Repeat("x", testLine) + "\nafter\n",     // one byte more
	strings.Repeat("x", testLine-2) + "\r\nafter\n", // exactly the limit, with CR
	strings.Repeat("x", testLine-1) + "\r\nafter\n", // one byte more, with CR
	strings.Repeat("x", 3*testBuf) + "\nafter\n",    // over the whole buffer
	// too long already without its end
	strings.Repeat("x", testLine),
	strings.Repeat("x", testLine-1), // cut short
	strings.Repeat("short\n", 1000), // many lines in one read
	// the buffer moves its content
	strings.Repeat(strings.Repeat("y", testLine-50)+"\n", 20) + "z\n",
	// too long, after a full buffer
	strings.Repeat("a\n", 300) + strings.Repeat("x", 2*testLine) + "\nafter\n",
}

func TestReaderSplitAnywhere(t *testing.T) {
	for _, data := range readerExamples {
		want := naive(data, testLine)
		for i := 0; i < len(data); i += 1 + i/testLine*7 { // beyond the longest line only some
			src := io.MultiReader(strings.NewReader(data[:i]), strings.NewReader(data[i:]))
			got := readAll(t, wire.NewReader(src, testLine, testBuf))
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("%.30q of %d bytes, split at %d (-want +got):\n%s", data, len(data), i, diff)
			}
		}
		for name, src := range map[string]io.Reader{
			"one byte at a time":         iotest.OneByteReader(strings.NewReader(data)),
			"the end with the last read": iotest.DataErrReader(strings.NewReader(data)),
		} {
			got := readAll(t, wire.NewReader(src, testLine, testBuf))
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%.30q of %d bytes, %s (-want +got):\n%s", data, len(data), name, diff)
			}
		}
	}
}

func TestReaderAtTheProtocolsLimit(t *testing.T) {
	for _, limit := range []int{wire.MaxLine, wire.MaxServerLine} {
		fits := strings.Repeat("x", limit-1)
		want := []outcome{{Line: fits}, {Code: wire.CodeTooLong}, {Line: "next"}}
		got := readAll(t, wire.NewReader(strings.NewReader(fits+"\n"+fits+"x\nnext\n"), limit, limit))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("limit %d (-want +got):\n%s", limit, diff)
		}
	}
	_, err := wire.NewReader(strings.NewReader(strings.Repeat("x", 20)+"\n"), 10, 4096).ReadLine()
	want := &wire.ProtocolError{"-", wire.CodeTooLong, "a line of 21 or more bytes, at most 10 are allowed"}
	if diff := cmp.Diff(error(want), err); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestReaderError(t *testing.T) {
	failure := errors.New("pulled the plug")
	r := wire.NewReader(io.MultiReader(strings.NewReader("one\nhalf"), iotest.ErrReader(failure)), testLine,
		testBuf)
	if line, err := r.ReadLine(); string(line) != "one" || err != nil {
		t.Errorf("ReadLine = %q, %v", line, err)
	}
	if _, err := r.ReadLine(); !errors.Is(err, failure) {
		t.Errorf("error %v, want %v", err, failure)
	}
	// A source that gives neither bytes nor an error must not make the reader spin.
	stuck := wire.NewReader(readerFunc(func([]byte) (int, error) { return 0, nil }), testLine, testBuf)
	if _, err := stuck.ReadLine(); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("error %v, want %v", err, io.ErrNoProgress)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// After a deadline passed in the middle of a line, the next call goes on with it.
func TestReaderGoesOnAfterATimeout(t *testing.T) {
	parts := []string{"first\nsec", "", "ond\n"}
	r := wire.NewReader(readerFunc(func(p []byte) (int, error) {
		part := parts[0]
		parts = parts[1:]
		if part == "" {
			return 0, iotest.ErrTimeout
		}
		return copy(p, part), nil
	}), testLine, testBuf)
	var got []string
	for range 3 {
		line, err := r.ReadLine()
		if err != nil {
			line = []byte(err.Error())
		}
		got = append(got, string(line))
	}
	if diff := cmp.Diff([]string{"first", "timeout", "second"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Raw bytes after a DATA line are read as they are, whether they came with the line or later.
func TestReaderRawBytes(t *testing.T) {
	raw := bytes.Repeat([]byte("\n\x00\xff"), testBuf)
	data := append(append([]byte("DATA\n"), raw...), "SENT\n"...)
	for _, sizes := range []string{"", "\x00", "\x04", "\x05\x00\x00", "\xff\xff"} {
		r := wire.NewReader(&splitReader{data, []byte(sizes)}, testLine, testBuf)
		if line, err := r.ReadLine(); string(line) != "DATA" || err != nil {
			t.Fatalf("sizes %q: ReadLine = %q, %v", sizes, line, err)
		}
		if n := r.Buffered(); n > len(raw) {
			t.Errorf("sizes %q: %d bytes buffered", sizes, n)
		}
		got := make([]byte, len(raw))
		if _, err := io.ReadFull(r, got); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(raw, got) {
			t.Errorf("sizes %q: other bytes were read", sizes)
		}
		if line, err := r.ReadLine(); string(line) != "SENT" || err != nil {
			t.Errorf("sizes %q: ReadLine = %q, %v", sizes, line, err)
		}
	}
}

// The buffer is as large as the traffic: what one read may take shows how large it is.
func TestReaderBufferGrowsAndShrinks(t *testing.T) {
	var offered []int // bytes that each read could have taken
	next, from := []byte("x\n"), 0
	r := wire.NewReader(readerFunc(func(p []byte) (int, error) {
		offered = append(offered, len(p))
		n := copy(p, next[from:])
		from = (from + n) % len(next)
		return n, nil
	}), 4096, 1<<16)
	read := func(times int) int {
		for range times {
			if _, err := r.ReadLine(); err != nil {
				t.Fatal(err)
			}
		}
		return offered[len(offered)-1]
	}
	if n := read(1); n > 1024 {
		t.Errorf("a first read of up to %d bytes: idle readers would take too much memory", n)
	}
	next = bytes.Repeat([]byte(strings.Repeat("y", 4000)+"\n"), 100)
	read(200)
	if n := slices.Max(offered); n < 16<<10 || n > 1<<16 {
		t.Errorf("a read of up to %d bytes in heavy traffic, want 16 KiB to the 64 KiB allowed", n)
	}
	for from > 0 || r.Buffered() > 0 {
		read(1)
	}
	next = []byte("x\n")
	read(1)
	r.Rest()
	if n := read(2); n > 1024 {
		t.Errorf("a read of up to %d bytes after the traffic ended", n)
	}
}

// FuzzReader: any bytes, in pieces of any sizes, are the lines that a naive splitter finds.
func FuzzReader(f *testing.F) {
	for _, data := range readerExamples {
		f.Add([]byte(data), []byte{})
		f.Add([]byte(data), []byte{0, 1, 255, 0, 0, 77})
	}
	f.Fuzz(func(t *testing.T, data, sizes []byte) {
		for _, limit := range []struct{ line, buf int }{{16, 16}, {testLine, testLine}, {testLine, testBuf}} {
			got := readAll(t, wire.NewReader(&splitReader{data, sizes}, limit.line, limit.buf))
			if diff := cmp.Diff(naive(string(data), limit.line), got); diff != "" {
				t.Fatalf("limit %d, buffer %d (-want +got):\n%s", limit.line, limit.buf, diff)
			}
		}
	})
}

func BenchmarkReader(bench *testing.B) {
	data := bytes.Repeat([]byte("SAY "+strings.Repeat("x", 60)+"\n"), 1000)
	src := bytes.NewReader(nil)
	r := wire.NewReader(src, wire.MaxLine, wire.MaxLine)
	bench.ReportAllocs()
	for bench.Loop() {
		if _, err := r.ReadLine(); err != nil { // the end of data
			src.Reset(data)
		}
	}
}
