package eventlog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"parley/e2e/natstest"
)

// A member is the state of one of several servers: lines, each after the server and the batch that it is of.
type member struct {
	number uint64

	mu       sync.Mutex // guards the following fields
	lines    []string
	gone     map[uint64]bool // servers that do not take part
	restored bool
}

func (m *member) Server() uint64 { return m.number }

func (m *member) ApplyBatch(server, number uint64, entries []byte) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	batch := fmt.Sprint(server, " ", number, " ")
	seen := slices.ContainsFunc(m.lines, func(line string) bool { return strings.HasPrefix(line, batch) })
	for line := range strings.Lines(string(entries)) {
		if !seen && !m.gone[server] {
			m.lines = append(m.lines, batch+strings.TrimSuffix(line, "\n"))
		}
	}
	if bytes.Contains(entries, []byte("unreadable")) {
		return false, errors.New("these are no entries")
	}
	return !m.gone[server], nil
}

func (m *member) Apply([]byte) error { panic("a group of no server") }

func (m *member) Snapshot() []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	return []byte(strings.Join(m.lines, "\n"))
}

func (m *member) Restore(snapshot []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lines, m.restored = strings.Split(string(snapshot), "\n"), true
	return nil
}

// said returns what was said, without whose it is.
func (m *member) said() (all []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, line := range m.lines {
		all = append(all, line[strings.LastIndex(line, " ")+1:])
	}
	return all
}

// enter has a server take part, until the end of the test.
func enter(t *testing.T, url string, number uint64) (*Log, *member, chan error) {
	t.Helper()
	m, trouble := &member{number: number, gone: map[uint64]bool{}}, make(chan error, 100)
	l, err := Join(t.Context(), m, ClusterOptions{URLs: url, Name: "test",
		Notice: func(text string) { t.Log(text) }, Trouble: func(err error) { trouble <- err }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l, m, trouble
}

// alike waits until a server has read as much as another, and compares what they have read.
func alike(t *testing.T, want, got *member) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); len(got.said()) < len(want.said()); {
		if time.Now().After(deadline) {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if diff := cmp.Diff(want.lines, got.lines); diff != "" {
		t.Errorf("servers differ (-want +got):\n%s", diff)
	}
}

// All servers apply the same entries in the same order, each entry once, though NATS is killed meanwhile; one
// that comes later begins with a snapshot.
func TestCluster(t *testing.T) {
	n := snapshotEvery
	t.Cleanup(func() { snapshotEvery = n }) // after the logs are closed
	snapshotEvery = 1 << 10
	node := natstest.Start(t)
	const servers, proposals = 3, 100
	var logs []*Log
	var states []*member
	for i := range servers {
		l, m, _ := enter(t, node.URL, uint64(i+1))
		logs, states = append(logs, l), append(states, m)
	}
	var proposing sync.WaitGroup
	for i, l := range logs {
		for j := range 2 {
			proposing.Go(func() {
				for n := range proposals {
					if err := l.Propose(fmt.Appendf(nil, "%d.%d.%03d\n", i, j, n)); err != nil {
						t.Error(err)
					}
					time.Sleep(5 * time.Millisecond) // so that NATS dies in the middle
				}
			})
		}
	}
	for range 3 {
		time.Sleep(100 * time.Millisecond)
		node.Kill()
		node.Start()
	}
	proposing.Wait()
	alike(t, states[0], states[1])
	alike(t, states[1], states[2])
	said := states[0].said()
	for i := range servers {
		for j := range 2 {
			var got, want []string
			for _, line := range said {
				if strings.HasPrefix(line, fmt.Sprintf("%d.%d.", i, j)) {
					got = append(got, line)
				}
			}
			for n := range proposals {
				want = append(want, fmt.Sprintf("%d.%d.%03d", i, j, n))
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("what %d.%d proposed (-want +got):\n%s", i, j, diff)
			}
		}
	}
	_, late, _ := enter(t, node.URL, 9)
	alike(t, states[0], late)
	if !late.restored {
		t.Error("no snapshot was made")
	}
}

// What a server proposes that the others have taken for gone is not applied, and it is told.
func TestFenced(t *testing.T) {
	l, m, _ := enter(t, natstest.Start(t).URL, 1)
	m.gone[1] = true
	if err := l.Propose([]byte("one\n")); !errors.Is(err, ErrFenced) {
		t.Errorf("error %v, want ErrFenced", err)
	}
	m.mu.Lock()
	m.number = 2
	m.mu.Unlock()
	if err := l.Propose([]byte("two\n")); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{"two"}, m.said()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A stream with other settings is refused, with what to change.
func TestStreamRefused(t *testing.T) {
	node := natstest.Start(t)
	nc, err := nats.Connect(node.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	good := jetstream.StreamConfig{Name: streamName, Subjects: []string{"parley.>"}, MaxBytes: streamBytes}
	for _, c := range []struct {
		change func(*jetstream.StreamConfig)
		want   string
	}{
		{func(s *jetstream.StreamConfig) { s.Storage = jetstream.MemoryStorage },
			"needs file storage: change it"},
		{func(s *jetstream.StreamConfig) { s.MaxAge = time.Hour },
			"needs all limits off but of bytes"},
		{func(s *jetstream.StreamConfig) { s.MaxMsgs = 5 },
			"needs all limits off but of bytes"},
		{func(s *jetstream.StreamConfig) { s.Discard = jetstream.DiscardNew },
			"needs to drop nothing but the oldest"},
		{func(s *jetstream.StreamConfig) { s.Retention = jetstream.InterestPolicy },
			"needs to drop nothing but the oldest"},
		{func(s *jetstream.StreamConfig) { s.Subjects = []string{"parley.entries"} },
			"needs the subjects parley.>"},
	} {
		cfg := good
		c.change(&cfg)
		if _, err := js.CreateStream(t.Context(), cfg); err != nil {
			t.Fatal(err)
		}
		_, err := Join(t.Context(), &member{number: 1}, ClusterOptions{URLs: node.URL})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want one about %s", err, c.want)
		}
		if err := js.DeleteStream(t.Context(), streamName); err != nil {
			t.Fatal(err)
		}
	}
}

// When the stream is another one than before, or holds what is no batch, the log says so and ends.
func TestStreamReplaced(t *testing.T) {
	for _, other := range []bool{true, false} {
		node := natstest.Start(t)
		l, m, trouble := enter(t, node.URL, 1)
		if err := l.Propose([]byte("one\n")); err != nil {
			t.Fatal(err)
		}
		s := l.store.(*stream)
		if other {
			if err := s.js.DeleteStream(t.Context(), streamName); err != nil {
				t.Fatal(err)
			}
			_, _, _ = enter(t, node.URL, 2) // makes a new one
			for range 2 {
				if _, err := s.send(partSubject, nil); err != nil {
					t.Fatal(err)
				}
			}
		} else {
			_, _ = s.send(entriesSubject, []byte("no batch")) // the log may end before the answer
		}
		if err := l.Propose([]byte("two\n")); !errors.Is(err, ErrStream) {
			t.Errorf("error %v, want ErrStream", err)
		}
		for !errors.Is(<-trouble, ErrStream) { // it may not have been reached for a while
		}
		if diff := cmp.Diff([]string{"one"}, m.said()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

// NATS that is not there is an error that says so, and the wait for it can be ended.
func TestNoNATS(t *testing.T) {
	port, err := natstest.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), noticeAfter+time.Second)
	defer cancel()
	noticed := make(chan string, 1)
	url := fmt.Sprintf("nats://me:secret@127.0.0.1:%d", port)
	_, err = Join(ctx, &member{number: 1}, ClusterOptions{URLs: url,
		Notice: func(text string) { noticed <- text }})
	if err == nil || !strings.HasPrefix(err.Error(), fmt.Sprintf("cannot use NATS at 127.0.0.1:%d: ", port)) {
		t.Errorf("error %v", err)
	}
	t.Log(err)
	if got, want := <-noticed, fmt.Sprintf("waiting for NATS at 127.0.0.1:%d", port); got != want {
		t.Errorf("notice %q, want %q", got, want)
	}
}
