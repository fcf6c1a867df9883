package deliver_test

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"parley/server/internal/deliver"
	"parley/server/internal/eventlog"
	"parley/server/internal/room"
)

const (
	manySessions   = 10_000
	stateRetention = 16 << 20
)

func newFileHub(tb testing.TB, dir string) (*deliver.Hub, *eventlog.Log) {
	h := deliver.New(deliver.Config{MaxSessions: 2 * manySessions, Grace: time.Hour, Idle: time.Hour,
		Guard: func() {},
		Audit: func(*room.Entry, *room.Outcome, net.Addr) {}})
	log, err := eventlog.Open(dir, h, eventlog.Options{Retention: stateRetention, Notice: func(string) {},
		Trouble: func(err error) { tb.Error(err) }})
	if err != nil {
		tb.Fatal(err)
	}
	return h, log
}

// fill makes a full state: thousands of sessions, twice the stateRetention of what they said, and mailboxes.
func fill(tb testing.TB, h *deliver.Hub, log *eventlog.Log) {
	h.Start(log.Propose)
	propose := func(e room.Entry) {
		e.Time = uint64(time.Now().UnixMilli())
		if err := log.Propose(e.Append(nil)); err != nil {
			tb.Fatal(err)
		}
	}
	for i := range manySessions {
		name := []byte(fmt.Sprintf("user%d", i))
		propose(room.Entry{Kind: room.Join, Name: name, Token: hash(string(name))})
	}
	text := []byte(strings.Repeat("x", 100))
	var batch []byte
	for i := range 2 * stateRetention / 130 {
		e := room.Entry{Kind: room.Tell, Time: 1, Session: uint64(i%manySessions) + 1,
			Number: uint64(i/manySessions) + 1,
			Name:   []byte(fmt.Sprintf("user%d", i*7%manySessions)), Text: text}
		if i%2 == 0 {
			e.Kind = room.Say
		}
		batch = e.Append(batch)
		if i%64 == 0 {
			if err := log.Propose(batch); err != nil {
				tb.Fatal(err)
			}
			batch = batch[:0]
		}
	}
}

// BenchmarkSnapshot is how long the messages wait for a new segment: 20 ms at most are allowed.
func BenchmarkSnapshot(b *testing.B) {
	h, log := newFileHub(b, b.TempDir())
	defer log.Close()
	fill(b, h, log)
	for b.Loop() {
		h.Snapshot()
	}
	b.ReportMetric(float64(len(h.Snapshot())), "bytes")
}

// BenchmarkStart is how long a start with a full state takes: a second at most is allowed.
func BenchmarkStart(b *testing.B) {
	dir := b.TempDir()
	h, log := newFileHub(b, dir)
	fill(b, h, log)
	log.Close()
	for b.Loop() {
		h, log := newFileHub(b, dir)
		log.Close()
		h.Close("the end", true)
	}
}

// BenchmarkMessages is what proposing and applying takes for each of 64 messages that come together.
func BenchmarkMessages(b *testing.B) {
	for kind, name := range map[room.Kind]string{room.Say: "say", room.Tell: "tell"} {
		b.Run(name, func(b *testing.B) {
			h, log := newFileHub(b, b.TempDir())
			defer h.Close("the end", true)
			defer log.Close()
			h.Start(log.Propose)
			for _, name := range []string{"alice", "bob"} {
				e := room.Entry{Kind: room.Join, Name: []byte(name), Token: hash(name)}
				if err := log.Propose(e.Append(nil)); err != nil {
					b.Fatal(err)
				}
			}
			e := room.Entry{Kind: kind, Time: 1, Session: 1, Name: []byte("bob"),
				Text: []byte(strings.Repeat("x", 100))}
			var batch []byte
			for b.Loop() {
				e.Number++
				batch = e.Append(batch)
				if e.Number%64 == 0 {
					if err := log.Propose(batch); err != nil {
						b.Fatal(err)
					}
					batch = batch[:0]
				}
			}
		})
	}
}
