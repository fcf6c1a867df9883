package room_test

import (
	"fmt"
	"slices"
	"strings"

	"parley/server/internal/room"
	"parley/server/wire"
)

const day = 24 * 60 * 60 * 1000 // milliseconds

// A refOwner is to whom a name belongs.
type refOwner struct {
	name, from string
	keys       []string
	claimed    uint64
	kept       bool
}

// A refInvitation is one that was made.
type refInvitation struct {
	name, code string
	made       uint64
	used       bool
}

// A refBan is what was banned, as one text, and the name whose ban it was.
type refBan struct{ what, because string }

// entitled returns the code with which someone is kept out, or the invitation that lets them in, if it does.
func (r *reference) entitled(e room.Entry) (code string, shown *refInvitation) {
	owner := r.owner(e.Name)
	mine := owner != nil && len(e.Device) > 0 && slices.Contains(owner.keys, string(e.Device))
	alike := func(name string) bool { return wire.Skeleton(name) == wire.Skeleton(string(e.Name)) }
	if len(e.Addr)+len(e.Device) == 0 {
		return "", nil // an entry of version 1
	}
	if r.bars("address "+string(e.Addr)) || r.bars("key "+string(e.Device)) {
		return wire.CodeBanned, nil
	}
	if len(e.Invite) > 0 && !mine {
		shows := func(i *refInvitation) bool { return i.code == string(e.Invite) }
		i := slices.IndexFunc(r.invitations, shows)
		if i < 0 {
			return wire.CodeInviteWrong, nil
		}
		shown = r.invitations[i]
		full := owner != nil && (len(e.Device) == 0 || len(owner.keys) == 5)
		for _, no := range []struct {
			it   bool
			code string
		}{
			{shown.used, wire.CodeInviteUsed},
			{e.Time >= shown.made+7*day, wire.CodeInviteOld},
			{!strings.EqualFold(shown.name, string(e.Name)), wire.CodeInviteName},
			{full, wire.CodeNameOwned},
		} {
			if no.it {
				return no.code, nil
			}
		}
	}
	welcome := mine || shown != nil
	if r.closed && !welcome {
		return wire.CodeClosed, nil
	}
	if slices.ContainsFunc(r.bans, func(b refBan) bool {
		name, is := strings.CutPrefix(b.what, "name ")
		return is && alike(name)
	}) {
		return wire.CodeBanned, nil
	}
	if welcome {
		return "", shown
	}
	if owner != nil {
		return wire.CodeNameOwned, nil
	}
	kept := ""
	for _, i := range r.invitations {
		if kept == "" && !i.used && e.Time < i.made+7*day && alike(i.name) {
			kept = i.name
		}
	}
	inUse := []string{}
	for _, p := range r.people {
		inUse = append(inUse, p.name)
	}
	for _, o := range r.owners {
		inUse = append(inUse, o.name)
	}
	for _, name := range inUse {
		if alike(name) && !strings.EqualFold(name, string(e.Name)) {
			return wire.CodeLookAlike, nil
		}
	}
	if kept != "" && strings.EqualFold(kept, string(e.Name)) {
		return wire.CodeNameOwned, nil
	}
	if kept != "" {
		return wire.CodeLookAlike, nil
	}
	return "", nil
}

// yields reports whether old leaves its name to the one who joins.
func (r *reference) yields(old *person, e room.Entry, invited bool) bool {
	owner := r.owner(e.Name)
	theirs := len(e.Device) > 0 && (invited || old.key == string(e.Device) ||
		owner != nil && slices.Contains(owner.keys, string(e.Device)))
	if theirs {
		return old.is != "here" || e.Kind == room.Takeover
	}
	if len(e.Addr)+len(e.Device) > 0 && old.addr != string(e.Addr) {
		return false
	}
	return old.is == "away" && old.key == ""
}

// own notes whose a name is.
func (r *reference) own(e room.Entry, invited bool) {
	if len(e.Device) == 0 {
		return
	}
	o := r.owner(e.Name)
	if o == nil {
		o = &refOwner{name: string(e.Name), from: string(e.Addr), claimed: e.Time}
		r.owners = append(r.owners, o)
	}
	if !slices.Contains(o.keys, string(e.Device)) {
		o.keys = append(o.keys, string(e.Device))
	}
	o.kept = o.kept || invited || e.Time >= o.claimed+day
}

// returned notes that someone is back, perhaps on another day.
func (r *reference) returned(p *person, e room.Entry) {
	if o := r.owner([]byte(p.name)); o != nil && p.key != "" && slices.Contains(o.keys, p.key) {
		o.kept = o.kept || e.Time >= o.claimed+day
	}
}

func (r *reference) invite(e room.Entry) consequence {
	o := r.owner(e.Name)
	full := o != nil && len(o.keys) == 5
	similar := func(name string) bool {
		return wire.Skeleton(name) == wire.Skeleton(string(e.Name)) &&
			!strings.EqualFold(name, string(e.Name))
	}
	if full || slices.ContainsFunc(r.people, func(p *person) bool { return similar(p.name) }) ||
		slices.ContainsFunc(r.owners, func(o *refOwner) bool { return similar(o.name) }) {
		return consequence{Refused: wire.CodeArguments}
	}
	r.invitations = append(r.invitations,
		&refInvitation{name: string(e.Name), code: string(e.Token), made: e.Time})
	return consequence{}
}

func (r *reference) forget(e room.Entry) consequence {
	before := len(r.owners) + len(r.invitations)
	r.owners = slices.DeleteFunc(r.owners, func(o *refOwner) bool { return o == r.owner(e.Name) })
	r.invitations = slices.DeleteFunc(r.invitations,
		func(i *refInvitation) bool { return strings.EqualFold(i.name, string(e.Name)) })
	if len(r.owners)+len(r.invitations) == before {
		return consequence{Refused: wire.CodeArguments}
	}
	return consequence{}
}

// target returns what an entry bans.
func target(e room.Entry) string {
	switch {
	case len(e.Name) > 0:
		return "name " + wire.Skeleton(string(e.Name))
	case len(e.Addr) > 0:
		return "address " + string(e.Addr)
	}
	return "key " + string(e.Device)
}

func (r *reference) bars(what string) bool {
	return slices.ContainsFunc(r.bans, func(b refBan) bool { return b.what == what })
}

func (r *reference) ban(e room.Entry) consequence {
	what := target(e)
	r.bans = slices.DeleteFunc(r.bans, func(b refBan) bool { return b.what == what })
	r.bans = append(r.bans, refBan{what: what})
	if len(e.Name) > 0 {
		var keys []string
		if p := r.named(e.Name); p != nil && p.key != "" {
			keys = append(keys, p.key)
		}
		if o := r.owner(e.Name); o != nil {
			keys = append(keys, o.keys...)
		}
		for _, key := range keys {
			if !r.bars("key " + key) {
				r.bans = append(r.bans, refBan{"key " + key, what})
			}
		}
	}
	f := consequence{}
	const bye = "you were banned by the server's operator"
	for _, p := range slices.Clone(r.people) {
		name := "name " + wire.Skeleton(p.name)
		for _, what := range []string{name, "address " + p.addr, "key " + p.key} {
			if r.bars(what) && slices.Contains(r.people, p) {
				f.Before = append(f.Before, r.leave(p, e, "banned", bye))
			}
		}
	}
	return f
}

func (r *reference) unban(e room.Entry) consequence {
	what := target(e)
	if !r.bars(what) {
		return consequence{Refused: wire.CodeArguments}
	}
	r.bans = slices.DeleteFunc(r.bans, func(b refBan) bool { return b.what == what || b.because == what })
	return consequence{}
}

func (r *reference) owner(name []byte) *refOwner {
	for _, o := range r.owners {
		if strings.EqualFold(o.name, string(name)) {
			return o
		}
	}
	return nil
}

// door is what a room can be asked about who may come in.
type door struct {
	Closed bool
	Owners []string
	Bans   []string
}

func (r *reference) door() door {
	d := door{Closed: r.closed}
	for _, o := range r.owners {
		d.Owners = append(d.Owners, fmt.Sprint(o.name, o.keys, o.kept))
	}
	slices.Sort(d.Owners)
	for _, b := range r.bans {
		d.Bans = append(d.Bans, b.what)
	}
	slices.Sort(d.Bans)
	return d
}

func doorOf(r *room.Room) door {
	d := door{Closed: r.Closed()}
	for _, o := range r.Owners() {
		d.Owners = append(d.Owners, fmt.Sprint(o.Name, o.Devices, o.Kept()))
	}
	slices.Sort(d.Owners)
	for _, b := range r.Bans() {
		d.Bans = append(d.Bans, target(room.Entry{Name: []byte(b.Name), Addr: []byte(b.Addr),
			Device: []byte(b.Device)}))
	}
	slices.Sort(d.Bans)
	return d
}
