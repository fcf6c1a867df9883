//go:build linux

package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"parley/server/wire"
)

// An attack is what one address does.
type attack struct {
	name, about string
	files       int // that the server shares
	// attacks until it is done or the context ends, and says how far it came
	do func(context.Context, *attacker) string
}

var attacks = []attack{
	{"none", "no attack", 0, func(ctx context.Context, _ *attacker) string {
		<-ctx.Done()
		return "nothing was done"
	}},
	{"hello", "10,050 sessions join and stay", 0, hello},
	{"hello close", "10,050 sessions join and break their connections", 0, helloClose},
	{"hello quit", "10,050 sessions join, leave and do not close or read", 0, helloQuit},
	{"say resume", "a session says 499 lines and resumes over another connection, in a loop", 0, sayResume},
	{"who", "3,000 sessions ask who is here, and do not read", 0, who},
	{"files", "300 sessions ask for a list of 10,000 files again and again, and do not read",
		10_000, listFiles},
	{"tell slow", "sessions send 1,000 private messages of 4 KB each to one who reads 20 Mbit/s",
		0, tellSlow},
	{"mailboxes", "2,140 sessions fill each other's mailboxes, and do not read", 0, mailboxes},
	{"join flood", "sessions join and leave as fast as they can", 0, joinFlood},
	{"log", "connections send lines of 4 KB that are refused and logged", 0, fillLog},
	{"handshakes", "connections make TLS handshakes as fast as they can", 0, handshakes},
	{"half handshakes", "connections begin TLS handshakes and do not go on", 0, halfHandshakes},
}

// An attacker attacks from one address.
type attacker struct {
	from, addr string
	harmed     atomic.Int64 // honest sessions of the attack's own that were cut off

	mu   sync.Mutex // guards the following field
	held []*session // connections that stay open until the attack is over
}

// workers is how many connections an attacker makes at the same time.
const workers = 32

// repeat calls do with 0 to n-1 from several goroutines until the context ends, and returns how many
// succeeded and the first error.
func (a *attacker) repeat(ctx context.Context, n int, do func(i int) error) (done int64, first error) {
	var next, succeeded atomic.Int64
	var once sync.Once
	var running sync.WaitGroup
	for range workers {
		running.Go(func() {
			for i := next.Add(1) - 1; i < int64(n) && ctx.Err() == nil; i = next.Add(1) - 1 {
				err := do(int(i))
				if ctx.Err() == nil && err != nil {
					once.Do(func() { first = err })
				}
				if err != nil {
					continue
				}
				succeeded.Add(1)
			}
		})
	}
	running.Wait()
	return succeeded.Load(), first
}

// endless is more often than anything can be done while an attack lasts.
const endless = 1 << 30

// connect has do use one connection after the other until the context ends, each for a limited time.
func (a *attacker) connect(ctx context.Context, limit time.Duration, do func(s *session) error) (done int64,
	first error) {

	return a.repeat(ctx, endless, func(int) error {
		s, err := dial(ctx, a.from, a.addr)
		if err != nil {
			return err
		}
		defer s.Close()
		s.SetDeadline(time.Now().Add(limit))
		return do(s)
	})
}

// report says how far an attack came.
func report(what string, done int64, err error) string {
	if err != nil {
		return fmt.Sprintf("%d %s, and: %.100v", done, what, err)
	}
	return fmt.Sprintf("%d %s", done, what)
}

// hold keeps a connection open until the attack is over.
func (a *attacker) hold(s *session) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.held = append(a.held, s)
}

// release closes what was held.
func (a *attacker) release() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, s := range a.held {
		s.Close()
	}
}

// enter joins a session that is held, and which reads what comes if it is to drain.
func (a *attacker) enter(ctx context.Context, name string, drain bool) (*session, error) {
	s, err := join(ctx, a.from, a.addr, name)
	if err != nil {
		return nil, err
	}
	a.hold(s)
	if drain {
		go io.Copy(io.Discard, s.Conn) // ends with the connection
	}
	return s, nil
}

// many is how many sessions take all places of a server, and more.
const many = 10_050

func hello(ctx context.Context, a *attacker) string {
	done, err := a.repeat(ctx, many, func(i int) error {
		_, err := a.enter(ctx, fmt.Sprint("x", i), true)
		return err
	})
	<-ctx.Done() // while they stay
	return report("joined", done, err)
}

func helloClose(ctx context.Context, a *attacker) string {
	done, err := a.repeat(ctx, many, func(i int) error {
		s, err := join(ctx, a.from, a.addr, fmt.Sprint("x", i))
		if err == nil {
			s.Close()
		}
		return err
	})
	return report("joined", done, err)
}

func helloQuit(ctx context.Context, a *attacker) string {
	done, err := a.repeat(ctx, many, func(i int) error {
		s, err := dial(ctx, a.from, a.addr)
		if err != nil {
			return err
		}
		a.hold(s)
		return s.say("HELLO parley/1 x%d 0\nQUIT", i)
	})
	<-ctx.Done()
	return report("connected", done, err)
}

// burst is how many lines a session may send at once, with the server's usual -rate.
const burst = 499

func sayResume(ctx context.Context, a *attacker) string {
	lines := strings.Repeat("SAY "+strings.Repeat("x", 20)+"\n", burst)
	var resumed atomic.Int64
	_, err := a.repeat(ctx, 8, func(i int) error {
		s, err := join(ctx, a.from, a.addr, fmt.Sprint("x", i))
		for err == nil && ctx.Err() == nil {
			s.SetDeadline(time.Now().Add(patience))
			go io.WriteString(s, lines) // ends with the connection
			if err := s.follow(burst); err != nil {
				return err
			}
			next, err := dial(ctx, a.from, a.addr)
			if err != nil {
				return err
			}
			next.token, next.seq = s.token, s.seq
			if err := next.enter(fmt.Sprintf("RESUME parley/1 %s %s", s.token, s.seq)); err != nil {
				return err
			}
			s.Close()
			s = next
			resumed.Add(1)
		}
		return err
	})
	return report(fmt.Sprintf("times %d lines", burst), resumed.Load(), err)
}

// follow reads until so many lines were taken, and keeps the last seq.
func (s *session) follow(taken int) error {
	for taken > 0 {
		line, err := s.lines.ReadString('\n')
		if err != nil {
			return err
		}
		words := strings.Fields(line)
		if len(words) > 1 && (words[0] == "OK" || words[0] == "SAID") {
			s.seq = words[1]
		}
		if words[0] == "OK" || words[0] == "REFUSED" {
			taken--
		}
	}
	return nil
}

// longName returns a name of the greatest length.
func longName(i int) string { return fmt.Sprintf("%0*d", wire.MaxName, i) }

func who(ctx context.Context, a *attacker) string {
	return a.ask(ctx, "WHO", 3000, longName)
}

// ask has many sessions ask for a list that they do not read, and then go on asking.
func (a *attacker) ask(ctx context.Context, verb string, sessions int, name func(i int) string) string {
	done, err := a.repeat(ctx, sessions, func(i int) error {
		s, err := a.enter(ctx, name(i), false)
		if err == nil {
			err = s.say("%s", verb)
		}
		return err
	})
	a.again(ctx, verb+"\n")
	return report("asked", done, err)
}

func listFiles(ctx context.Context, a *attacker) string {
	return a.ask(ctx, "FILES", 300, func(i int) string { return fmt.Sprint("x", i) })
}

// again has all that are held send a line on and on.
func (a *attacker) again(ctx context.Context, line string) {
	for ctx.Err() == nil {
		for _, s := range a.held {
			s.SetWriteDeadline(time.Now().Add(time.Millisecond))
			io.WriteString(s, line) // which fails where the server has had enough
		}
		time.Sleep(every)
	}
}

// tell returns a private message of nearly 4 KB.
func tell(to string) string {
	line := "TELL " + to + " "
	return line + strings.Repeat("x", 4000-len(line)) + "\n"
}

func tellSlow(ctx context.Context, a *attacker) string {
	slow, err := join(ctx, "127.2.0.1", a.addr, "slow")
	if err != nil {
		return report("sent", 0, err)
	}
	defer slow.Close()
	var over atomic.Bool
	read := make(chan struct{})
	go func() {
		defer close(read)
		const piece, each = 25_000, 10 * time.Millisecond // 20 Mbit/s
		for tick := time.Tick(each); ; <-tick {
			if _, err := io.CopyN(io.Discard, slow.lines, piece); err != nil {
				if !over.Load() {
					a.harmed.Add(1)
				}
				return
			}
		}
	}()
	message := tell("slow")
	done, err := a.repeat(ctx, 1000, func(i int) error {
		s, err := a.enter(ctx, fmt.Sprint("x", i), true)
		for err == nil && ctx.Err() == nil {
			_, err = io.WriteString(s, strings.Repeat(message, 1000/workers))
		}
		return err
	})
	over.Store(true)
	slow.Close()
	<-read
	return report("sessions sent", done, err)
}

func mailboxes(ctx context.Context, a *attacker) string {
	const sessions = 2140
	done, err := a.repeat(ctx, sessions, func(i int) error {
		_, err := a.enter(ctx, fmt.Sprint("x", i), false)
		return err
	})
	sent, e := a.repeat(ctx, int(done), func(i int) error {
		s := a.held[i]
		s.SetWriteDeadline(time.Now().Add(time.Second))
		_, err := io.WriteString(s, strings.Repeat(tell(fmt.Sprint("x", (i+1)%sessions)), 100))
		return err
	})
	if err == nil {
		err = e
	}
	<-ctx.Done()
	return report("joined, "+report("sent", sent, nil), done, err)
}

func joinFlood(ctx context.Context, a *attacker) string {
	done, err := a.repeat(ctx, endless, func(i int) error {
		s, err := join(ctx, a.from, a.addr, fmt.Sprint("x", i%1000))
		if err != nil {
			return err
		}
		defer s.Close()
		return s.say("QUIT")
	})
	return report("joined and left", done, err)
}

func fillLog(ctx context.Context, a *attacker) string {
	line := strings.Repeat("HELLO parley/1 "+strings.Repeat("n", 4000)+" 0\n", 3)
	done, err := a.connect(ctx, time.Second, func(s *session) error {
		if err := s.say("%s", line); err != nil {
			return err
		}
		_, err := io.Copy(io.Discard, s.lines)
		return err
	})
	return report("connected", done, err)
}

// device is what the attacker's TLS says.
func device() *tls.Config {
	key, err := wire.NewKey()
	if err != nil {
		panic(err) // no random numbers, which is fatal in package rand already
	}
	return &tls.Config{InsecureSkipVerify: true, NextProtos: []string{wire.Version},
		Certificates: []tls.Certificate{key}}
}

func handshakes(ctx context.Context, a *attacker) string {
	config := device()
	done, err := a.connect(ctx, patience, func(s *session) error {
		return tls.Client(s.Conn, config).HandshakeContext(ctx)
	})
	return report("made", done, err)
}

// A recorder keeps what is written to it, and has nothing to read.
type recorder struct {
	session
	written bytes.Buffer
}

func (r *recorder) Write(p []byte) (int, error)      { return r.written.Write(p) }
func (r *recorder) Read([]byte) (int, error)         { return 0, io.EOF }
func (r *recorder) SetDeadline(time.Time) error      { return nil }
func (r *recorder) SetWriteDeadline(time.Time) error { return nil }
func (r *recorder) Close() error                     { return nil }

func halfHandshakes(ctx context.Context, a *attacker) string {
	var r recorder
	tls.Client(&r, device()).Handshake() // which fails after its first message
	done, err := a.connect(ctx, time.Second, func(s *session) error {
		if _, err := s.Write(r.written.Bytes()); err != nil {
			return err
		}
		_, err := s.lines.ReadByte() // when the server has computed
		return err
	})
	return report("begun", done, err)
}
