package room

import (
	"parley/server/wire"
)

// up is the start of a server, which has no connections yet. Nobody is told: the clients come back.
func (r *Room) up() Outcome {
	for _, s := range r.sessions {
		if s.presence == present {
			s.presence = waiting
		}
	}
	return Outcome{}
}

func (r *Room) join(e Entry) Outcome {
	key := wire.NameKey(string(e.Name))
	old := r.names[key]
	if taken := old.taken(); taken != nil {
		return Outcome{Refused: taken}
	}
	if old != nil {
		r.remove(old)
	}
	r.seq++
	s := &Session{ID: r.seq, Name: string(e.Name), key: key, token: string(e.Token), Conn: 1}
	r.add(s)
	r.here++
	return Outcome{Session: s, Replaced: old, Change: Attached, To: Everyone, Lazy: true,
		Line: joined(e, s, r.seq)}
}

// Taken returns why nobody can join under a name, or nil.
func (r *Room) Taken(name string) *wire.ProtocolError { return r.names[wire.NameKey(name)].taken() }

// taken does so for the session that has the name, nil if none has.
func (s *Session) taken() *wire.ProtocolError {
	if s == nil || s.Away() {
		return nil
	}
	if s.presence == waiting {
		return wire.Errorf(wire.Hello, wire.CodeNameTaken, "%s was here when the server stopped, and may come back: "+
			"try again in a minute, or choose another", s.Name)
	}
	return wire.Errorf(wire.Hello, wire.CodeNameTaken, "the name %s is taken: choose another", s.Name)
}

func joined(e Entry, s *Session, seq uint64) wire.Message {
	return wire.Message{Verb: wire.Joined, Seq: seq, Time: e.Time, Name: s.wireName}
}

// resume also takes a session from a connection that seems alive.
func (r *Room) resume(e Entry) Outcome {
	s := r.tokens[string(e.Token)]
	if s == nil {
		return Outcome{Refused: wire.Errorf(wire.Resume, wire.CodeGone,
			"this session cannot be resumed: join afresh")}
	}
	o := Outcome{Session: s, Change: Attached}
	if s.Away() {
		r.here++
		r.seq++
		o.To, o.Lazy, o.Line = Everyone, true, joined(e, s, r.seq)
	}
	s.Conn++
	s.presence = present
	return o
}

func (r *Room) detach(e Entry) Outcome {
	s := r.sessions[e.Session]
	if s == nil || s.Conn != e.Number || s.presence != present {
		return Outcome{}
	}
	return r.detached(s, e, string(e.Text))
}

// detached tells everyone that s has no connection. The session itself, once it is resumed, is not told.
func (r *Room) detached(s *Session, e Entry, reason string) Outcome {
	s.presence = away
	o := r.left(s, e, reason)
	o.Change, o.Hidden = Detached, true
	return o
}

func (r *Room) left(s *Session, e Entry, reason string) Outcome {
	r.here--
	r.seq++
	return Outcome{Session: s, Change: Ended, To: Everyone, Lazy: true, Reason: reason,
		Line: wire.Message{Verb: wire.Left, Seq: r.seq, Time: e.Time, Name: s.wireName, Text: []byte(reason)}}
}

// leave ends a session for good. Of one that is away, everyone knows already that it left.
func (r *Room) leave(s *Session, e Entry, reason string) Outcome {
	r.remove(s)
	if s.Away() {
		return Outcome{Session: s, Change: Ended}
	}
	return r.left(s, e, reason)
}

func (r *Room) kick(e Entry) Outcome {
	s := r.names[wire.NameKey(string(e.Name))]
	if s == nil || s.Away() {
		return Outcome{Refused: wire.Errorf("-", wire.CodeNoUser,
			"nobody here is called %s: /who shows who is", e.Name)}
	}
	return r.leave(s, e, "kicked")
}

// expire ends the wait for a client: first the one after a start of the server, of which nobody knows, then
// the grace period.
func (r *Room) expire(e Entry) Outcome {
	s := r.sessions[e.Session]
	if s == nil || s.Conn != e.Number || s.presence == present {
		return Outcome{}
	}
	if s.presence == waiting {
		return r.detached(s, e, "connection lost")
	}
	return r.leave(s, e, "")
}

func (r *Room) reset(over bool) Outcome {
	clear(r.sessions)
	clear(r.names)
	clear(r.tokens)
	r.here = 0
	return Outcome{Reset: true, Over: over}
}

// speaker returns the session whose next message e is, or nil. A message that was handled before has been
// sent again, because its client could not know.
func (r *Room) speaker(e Entry) *Session {
	s := r.sessions[e.Session]
	if s == nil || s.presence != present || e.Number != s.Handled+1 {
		return nil
	}
	s.Handled++
	r.seq++
	return s
}

func (r *Room) say(e Entry) Outcome {
	s := r.speaker(e)
	if s == nil {
		return Outcome{}
	}
	return Outcome{Session: s, To: Everyone, Hidden: true, History: true,
		Line:    wire.Message{Verb: wire.Said, Seq: r.seq, Time: e.Time, Name: s.wireName, Text: e.Text},
		Receipt: wire.Message{Verb: wire.OK, Seq: r.seq}}
}

func (r *Room) tell(e Entry) Outcome {
	s := r.speaker(e)
	if s == nil {
		return Outcome{}
	}
	peer, refused := r.peer(s, e.Name)
	if refused != nil {
		return Outcome{Session: s, Refused: refused, Receipt: wire.Message{Verb: wire.Refused, Seq: r.seq,
			Code: []byte(refused.Code), Text: wire.Line(refused.Text)}}
	}
	return Outcome{Session: s, Peer: peer, To: Peer,
		Line:    wire.Message{Verb: wire.Told, Seq: r.seq, Time: e.Time, Name: s.wireName, Text: e.Text},
		Receipt: wire.Message{Verb: wire.OK, Seq: r.seq}}
}

// peer returns the session that a unicast from s to name goes to.
func (r *Room) peer(s *Session, name []byte) (*Session, *wire.ProtocolError) {
	peer := r.names[string(name)] // most names are their own key, and to make a key allocates
	if peer == nil || peer.key != peer.Name {
		peer = r.names[wire.NameKey(string(name))]
	}
	switch {
	case peer == nil:
		return nil, wire.Errorf(wire.Tell, wire.CodeNoUser,
			"nobody here is called %s; /who shows who is", name)
	case peer == s:
		return nil, wire.Errorf(wire.Tell, wire.CodeSelf, "that is you: choose someone else")
	case peer.Away():
		return nil, wire.Errorf(wire.Tell, wire.CodeAway,
			"%s has lost the connection and is not back", peer.Name)
	}
	return peer, nil
}

// add enters a session whose ID, Name, key and token are set.
func (r *Room) add(s *Session) {
	s.wireName = []byte(s.Name)
	r.sessions[s.ID], r.names[s.key], r.tokens[s.token] = s, s, s
}

func (r *Room) remove(s *Session) {
	delete(r.sessions, s.ID)
	delete(r.tokens, s.token)
	delete(r.names, s.key)
}
