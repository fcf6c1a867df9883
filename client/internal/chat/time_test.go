package chat

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"parley/client/internal/link"
	"parley/server/wire"
)

// stamps is a UI that keeps the times of the lines it is shown.
type stamps struct{ lines []string }

func (s *stamps) Show(l Line) {
	s.lines = append(s.lines, l.At.UTC().Format("15:04:05 ")+l.String())
}

func (s *stamps) Flush(Status) error { return nil }

// One's own messages carry the server's time, whatever our clock says, and times never go back.
func TestServerTime(t *testing.T) {
	for _, ahead := range []time.Duration{time.Hour, -time.Hour, 0} {
		synctest.Test(t, func(t *testing.T) {
			face := new(stamps)
			c := newChat(t.Context(), Config{Person: true}, face)
			c.conn = new(link.Conn)
			noon := time.Date(2000, 1, 1, 12, 0, 0, 0, time.UTC) // by the server's clock
			time.Sleep(time.Until(noon.Add(-ahead)))
			seq := uint64(0)
			// an event, or the answer to a message
			come := func(verb wire.Verb, name string, sent time.Duration) {
				seq++
				m := wire.Message{Verb: verb, Seq: seq, Name: []byte(name), Text: []byte("hi")}
				if verb != wire.OK {
					m.Time = uint64(noon.Add(sent).UnixMilli())
				}
				c.receive(m)
			}
			come(wire.Joined, "alice", 0)
			c.session.Add(wire.Message{Verb: wire.Say, Text: []byte("one")}, true)
			c.session.Add(wire.Message{Verb: wire.Say, Text: []byte("two")}, true)
			time.Sleep(10 * time.Second)
			come(wire.OK, "", 0)
			time.Sleep(30 * time.Second)
			come(wire.Said, "bob", 20*time.Second) // it was 20 s on its way
			come(wire.OK, "", 0)
			time.Sleep(20 * time.Second)
			come(wire.Said, "bob", time.Minute)
			c.session.Add(wire.Message{Verb: wire.Say, Text: []byte("three")}, true)
			c.backlog.skew -= time.Minute // as when our clock is set back
			come(wire.OK, "", 0)
			want := []string{"12:00:00 alice has joined", "12:00:10 you: one", "12:00:20 bob: hi",
				"12:00:40 you: two",
				"12:01:00 bob: hi", "12:01:00 you: three"}
			if diff := cmp.Diff(want, face.lines); diff != "" {
				t.Errorf("the server's clock is %v ahead (-want +got):\n%s", ahead, diff)
			}
		})
	}
}
