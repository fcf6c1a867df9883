//go:build linux

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	honest   = 100 // sessions that talk
	away     = 10  // that lost their connection before the attack, and come back after it
	patience = 20 * time.Second
	// between two messages of the pair, and of all others together
	every = 50 * time.Millisecond
)

// A session is a connection that says what the protocol has it say.
type session struct {
	net.Conn
	lines *bufio.Reader
	token string
	seq   string
}

// dial connects from an address to the server.
func dial(ctx context.Context, from, to string) (*session, error) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: patience}
	nc, err := d.DialContext(context.WithoutCancel(ctx), "tcp", to) // so that its end is no failure
	if err != nil {
		return nil, err
	}
	nc.(*net.TCPConn).SetLinger(0) // else ports are used up
	return &session{Conn: nc, lines: bufio.NewReaderSize(nc, 4<<10)}, nil
}

// say sends a line.
func (s *session) say(format string, args ...any) error {
	_, err := fmt.Fprintf(s, format+"\n", args...)
	return err
}

// enter says HELLO or RESUME, and waits until the server lets s in.
func (s *session) enter(line string) error {
	s.SetDeadline(time.Now().Add(patience))
	defer s.SetDeadline(time.Time{})
	if err := s.say("%s", line); err != nil {
		return err
	}
	answer, err := s.lines.ReadString('\n')
	if err != nil {
		return err
	}
	words := strings.Fields(answer)
	switch {
	case len(words) > 2 && words[0] == "WELCOME":
		s.token, s.seq = words[1], words[2]
		return nil
	case len(words) > 1 && words[0] == "RESUMED":
		return nil
	}
	return errors.New(strings.TrimSpace(answer))
}

// join connects and says HELLO.
func join(ctx context.Context, from, to, name string) (*session, error) {
	s, err := dial(ctx, from, to)
	if err != nil {
		return nil, err
	}
	if err := s.enter("HELLO parley/1 " + name + " 0"); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// People are the honest ones.
type people struct {
	addr     string
	sessions []*session
	gone     []*session // who are away
	reading  sync.WaitGroup
	over     atomic.Bool
	cut      atomic.Int64 // sessions whose connection ended before it was over

	mu        sync.Mutex // guards the following field
	latencies []time.Duration
}

// address returns that of the i-th honest one.
func address(i int) string { return fmt.Sprintf("127.1.0.%d", i+1) }

// gather has the honest ones join.
func gather(ctx context.Context, addr string) (*people, error) {
	p := &people{addr: addr}
	for i := range honest + away {
		s, err := join(ctx, address(i), addr, fmt.Sprint("honest", i))
		if err != nil {
			p.part()
			return nil, fmt.Errorf("honest%d: %w", i, err)
		}
		if i >= honest {
			s.Close()
			p.gone = append(p.gone, s)
			continue
		}
		p.sessions = append(p.sessions, s)
		p.reading.Go(func() { p.read(s) })
	}
	return p, nil
}

// read takes what comes for s, and answers as parley's client does.
func (p *people) read(s *session) {
	for n := 1; ; n++ {
		line, err := s.lines.ReadString('\n')
		if err != nil {
			if !p.over.Load() {
				p.cut.Add(1)
			}
			return
		}
		words := strings.SplitN(strings.TrimSpace(line), " ", 5)
		if words[0] == "TOLD" && len(words) == 5 {
			p.took(words[4])
		}
		if n%256 == 0 && len(words) > 1 {
			s.say("PING %s", words[1]) // a failed one is noticed by the next read
		}
	}
}

// took notes how long a message of the pair was on its way.
func (p *people) took(text string) {
	sent, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return // of an attacker's
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.latencies = append(p.latencies, time.Since(time.Unix(0, sent)))
}

// talk has everyone talk for a time, and returns what the pair had to wait, in ascending order. A message
// that did not come counts as one that took all the time that is left.
func (p *people) talk(ctx context.Context, d time.Duration) []time.Duration {
	p.mu.Lock()
	p.latencies = nil
	p.mu.Unlock()
	sent := 0
	tick := time.NewTicker(every)
	defer tick.Stop()
	for end := time.After(d); ; sent++ {
		select {
		case <-tick.C:
		case <-end:
			return p.arrived(sent)
		case <-ctx.Done():
			return p.arrived(sent)
		}
		p.sessions[sent%2].say("TELL honest%d %d", 1-sent%2, time.Now().UnixNano())
		p.sessions[2+sent%(honest-2)].say("SAY good morning to everyone, this is message %d", sent)
	}
}

// arrived waits for the last of sent messages.
func (p *people) arrived(sent int) []time.Duration {
	for begun := time.Now(); ; time.Sleep(every) {
		p.mu.Lock()
		all := slices.Clone(p.latencies)
		p.mu.Unlock()
		if missing := sent - len(all); missing <= 0 || time.Since(begun) > patience {
			for range missing {
				all = append(all, patience)
			}
			slices.Sort(all)
			return all
		}
	}
}

// comeBack returns how many of those who were away cannot resume.
func (p *people) comeBack(ctx context.Context) (lost int64) {
	for i, gone := range p.gone {
		s, err := dial(ctx, address(honest+i), p.addr)
		if err == nil {
			err = s.enter(fmt.Sprintf("RESUME parley/1 %s %s", gone.token, gone.seq))
			s.Close()
		}
		if err != nil {
			lost++
		}
	}
	return lost
}

// part ends all sessions.
func (p *people) part() {
	p.over.Store(true)
	for _, s := range p.sessions {
		s.Close()
	}
	p.reading.Wait()
}

// percentile returns the time that p of a hundred do not exceed.
func percentile(sorted []time.Duration, p float64) time.Duration {
	if len(sorted) == 0 {
		return patience
	}
	return sorted[max(int(math.Ceil(p/100*float64(len(sorted))))-1, 0)]
}
