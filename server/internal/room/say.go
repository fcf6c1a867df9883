package room

import (
	"fmt"
	"time"

	"parley/server/wire"
)

// Say broadcasts and returns the message's seq.
func (c *Conn) Say(text []byte) (seq uint64, err error) {
	r := c.room
	r.mu.Lock()
	defer r.mu.Unlock()
	s, err := c.ownLocked()
	if err != nil {
		return 0, err
	}
	s.handled++
	return r.eventLocked(&wire.Message{Verb: wire.Said, Name: s.wireName, Text: text}, s, wire.OK), nil
}

// Tell sends text to the one who has the name. A *wire.ProtocolError has been told to the sender.
func (c *Conn) Tell(name, text []byte) (seq uint64, to string, err error) {
	r := c.room
	r.mu.Lock()
	defer r.mu.Unlock()
	s, err := c.ownLocked()
	if err != nil {
		return 0, "", err
	}
	s.handled++
	r.seq++
	peer, refusal := r.peerLocked(s, name)
	answer := wire.Message{Verb: wire.OK, Seq: r.seq}
	if refusal != nil {
		answer = wire.Message{Verb: wire.Refused, Seq: r.seq, Code: []byte(refusal.Code), Text: wire.Line(refusal.Text)}
	}
	r.putLocked(s, item{pos: r.log.end, seq: r.seq, line: s.inbox.encode(&answer)})
	if refusal != nil {
		return r.seq, "", refusal
	}
	told := wire.Message{Verb: wire.Told, Seq: r.seq, Time: uint64(time.Now().UnixMilli()), Name: s.wireName, Text: text}
	r.putLocked(peer, item{pos: r.log.end, seq: r.seq, line: peer.inbox.encode(&told)})
	return r.seq, peer.name, nil
}

// peerLocked returns the session that a unicast from s to name goes to.
func (r *Room) peerLocked(s *Session, name []byte) (*Session, *wire.ProtocolError) {
	peer := r.names[string(name)] // most names are their own key, and to make a key takes memory
	if peer == nil || peer.key != peer.name {
		peer = r.names[wire.NameKey(string(name))]
	}
	switch {
	case peer == nil:
		return nil, &wire.ProtocolError{Verb: wire.Tell, Code: wire.CodeNoUser, Text: fmt.Sprintf("nobody here is called %s; /who shows who is", name)}
	case peer == s:
		return nil, &wire.ProtocolError{Verb: wire.Tell, Code: wire.CodeSelf, Text: "that is you: choose someone else"}
	case peer.conn == nil:
		return nil, &wire.ProtocolError{Verb: wire.Tell, Code: wire.CodeAway, Text: fmt.Sprintf("%s has lost the connection and is not back", peer.name)}
	}
	return peer, nil
}
