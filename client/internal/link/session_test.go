package link

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"parley/server/wire"
)

func say(text string) wire.Message { return wire.Message{Verb: wire.Say, Text: []byte(text)} }

// server returns the message that a server's line stands for.
func server(t *testing.T, line string) wire.Message {
	t.Helper()
	m, err := wire.ParseServer([]byte(line))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// attach tells the session of an answer, and checks what is to be sent and what is unsure then.
func attach(t *testing.T, s *Session, line string, want ...string) {
	t.Helper()
	send, unsure := s.Attach(server(t, line))
	var got []string
	for _, m := range unsure {
		got = append(got, fmt.Sprintf("unsure %s", m.Text))
	}
	for _, m := range send {
		got = append(got, string(m.Text))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("after %s (-want +got):\n%s", line, diff)
	}
}

// take gives the session a line, and checks which message that answers.
func take(t *testing.T, s *Session, line, want string) {
	t.Helper()
	own, err := s.Take(server(t, line))
	if diff := cmp.Diff(want, string(own.Text)); diff != "" || err != nil {
		t.Errorf("%s answers (-want +got), error %v:\n%s", line, err, diff)
	}
}

func resume(t *testing.T, s *Session, want string) {
	t.Helper()
	m := s.Resume
	if diff := cmp.Diff(want+"\n", string(m.AppendClient(nil))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestResume(t *testing.T) {
	var s Session
	attach(t, &s, "WELCOME tok 10 hi")
	for _, text := range []string{"one", "two", "three"} {
		s.Add(say(text), true)
	}
	take(t, &s, "SAID 4 0 bob old", "") // history
	resume(t, &s, "RESUME parley/1 tok 10")
	take(t, &s, "JOINED 11 0 alice", "")
	take(t, &s, "OK 12", "one")
	s.Add(say("four"), false)
	resume(t, &s, "RESUME parley/1 tok 12")
	attach(t, &s, "RESUMED 2 hi", "three", "four") // two was handled: its OK is in the stream
	s.Add(say("five"), true)
	take(t, &s, "OK 13", "two")
	take(t, &s, "REFUSED 14 no-user why", "three")
	take(t, &s, "OK 15", "four")
	take(t, &s, "OK 16", "five")
	s.Add(say("six"), false)
	resume(t, &s, "RESUME parley/1 tok 16")
	attach(t, &s, "RESUMED 5 hi", "six") // the count goes on from HELLO
	attach(t, &s, "RESUMED 9 hi")        // more than there are: nothing is sent, and nothing is lost
	take(t, &s, "OK 17", "six")
	if _, err := s.Take(server(t, "OK 18")); err == nil {
		t.Error("an OK for nothing was taken")
	}
}

func TestGone(t *testing.T) {
	var s Session
	attach(t, &s, "WELCOME tok 10 hi")
	s.Add(say("sure"), true)
	s.Add(say("unsure"), true)
	take(t, &s, "OK 12", "sure")
	s.Add(say("later"), false)
	if _, err := s.Take(server(t, "OK 13")); err != nil {
		t.Error(err)
	}
	if _, err := s.Take(server(t, "OK 14")); err == nil {
		t.Error("a message that was not sent was answered")
	}
	s.Add(say("later still"), false)
	attach(t, &s, "WELCOME tok2 3 hi", "later", "later still")
	resume(t, &s, "RESUME parley/1 tok2 3")
	attach(t, &s, "WELCOME tok3 1 hi", "unsure later", "unsure later still")
	if diff := cmp.Diff(0, len(s.Pending)); diff != "" {
		t.Errorf("messages that wait (-want +got):\n%s", diff)
	}
	s.Add(say("new"), true)
	attach(t, &s, "RESUMED 0 hi", "new")
}

// Lines that have no place in the stream are not taken.
func TestOutOfOrder(t *testing.T) {
	tests := []struct{ lines, want string }{
		{"JOINED 11 0 alice/SAID 12 0 bob x/SAID 12 0 bob x", "SAID 12 after 12: seqs must ascend"},
		{"JOINED 11 0 alice/TOLD 5 0 bob x", "TOLD 5 after 11: seqs must ascend"},
		{"JOINED 11 0 alice/SAID 5 0 bob x", "SAID 5 after 11: seqs must ascend"},
		{"SAID 5 0 bob x/SAID 4 0 bob y", "SAID 4 after 5: seqs must ascend"},
		{"SAID 0 0 bob x", "SAID 0 after 0: seqs must ascend"},
		{"TOLD 5 0 bob x", "TOLD 5 is no history"},
		{"LEFT 10 0 bob", "LEFT 10 is no history"},
		{"SAID 5 0 bob x/RESUMED 3 hi/SAID 6 0 bob y", "RESUMED within a session"},
		{"JOINED 11 0 alice/WELCOME tok 12 hi", "WELCOME within a session"},
		{"SAID 10 0 bob x/JOINED 9000000000000000000 0 alice/SAID 9000000000000000001 0 bob x", "<nil>"},
	}
	for _, tt := range tests {
		var s Session
		attach(t, &s, "WELCOME tok 10 hi")
		var err error
		for line := range strings.SplitSeq(tt.lines, "/") {
			if err == nil {
				_, err = s.Take(server(t, line))
			}
		}
		if diff := cmp.Diff(tt.want, fmt.Sprint(err)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.lines, diff)
		}
	}

	// There is no history after RESUMED, and never more than a client can ask for.
	var s Session
	attach(t, &s, "WELCOME tok 2000 hi")
	for i := range wire.MaxHistory {
		take(t, &s, fmt.Sprintf("SAID %d 0 bob x", i+1), "")
	}
	if _, err := s.Take(server(t, "SAID 1001 0 bob x")); err == nil {
		t.Error("endless history was taken")
	}
	s = Session{}
	attach(t, &s, "WELCOME tok 10 hi")
	attach(t, &s, "RESUMED 0 hi")
	if _, err := s.Take(server(t, "SAID 5 0 bob x")); err == nil {
		t.Error("history was taken after RESUMED")
	}
}

// TestCuts plays every way to cut a conversation in two: a server that handles so many of what is sent before
// the cut, and whose answers to so many of these arrive. Whatever they are, all is handled once and in order.
func TestCuts(t *testing.T) {
	const messages = 5
	for handled := range messages + 1 {
		for answered := range handled + 1 {
			var s Session
			attach(t, &s, "WELCOME tok 0 hi")
			var got []string
			for i := range messages {
				m := say(fmt.Sprint(i))
				s.Add(m, true)
				if i < handled {
					got = append(got, string(m.Text))
				}
			}
			for i := range answered {
				take(t, &s, fmt.Sprintf("OK %d", i+1), fmt.Sprint(i))
			}
			send, _ := s.Attach(server(t, fmt.Sprintf("RESUMED %d hi", handled)))
			for _, m := range send {
				got = append(got, string(m.Text))
			}
			for i := answered; i < messages; i++ {
				take(t, &s, fmt.Sprintf("OK %d", i+1), fmt.Sprint(i))
			}
			if diff := cmp.Diff([]string{"0", "1", "2", "3", "4"}, got); diff != "" {
				t.Errorf("%d handled, %d answered (-want +got):\n%s", handled, answered, diff)
			}
		}
	}
}
