package room

import (
	"parley/server/wire"
)

// up is the start of a server, which has no connections yet. Nobody is told: the clients come back.
func (r *Room) up() Outcome {
	for _, s := range r.sessions {
		if s.presence == present {
			s.presence, s.Server = waiting, 0
		}
	}
	return Outcome{}
}

func (r *Room) join(e Entry) Outcome {
	a, refused := r.admit(e)
	if refused != nil {
		return Outcome{Refused: refused}
	}
	o := Outcome{Change: Attached, To: Everyone, Lazy: true}
	if a.old != nil {
		bye := "you have joined again from " + string(e.Addr)
		o.Before = []Outcome{r.leave(a.old, e, "joined again", bye)}
	}
	if a.invitation != nil {
		a.invitation.used = true
	}
	r.seq++
	o.Session = &Session{ID: r.seq, Name: string(e.Name), token: string(e.Token), Conn: 1, Server: e.Server,
		Device: string(e.Device), Addr: string(e.Addr), Since: string(e.Text)}
	r.add(o.Session)
	r.here++
	r.own(e, o.Session, a.invitation != nil)
	o.Line = joined(e, o.Session, r.seq)
	return o
}

func joined(e Entry, s *Session, seq uint64) wire.Message {
	return wire.Message{Verb: wire.Joined, Seq: seq, Time: e.Time, Name: s.wireName}
}

// resume also takes a session from a connection that seems alive.
func (r *Room) resume(e Entry) Outcome {
	s, refused := r.resumable(e)
	if refused != nil {
		return Outcome{Refused: refused}
	}
	o := Outcome{Session: s, Change: Attached}
	if s.Away() {
		r.here++
		r.seq++
		o.To, o.Lazy, o.Line = Everyone, true, joined(e, s, r.seq)
		s.Since = string(e.Text)
	}
	s.Addr = string(e.Addr)
	r.returned(e, s)
	s.Conn++
	s.Server = e.Server
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
	s.presence, s.Server = away, 0
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

// leave ends a session for good. Of one that is away, everyone knows already that it left. bye is what its
// client is told, if it is not that it left by itself.
func (r *Room) leave(s *Session, e Entry, reason, bye string) Outcome {
	r.remove(s)
	if s.Away() {
		return Outcome{Session: s, Change: Ended}
	}
	o := r.left(s, e, reason)
	o.Bye = bye
	if reason == "" {
		o.Bye = "goodbye"
	}
	return o
}

func (r *Room) kick(e Entry) Outcome {
	s := r.names[wire.NameKey(string(e.Name))]
	if s == nil {
		return failed("nobody here is called %s: /who shows who is", e.Name)
	}
	return r.leave(s, e, "kicked", "you were kicked by the server's operator")
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
	return r.leave(s, e, "", "")
}

func (r *Room) reset(over bool) Outcome {
	clear(r.sessions)
	clear(r.names)
	clear(r.tokens)
	clear(r.looks)
	for _, o := range r.owners {
		r.look(o.Name)
	}
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
	if refused == nil && e.Kind == Overflow {
		refused = wire.Errorf(wire.Tell, wire.CodeSlow,
			"%s has not received yet what was sent before: try again later", peer.Name)
	}
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
	peer := r.Named(name)
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

// add enters a session whose ID, Name and token are set.
func (r *Room) add(s *Session) {
	s.key, s.wireName = wire.NameKey(s.Name), []byte(s.Name)
	r.look(s.Name)
	r.sessions[s.ID], r.names[s.key], r.tokens[s.token] = s, s, s
}

func (r *Room) remove(s *Session) {
	delete(r.sessions, s.ID)
	delete(r.tokens, s.token)
	delete(r.names, s.key)
	r.unlook(s.Name)
}
