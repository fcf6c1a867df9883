package fault

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"
)

// A session is one client, with its proxy and its record.
type session struct {
	// set at construction, never changed
	run   *run
	id    int32
	dir   string // where its downloads go
	prog  *program
	proxy *Proxy // nil for the witness

	// owned by the goroutine that talks
	rand   *rand.Rand
	killed bool // on purpose

	mu         sync.Mutex // guards the following fields
	record     Record
	newest     map[int32]int32 // number of the newest broadcast seen, by sender
	here       bool            // it saw itself join
	getting    int             // number of files requested and not received
	saved      []string        // paths of received files that were not compared yet
	complaints []string        // lines on standard error other than refusals
}

// joinTime is how long clients may fail to join: a busy machine may not answer within the heartbeat limit,
// and the server may be killed, and be slow to start again, meanwhile.
const joinTime = time.Minute

// join starts a client and waits until it has joined. Through a proxy, faults may begin then.
func (r *run) join(proxied bool) (s *session, err error) {
	for begun := time.Now(); time.Since(begun) < joinTime; time.Sleep(r.cfg.Pace) {
		s, err = r.attempt(r.next.Add(1), proxied)
		if err == nil || r.serverEnded() {
			break
		}
	}
	return s, err
}

func (r *run) attempt(id int32, proxied bool) (*session, error) {
	s := &session{run: r, id: id, dir: filepath.Join(r.cfg.Dir, "downloads", name(id)),
		newest: make(map[int32]int32),
		rand:   rand.New(rand.NewPCG(r.cfg.Seed, 1<<63|uint64(id)))}
	s.record = Record{ID: id, Refused: make(map[int32]int)}
	addrs := r.addresses()
	if proxied {
		var err error
		s.proxy, err = NewProxy(r.faults, int(id), r.addresses()...)
		if err != nil {
			return nil, err
		}
		addrs = []string{s.proxy.Addr()}
	}
	r.add(s)
	line := append(r.cfg.Client[:len(r.cfg.Client):len(r.cfg.Client)],
		"-idle", r.cfg.Idle.String(), "-reconnect", reconnect.String(), "-history", "0", "-every-join",
		"-dir", filepath.Join(r.cfg.Dir, "downloads"), name(id),
		strings.Join(addrs, ","), "1") // each has a port of its own
	var err error
	s.prog, err = startProgram(line, r.cfg.Dir, s.printed, s.complained)
	if err != nil {
		return nil, err
	}
	if !s.prog.await(func() bool { s.mu.Lock(); defer s.mu.Unlock(); return s.here }) {
		s.mu.Lock()
		defer s.mu.Unlock()
		return nil, fmt.Errorf("%s has not joined: %q", name(id), s.complaints)
	}
	return s, nil
}

// printed handles a line of standard output.
func (s *session) printed(line string) {
	e := parseLine(line)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch e.Kind {
	case Other:
		s.otherLocked(line)
		return
	case Joined:
		s.here = s.here || e.From == s.id
	case Said:
		s.newest[e.From] = e.N
	case Garbled:
		s.run.trouble("%s printed %.200q", name(s.id), line)
	}
	if e.Kind == Said || e.Kind == Told {
		s.run.deliveries.Add(1)
	}
	s.record.Got = append(s.record.Got, e)
}

var savedLine = regexp.MustCompile(`^(?:saved|have) .* as (.*): \d+ bytes, SHA-256 [0-9a-f]{64}$`)

// expected are beginnings of lines that clients print and that say nothing about the conversation.
var expected = []string{"welcome to ", "connection lost, reconnecting", "back, nothing missed",
	"unfinished downloads in ", "server: the server is shutting down: the conversation goes on",
	"server: the server cannot reach NATS: ", "server: the server can reach NATS again: ",
	"server: this server was cut off from the others"}

var downloading = regexp.MustCompile(
	`^(downloading .*: \d+ bytes|continuing .*: at \d+ of \d+ bytes|have \d+ files, .*)$`)

func (s *session) otherLocked(line string) {
	if m := savedLine.FindStringSubmatch(line); m != nil {
		s.saved = append(s.saved, m[1])
		s.getting--
		return
	}
	for _, begin := range expected {
		if strings.HasPrefix(line, begin) {
			return
		}
	}
	if !downloading.MatchString(line) {
		s.run.trouble("%s printed %.200q", name(s.id), line)
	}
}

// refusal matches the answer to a message to someone who is not there.
var refusal = regexp.MustCompile(
	`^client: not sent: (?:nobody here is called (c\d+);|(c\d+) has lost the connection)`)

// unfinished is what a client says that leaves with something undone.
var unfinished = regexp.MustCompile(`^client: (?:(?:not sent|may not have been sent)(?: to c\d+)?: c\d+>` +
	`|.*not finished: /get continues$)`)

// complained handles a line of standard error.
func (s *session) complained(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m := refusal.FindStringSubmatch(line); m != nil {
		if to, ok := idOf(m[1] + m[2]); ok {
			s.record.Refused[to]++
			s.run.refused.Add(1)
			return
		}
	}
	s.complaints = append(s.complaints, line)
}

// say types messages to the recipients, in one go. It fails when the program has ended.
func (s *session) say(fill func() int, recipients ...int32) error {
	var b bytes.Buffer
	s.mu.Lock()
	for _, to := range recipients {
		if to != everyone {
			b.WriteString("/tell " + name(to) + " ")
		}
		b.WriteString(text(s.id, to, int32(len(s.record.Sent)), fill()) + "\n")
		s.record.Sent = append(s.record.Sent, to)
	}
	s.mu.Unlock()
	_, err := s.prog.in.Write(b.Bytes())
	s.run.sent.Add(int64(len(recipients)))
	return err
}

// get types /get with a pattern that matches so many files.
func (s *session) get(pattern string, files int) error {
	s.mu.Lock()
	s.getting += files
	s.mu.Unlock()
	_, err := io.WriteString(s.prog.in, "/get "+pattern+"\n")
	return err
}

// downloads returns the number of files still to come.
func (s *session) downloads() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.getting
}

// compare compares the received files with the shared ones, byte for byte. Then it removes them, so that they
// can be downloaded again.
func (s *session) compare() {
	s.mu.Lock()
	saved := s.saved
	s.saved = nil
	s.mu.Unlock()
	for _, path := range saved {
		rel, err := filepath.Rel(s.dir, path)
		if err != nil {
			s.run.trouble("%s saved %s outside of its folder", name(s.id), path)
			continue
		}
		want, err := os.ReadFile(filepath.Join(s.run.shared, rel))
		if err == nil {
			var got []byte
			got, err = os.ReadFile(path)
			if err == nil && !bytes.Equal(got, want) {
				err = fmt.Errorf("%d bytes came, which are not the %d bytes that are shared", len(got),
					len(want))
			}
		}
		if err != nil {
			s.run.trouble("%s: %s: %v", name(s.id), rel, err)
			continue
		}
		s.run.files.Add(1)
		s.run.bytes.Add(int64(len(want)))
		os.Remove(path)
	}
}

// talk sends messages at random times until stop is closed or the program ends, and at most so many rounds,
// unless rounds is 0.
func (s *session) talk(stop <-chan struct{}, rounds int) {
	tick := time.NewTicker(s.run.cfg.Pace)
	defer tick.Stop()
	for n := 1; rounds == 0 || n <= rounds; n++ {
		select {
		case <-stop:
			return
		case <-s.prog.done:
			return
		case <-tick.C:
		}
		var to []int32
		for range s.rand.IntN(3) {
			to = append(to, s.recipient())
		}
		err := s.say(s.fill, to...)
		if s.compare(); err == nil && s.run.cfg.again && s.downloads() == 0 && s.rand.IntN(100) == 0 {
			err = s.get(s.run.anyFile(s.rand), 1)
		}
		if err != nil {
			return // it has ended: status says how
		}
	}
}

// recipient draws the recipient of a message: mostly everyone.
func (s *session) recipient() int32 {
	if s.rand.IntN(4) > 0 {
		return everyone
	}
	return s.run.anyone(s.rand, s.id)
}

// fill draws the length of a message: mostly short.
func (s *session) fill() int { return int(spread(s.rand, 1, maxFill)) }

// status checks how the client ended: with 0, or 1 when it had messages refused, unless it was killed.
func (s *session) status() {
	if s.killed {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	want := 0
	if len(s.record.Refused) > 0 {
		want = 1
	}
	for _, c := range s.complaints {
		if !s.record.Sure && unfinished.MatchString(c) {
			continue // it was asked to leave before it had the answers
		}
		s.run.trouble("%s complained: %s", name(s.id), c)
	}
	if got := s.prog.cmd.ProcessState.ExitCode(); got != want && s.record.Sure {
		s.run.trouble("%s ended with status %d, not %d", name(s.id), got, want)
	}
}

// leave ends the client's input, and checks how the client ends. All that it sent has been answered then.
func (s *session) leave() {
	s.prog.in.Close()
	if !s.prog.awaitEnd() {
		s.run.trouble("%s does not end at the end of its input", name(s.id))
		s.killed = true
		s.prog.kill()
	}
	s.settle(!s.killed)
}

// settle completes the record of a client that has ended. If sure, all its messages were answered.
func (s *session) settle(sure bool) {
	s.mu.Lock()
	s.record.Sure = sure
	s.mu.Unlock()
	s.compare()
	s.status()
	if s.proxy != nil {
		s.proxy.Close()
	}
}
