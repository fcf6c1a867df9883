package chat

import (
	"bufio"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"parley/client/internal/link"
)

// A record is a UI that keeps the lines it is shown: errors after !, a new receiver of plain lines and the
// state of the connection in brackets, and completions after ?.
type record struct {
	lines []string
	mode  string
}

func (r *record) Show(l Line) {
	if l.Kind == Failure || l.Kind == Unsent {
		l.Text = "! " + l.Text
	}
	r.lines = append(r.lines, l.String())
}

func (r *record) Flush(s Status) error {
	mode := "[" + cmp.Or(s.To, "all") + "]"
	if s.Away {
		mode = "[" + cmp.Or(s.To, "all") + ", away]"
	}
	if mode != cmp.Or(r.mode, "[all]") {
		r.lines = append(r.lines, mode)
	}
	r.mode = mode
	return nil
}

func (r *record) complete(c Completion) {
	words := append(slices.Clone(c.Words), c.Note)
	r.lines = append(r.lines, "? "+c.Longer+"| "+strings.TrimSpace(strings.Join(words, " ")))
}

// play runs a chat in which the test is the server and the user. Each step begins when all that came before
// is done:
//
//	> LINE    the client sends this
//	< LINE    the server sends this
//	. LINE    the user types this
//	, LINE    the user pastes this
//	? LINE    the user asks how this goes on; _ at the end is a space
//	cut       the connection breaks, and there is another one
//	lost      the client gives the connection up, and there is another one
//	lose      the connection breaks, and there is none until
//	back      there is another one
//	interrupt the user presses Ctrl-C
//	eof       the input ends
//	wait      two minutes pass
//	ends TIME the client ends by itself, so long after the step before
//
// At the end the input ends, and the server answers QUIT, if it is still there.
func play(t *testing.T, cfg Config, steps string) (lines []string, status int) {
	synctest.Test(t, func(t *testing.T) {
		conns := make(chan net.Conn, 1)
		dial := func(context.Context, string, string) (net.Conn, error) {
			client, server := net.Pipe()
			conns <- server
			return client, nil
		}
		cfg.Config = link.Config{Addresses: []string{"chat:1"}, Name: "alice", History: 2, Idle: time.Hour,
			Reconnect: time.Minute, Dial: dial}
		input, signals := make(chan Input), make(chan os.Signal, 1)
		face := new(record)
		done := make(chan struct{})
		go func() {
			defer close(done)
			c, welcome, err := link.Join(t.Context(), cfg.Config)
			if err != nil {
				t.Error(err)
				return
			}
			status = Run(cfg, face, c, welcome, input, signals)
		}()
		conn := <-conns
		r := bufio.NewReader(conn)
		r.ReadString('\n')
		io.WriteString(conn, "WELCOME tok 10 hi\n")
		for step := range strings.Lines(steps) {
			synctest.Wait()
			verb, rest, _ := strings.Cut(strings.TrimSpace(step), " ")
			rest = strings.NewReplacer(`\e`, "\x1b", `\u`, "\u202e", `\n`, "\n").Replace(rest)
			switch verb {
			case ">":
				if got, err := r.ReadString('\n'); got != rest+"\n" {
					t.Fatalf("the client sent %q (%v), want %q", got, err, rest)
				}
			case "<":
				io.WriteString(conn, rest+"\n")
			case ".":
				input <- Input{Text: rest}
			case ",":
				input <- Input{Text: rest, Pasted: true}
			case "?":
				input <- Input{Text: strings.TrimSuffix(rest, "_"), Complete: face.complete}
			case "cut", "lost":
				if verb == "cut" {
					conn.Close()
				}
				conn = <-conns
				r = bufio.NewReader(conn)
			case "lose":
				conn.Close()
			case "back":
				conn = <-conns
				r = bufio.NewReader(conn)
			case "interrupt":
				signals <- os.Interrupt
			case "eof":
				close(input)
				input = nil
			case "wait":
				time.Sleep(2 * time.Minute)
			case "ends":
				since := time.Now()
				<-done
				if took := time.Since(since).String(); took != rest {
					t.Errorf("the client ended after %s, want %s", took, rest)
				}
			}
		}
		synctest.Wait()
		if input != nil {
			close(input)
		}
		if line, _ := r.ReadString('\n'); line == "QUIT\n" {
			io.WriteString(conn, "BYE bye\n")
		}
		<-done
		conn.Close()
		lines = face.lines
	})
	return lines, status
}

func sum(content string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(content))) }

// word is the version that tells the server which bytes are here.
func word(content string) string {
	sum := sha256.Sum256([]byte(content))
	return "sha256:" + base64.RawURLEncoding.EncodeToString(sum[:])
}
