package room

import "parley/server/wire"

// Refuses returns why a Join, Takeover or Resume would be refused at present, or nil. One that is refused
// need not become an entry.
func (r *Room) Refuses(e Entry) (refused *wire.ProtocolError) {
	if e.Kind == Resume {
		_, refused = r.resumable(e)
	} else {
		_, refused = r.admit(e)
	}
	return refused
}

// Verb returns that of the line which a Join, Takeover or Resume came from.
func (e *Entry) Verb() wire.Verb {
	return map[Kind]wire.Verb{Join: wire.Hello, Takeover: wire.Takeover, Resume: wire.Resume}[e.Kind]
}

func (e *Entry) refuse(code, format string, args ...any) *wire.ProtocolError {
	return wire.Errorf(e.Verb(), code, format, args...)
}

const keptOut = "the server's operator keeps you out"

// An admission is what lets someone in.
type admission struct {
	invitation *invitation // that is used up; nil if there is none
	old        *Session    // that had the name, and ends; nil if there is none
}

// admit decides whether someone may join under a name. The order of the questions matters: strangers who find
// the door closed learn nothing from those that come after it.
func (r *Room) admit(e Entry) (a admission, refused *wire.ProtocolError) {
	name := string(e.Name)
	key := wire.NameKey(name)
	a.old = r.names[key]
	owner := r.owners[key]
	if len(e.Addr) == 0 && len(e.Device) == 0 { // an entry of version 1, which had no other rule
		return a, e.taken(a.old, false)
	}
	if r.banned(Target{Addr: string(e.Addr)}, Target{Device: string(e.Device)}) {
		return a, e.refuse(wire.CodeBanned, keptOut)
	}
	mine := owner.has(e.Device)
	if len(e.Invite) > 0 && !mine {
		a.invitation, refused = r.accept(e, owner)
	}
	if refused != nil {
		return a, refused
	}
	if r.closed && !mine && a.invitation == nil {
		return a, e.refuse(wire.CodeClosed,
			"this server is closed to strangers: ask its operator for an invitation")
	}
	if r.banned(Target{Name: name}) {
		return a, e.refuse(wire.CodeBanned, keptOut)
	}
	if !mine && a.invitation == nil {
		refused = r.reserved(e, owner)
	}
	if refused != nil {
		return a, refused
	}
	mine = mine || a.invitation != nil && len(e.Device) > 0
	return a, e.taken(a.old, mine)
}

// accept returns the invitation that e shows.
func (r *Room) accept(e Entry, owner *Owner) (*invitation, *wire.ProtocolError) {
	i := r.invitation(e.Invite)
	switch {
	case i == nil:
		return nil, e.refuse(wire.CodeInviteWrong, "no invitation has this code: is all of it there?")
	case i.used:
		return nil, e.refuse(wire.CodeInviteUsed, "this invitation has been used: ask for another")
	case i.old(e.Time):
		return nil, e.refuse(wire.CodeInviteOld, "this invitation is 7 days old: ask for another")
	case i.key != wire.NameKey(string(e.Name)):
		return nil, e.refuse(wire.CodeInviteName,
			"this invitation is for %s: join under that name", i.name)
	case owner != nil && len(e.Device) == 0:
		return nil, e.refuse(wire.CodeNameOwned, "%s belongs to a key: connect over TLS", owner.Name)
	case owner != nil && len(owner.Devices) >= Devices:
		return nil, e.refuse(wire.CodeNameOwned, "%s has %d keys, which is the most: "+
			"ask the server's operator to forget the name", owner.Name, Devices)
	}
	return i, nil
}

// reserved returns why a name is not for someone who neither owns it nor was invited, even if nobody has it
// at present.
func (r *Room) reserved(e Entry, owner *Owner) *wire.ProtocolError {
	if owner != nil {
		return e.refuse(wire.CodeNameOwned, "%s belongs to someone: choose another name or, if it "+
			"is yours, join with the device that you had, or ask the server's operator for an "+
			"invitation", owner.Name)
	}
	other := r.alike(string(e.Name))
	if i := r.expected(string(e.Name), e.Time); i != nil && other == "" {
		if i.key == wire.NameKey(string(e.Name)) {
			return e.refuse(wire.CodeNameOwned,
				"%s is kept for someone who was invited: choose another name", i.name)
		}
		other = i.name
	}
	if other != "" {
		return e.refuse(wire.CodeLookAlike, "%s looks like %s: choose another name", e.Name, other)
	}
	return nil
}

// taken returns why the session s, nil if there is none, keeps its name from the one who joins. mine says
// that the name is theirs.
func (e *Entry) taken(s *Session, mine bool) *wire.ProtocolError {
	if s == nil {
		return nil
	}
	mine = mine || s.Device != "" && s.Device == string(e.Device)
	switch {
	case mine && s.presence == present && e.Kind == Join:
		return e.refuse(wire.CodeNameTaken, "%s is here from %s since %s: leave there first, "+
			"or join with -takeover", s.Name, s.Addr, s.Since)
	case mine, s.presence == away && s.Device == "" && (len(e.Addr) == 0 || s.Addr == string(e.Addr)):
		return nil
	case s.presence == present:
		return e.refuse(wire.CodeNameTaken, "the name %s is taken: choose another", s.Name)
	case s.presence == waiting:
		return e.refuse(wire.CodeNameTaken, "%s was here when the server stopped, and may come "+
			"back: try again in a minute, or choose another", s.Name)
	}
	return e.refuse(wire.CodeNameTaken, "%s has lost the connection and may come back: "+
		"try again in a few minutes, or choose another", s.Name)
}

// resumable returns the session that e goes on with.
func (r *Room) resumable(e Entry) (*Session, *wire.ProtocolError) {
	s := r.tokens[string(e.Token)]
	if r.banned(Target{Addr: string(e.Addr)}, Target{Device: string(e.Device)}) {
		return nil, e.refuse(wire.CodeBanned, keptOut)
	}
	// Whoever has a token without its key learns nothing of the session.
	if s == nil || s.Device != "" && s.Device != string(e.Device) {
		return nil, e.refuse(wire.CodeGone, "this session cannot be resumed: join afresh")
	}
	return s, nil
}
