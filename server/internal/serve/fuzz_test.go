package serve_test

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"parley/server/internal/files"
	"parley/server/internal/room"
	"parley/server/internal/serve"
	"parley/server/wire"
)

// FuzzSession: whatever bytes a connection sends, in pieces of whatever size, nothing panics; until HELLO or
// RESUME succeeds every answer is an ERROR or a BYE; all that the server sends is lines and announced data;
// every SAY and TELL gets exactly one answer; and a session beside it gets lines that make sense.
func FuzzSession(f *testing.F) {
	for _, s := range []string{
		"", "\n", "QUIT\n", "HELLO parley/1 alice 0\n", "HELLO parley/1 bob 0\n", "SAY x\nWHO\nFILES\nWHO\n",
		"HELLO parley/1 alice 1000\nSAY hello\nTELL bob hi\nTELL alice hi\nTELL no-one hi\n" +
			"WHO\nFILES\nPING 3\nQUIT\n",
		"HELLO parley/1 alice 10\r\nGET 0 - a.txt\r\nGET 1 - a.txt\nGET 99 x a.txt\n" +
			"GET 0 - ../a.txt\nSTOP\nSAY between\n",
		"RESUME parley/1 0123456789abcdef0123456789abcdef 7\n" +
			"HELLO parley/1 alice 0\nHELLO parley/1 alice 0\n",
		"HELLO parley/1 alice 0\nSAY " + strings.Repeat("x", 5000) +
			"\nSAY \x1b\nSAY \xff\nSAY ok\nPING 99999999999\nSAY ok\n",
		"HELLO parley/1 Zoë 0\n" + strings.Repeat("GET 0 - a.txt\n", 120) +
			"STOP\n" + strings.Repeat("WHO\n", 50),
		"HELLO parley/2 alice 0\nHELLO parley/1 con 0\nHELLO parley/1 \u202e 0\n",
	} {
		f.Add([]byte(s), byte(0))
		f.Add([]byte(s), byte(1))
		f.Add([]byte(s), byte(7))
	}
	dir := f.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.txt"), []byte("hello\nBYE now\n"), 0o644); err != nil {
		f.Fatal(err)
	}
	folder, err := files.Open(dir, func() {})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte, size byte) {
		s := &serve.Server{Folder: folder, Log: slog.New(slog.DiscardHandler), Show: func(string) {},
			Guard: func() {}, Idle: time.Hour}
		begin(s, 3, func(*room.Entry, *room.Outcome, net.Addr) {})
		near, far := net.Pipe()
		watcher, err := join(s, near, "bob")
		if err != nil {
			t.Fatal(err)
		}
		watched := make(chan error, 1)
		go func() {
			_, err := follow(far)
			watched <- err
		}()
		lines, err := converse(s, append(data, "\nQUIT\nQUIT\nQUIT\n"...), int(size))
		if err == nil {
			err = checkAnswers(data, lines)
		}
		quit := watcher.Entry(room.Leave, "")
		s.Propose(quit.Append(nil))
		if e := <-watched; e != nil && err == nil {
			err = e
		}
		s.Hub.Close("the end", true)
		if err != nil {
			t.Fatal(err)
		}
	})
}

// converse serves a connection that sends data, size bytes at a time, and returns the lines that it got.
func converse(s *serve.Server, data []byte, size int) ([]wire.Message, error) {
	near, far := net.Pipe()
	sent := make(chan struct{})
	s.Start(near)
	go func() {
		defer close(sent)
		for len(data) > 0 {
			n := len(data)
			if size > 0 {
				n = min(n, size)
			}
			if _, err := far.Write(data[:n]); err != nil {
				return
			}
			data = data[n:]
		}
	}()
	lines, err := follow(far)
	<-sent
	s.Wait()
	return lines, err
}

// follow reads what the server sends up to BYE, and closes the connection.
func follow(nc net.Conn) (lines []wire.Message, err error) {
	defer nc.Close()
	r := wire.NewReader(noEmptyReads{nc}, wire.MaxServerLine, 1<<16)
	for {
		line, err := r.ReadLine()
		if err != nil {
			return lines, errors.Join(errors.New("no BYE"), err)
		}
		m, err := wire.ParseServer([]byte(string(line)))
		if err != nil {
			return lines, errors.Join(errors.New(string(line)), err)
		}
		if m.Verb == wire.Data {
			if _, err := io.CopyN(io.Discard, r, int64(m.Count)); err != nil {
				return lines, err
			}
		}
		lines = append(lines, m)
		if m.Verb == wire.Bye {
			return lines, nil
		}
	}
}

// checkAnswers compares what a session got with what it sent.
func checkAnswers(data []byte, lines []wire.Message) error {
	joined, answers, last := false, 0, uint64(0)
	for i, m := range lines {
		switch m.Verb {
		case wire.Welcome:
			joined, last = true, m.Seq
			continue
		case wire.Resumed:
			return errors.New("a session was resumed that never was")
		case wire.OK, wire.Refused:
			answers++
		case wire.Error:
		case wire.Bye:
			if i < len(lines)-1 {
				return errors.New("there are lines after BYE")
			}
		}
		if !joined && m.Verb != wire.Error && m.Verb != wire.Bye {
			return errors.New(string(m.Verb) + " before WELCOME")
		}
		if m.Seq != 0 && m.Seq <= last {
			return errors.New("seqs do not ascend")
		}
		last = max(last, m.Seq)
	}
	if want := questions(data); joined && answers != want {
		return errors.Join(errors.New("not every SAY and TELL got one answer"), nil)
	} else if !joined && answers != 0 {
		return errors.New("there are answers before joining")
	}
	return nil
}

// questions counts the SAY and TELL lines after a HELLO that succeeds, and before QUIT.
func questions(data []byte) (n int) {
	joined := false
	r := wire.NewReader(strings.NewReader(string(data)+"\n"), wire.MaxLine, wire.MaxLine)
	for {
		line, err := r.ReadLine()
		if e := (*wire.ProtocolError)(nil); errors.As(err, &e) {
			continue
		} else if err != nil {
			return n
		}
		m, err := wire.ParseClient(line)
		switch {
		case err != nil:
		case m.Verb == wire.Quit:
			return n
		case m.Verb == wire.Hello && !joined:
			name, err := wire.CheckName(string(m.Name))
			joined = err == nil && name == string(m.Name) && wire.NameKey(name) != "bob"
		case joined && (m.Verb == wire.Say || m.Verb == wire.Tell):
			n++
		}
	}
}
