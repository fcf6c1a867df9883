package room_test

import (
	"fmt"

	"parley/server/internal/room"
	"parley/server/wire"
)

// apply returns what is to follow from an entry.
func (r *reference) apply(e room.Entry) consequence {
	speaks := r.find(func(p *person) bool {
		return p.id == e.Session && p.is == "here" && e.Number == p.handled+1
	})
	if r.stranger(e) {
		return cutOff(e)
	}
	connected := r.find(func(p *person) bool { return p.id == e.Session && e.Number == p.conn })
	switch e.Kind {
	case room.Up:
		for _, p := range r.people {
			if p.is == "here" {
				p.is, p.server = "expected", 0
			}
		}
	case room.Join, room.Takeover:
		return r.join(e)
	case room.Resume:
		return r.resume(e)
	case room.Detach:
		if connected != nil && connected.is == "here" {
			return r.away(connected, e, string(e.Text))
		}
	case room.Leave:
		if connected != nil {
			return r.leave(connected, e, string(e.Text), "")
		}
	case room.Say:
		if speaks != nil {
			return r.say(speaks, e)
		}
	case room.Tell, room.Overflow:
		if speaks != nil {
			return r.tell(speaks, e)
		}
	case room.Notice:
		return consequence{To: room.Present, Line: "NOTICE " + string(e.Text)}
	case room.Kick:
		if p := r.named(e.Name); p != nil {
			return r.leave(p, e, "kicked", "you were kicked by the server's operator")
		}
		return consequence{Refused: wire.CodeArguments}
	case room.Expire:
		switch {
		case connected == nil || connected.is == "here":
		case connected.is == "expected":
			return r.away(connected, e, "connection lost")
		default:
			return r.leave(connected, e, "", "")
		}
	case room.End:
		r.people = nil
		return consequence{Over: true}
	case room.Invite:
		return r.invite(e)
	case room.Forget:
		return r.forget(e)
	case room.Ban:
		return r.ban(e)
	case room.Unban:
		return r.unban(e)
	case room.Close, room.Open:
		r.closed = e.Kind == room.Close
	case room.ServerUp:
		return r.serverUp(e)
	case room.ServerGone:
		return r.serverGone(e)
	}
	return consequence{}
}

func (r *reference) join(e room.Entry) consequence {
	f := consequence{Session: string(e.Name), Change: room.Attached, To: room.Everyone, Lazy: true}
	code, shown := r.entitled(e)
	if code != "" {
		return consequence{Refused: code}
	}
	if old := r.named(e.Name); old != nil {
		if !r.yields(old, e, shown != nil) {
			return consequence{Refused: wire.CodeNameTaken}
		}
		bye := "you have joined again from " + string(e.Addr)
		f.Before = []consequence{r.leave(old, e, "joined again", bye)}
	}
	if shown != nil {
		shown.used = true
	}
	f.Line = r.line(wire.Joined, e, string(e.Name), "")
	r.people = append(r.people, &person{id: r.seq, conn: 1, name: string(e.Name), token: string(e.Token),
		key: string(e.Device), addr: string(e.Addr), is: "here", server: e.Server})
	r.own(e, shown != nil)
	return f
}

func (r *reference) resume(e room.Entry) consequence {
	p := r.find(func(p *person) bool { return p.token == string(e.Token) })
	if r.bars("address "+string(e.Addr)) || r.bars("key "+string(e.Device)) {
		return consequence{Refused: wire.CodeBanned}
	}
	if p == nil || p.key != "" && p.key != string(e.Device) {
		return consequence{Refused: wire.CodeGone}
	}
	f := consequence{Session: p.name, Change: room.Attached}
	if p.is == "away" {
		f.To, f.Lazy, f.Line = room.Everyone, true, r.line(wire.Joined, e, p.name, "")
	}
	p.conn++
	p.is, p.addr, p.server = "here", string(e.Addr), e.Server
	r.returned(p, e)
	return f
}

// away is what follows when someone's connection broke.
func (r *reference) away(p *person, e room.Entry, reason string) consequence {
	p.is, p.server = "away", 0
	return consequence{Session: p.name, Change: room.Detached, To: room.Everyone, Hidden: true, Lazy: true,
		Reason: reason, Line: r.line(wire.Left, e, p.name, reason)}
}

func (r *reference) leave(p *person, e room.Entry, reason, bye string) consequence {
	r.remove(p)
	f := consequence{Session: p.name, Change: room.Ended}
	if p.is != "away" {
		f.To, f.Lazy, f.Reason, f.Line = room.Everyone, true, reason, r.line(wire.Left, e, p.name, reason)
		f.Bye = bye
		if reason == "" {
			f.Bye = "goodbye"
		}
	}
	return f
}

func (r *reference) say(p *person, e room.Entry) consequence {
	p.handled++
	line := r.line(wire.Said, e, p.name, string(e.Text))
	return consequence{Session: p.name, To: room.Everyone, Hidden: true, History: true, Line: line,
		Receipt: fmt.Sprint("OK ", r.seq)}
}

func (r *reference) tell(p *person, e room.Entry) consequence {
	p.handled++
	line := r.line(wire.Told, e, p.name, string(e.Text))
	f := consequence{Session: p.name}
	switch peer := r.named(e.Name); {
	case peer == nil:
		f.Refused = wire.CodeNoUser
	case peer == p:
		f.Refused = wire.CodeSelf
	case peer.is == "away":
		f.Refused = wire.CodeAway
	case e.Kind == room.Overflow:
		f.Refused = wire.CodeSlow
	default:
		f.Peer, f.To, f.Line, f.Receipt = peer.name, room.Peer, line, fmt.Sprint("OK ", r.seq)
		return f
	}
	f.Receipt = fmt.Sprint("REFUSED ", r.seq, " ", f.Refused, " -") // without the text
	return f
}
