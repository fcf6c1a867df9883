package link

import (
	"fmt"
	"slices"

	"parley/server/wire"
)

// A Session is what a client knows of its session, on whatever connection: what has come, and which of its own messages
// the server has still to answer. It is not safe for concurrent use.
type Session struct {
	Seq   uint64 // of the last line of the stream
	Tried int    // how many of the messages that have no answer yet, from the first, may have reached the server

	token    string
	joined   uint64         // seq of WELCOME: what is not above it is history
	answered int            // SAY and TELL lines of this session that were answered
	pending  []wire.Message // those that were not, in order
}

// Waiting returns how many messages have no answer yet.
func (s *Session) Waiting() int { return len(s.pending) }

// Resume returns the line that asks to go on with the session.
func (s *Session) Resume() wire.Message {
	return wire.Message{Verb: wire.Resume, Token: []byte(s.token), Seq: s.Seq}
}

// Add keeps a SAY or TELL until it is answered. When it is not sent now, Attach returns it for the next connection.
func (s *Session) Add(m wire.Message, sent bool) {
	s.pending = append(s.pending, m)
	if sent {
		s.Tried = len(s.pending)
	}
}

// Attach goes on over a connection on which the server gave answer, and returns the messages to send on it. These are
// not those that the server has handled, whose answer is still to come in the stream, and not those that it may have
// handled in a session that is gone: to send them again might say them twice. They are returned as unsure, and forgotten.
func (s *Session) Attach(answer wire.Message) (send, unsure []wire.Message) {
	if answer.Verb == wire.Resumed {
		handled := min(max(int(answer.Count)-s.answered, 0), s.Tried)
		s.Tried = len(s.pending)
		return s.pending[handled:], nil
	}
	unsure, s.pending = s.pending[:s.Tried], slices.Clone(s.pending[s.Tried:])
	s.token, s.joined, s.Seq = string(answer.Token), answer.Seq, answer.Seq
	s.answered, s.Tried = 0, len(s.pending)
	return s.pending, unsure
}

// Earlier reports whether m was said before the session began.
func (s *Session) Earlier(m wire.Message) bool { return m.Verb == wire.Said && m.Seq <= s.joined }

// Take counts a line that came. It returns the message that an OK or REFUSED answers. An error says that the server does
// not follow the protocol.
func (s *Session) Take(m wire.Message) (own wire.Message, err error) {
	switch m.Verb {
	case wire.OK, wire.Refused:
		if s.Tried == 0 {
			return own, fmt.Errorf("%s for a message that was not sent", m.Verb)
		}
		own, s.pending = s.pending[0], s.pending[1:]
		s.Tried--
		s.answered++
		s.Seq = m.Seq
	case wire.Joined, wire.Left, wire.Said, wire.Told:
		s.Seq = max(s.Seq, m.Seq) // history does not change it
	}
	return own, nil
}
