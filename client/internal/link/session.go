package link

import "parley/server/wire"

// A Session is what a client knows of its session, on whatever connection: how far the stream has come, and
// which of its own messages are unanswered. It is not safe for concurrent use.
type Session struct {
	Resume  wire.Message   // asks to go on with the session from after Seq, up to which the stream has come
	Pending []wire.Message // SAY and TELL lines without an answer, in order
	Tried   int            // how many of Pending, from the first, may have reached the server

	answered int    // SAY and TELL lines of this session that were answered
	newest   uint64 // seq of the newest line that came, history included
	history  int    // lines of history
}

// Add keeps a SAY or TELL until it is answered. If it is not sent now, Attach returns it for the next
// connection.
func (s *Session) Add(m wire.Message, sent bool) {
	s.Pending = append(s.Pending, m)
	if sent {
		s.Tried = len(s.Pending)
	}
}

// Attach goes on over a connection on which the server gave answer, and returns the messages to send on it.
// It leaves out those that the server has handled, whose answer is still to come in the stream. If the
// session is new, it also leaves out those that the old one may have handled, because they might be said
// twice: it forgets these and returns them as unsure.
func (s *Session) Attach(answer wire.Message) (send, unsure []wire.Message) {
	handled := min(max(int(answer.Count)-s.answered, 0), s.Tried)
	if answer.Verb == wire.Welcome {
		unsure, handled = s.Pending[:s.Tried], 0
		resume := wire.Message{Verb: wire.Resume, Token: answer.Token, Seq: answer.Seq}
		*s = Session{Resume: resume, Pending: s.Pending[s.Tried:]}
	}
	if answer.Verb == wire.Resumed {
		s.newest = s.Resume.Seq // and no history follows
	}
	s.Tried = len(s.Pending)
	return s.Pending[handled:], unsure
}

// Take counts a line of the server. It returns the message that an OK or REFUSED answers. An error says that
// the server does not follow the protocol.
func (s *Session) Take(m wire.Message) (own wire.Message, err error) {
	if err := s.check(m); err != nil {
		return own, err
	}
	if m.Verb == wire.OK || m.Verb == wire.Refused {
		if s.Tried == 0 {
			return own, wire.Errorf(m.Verb, wire.CodeArguments, "%s for a message that was not sent", m.Verb)
		}
		own, s.Pending = s.Pending[0], s.Pending[1:]
		s.Tried--
		s.answered++
	}
	s.Resume.Seq = max(s.Resume.Seq, m.Seq) // history does not change it
	return own, nil
}

// check returns an error if m has no place in the stream after the lines before it.
func (s *Session) check(m wire.Message) error {
	switch m.Verb {
	case wire.Welcome, wire.Resumed:
		return wire.Errorf(m.Verb, wire.CodeArguments, "%s within a session", m.Verb)
	case wire.Joined, wire.Left, wire.Said, wire.Told, wire.OK, wire.Refused:
	default:
		return nil
	}
	if m.Seq <= s.newest {
		return wire.Errorf(m.Verb, wire.CodeArguments, "%s %d after %d: seqs must ascend", m.Verb, m.Seq,
			s.newest)
	}
	s.newest = m.Seq
	if m.Seq > s.Resume.Seq {
		return nil
	}
	s.history++
	if m.Verb != wire.Said || s.history > wire.MaxHistory {
		return wire.Errorf(m.Verb, wire.CodeArguments, "%s %d is no history", m.Verb, m.Seq)
	}
	return nil
}
