package room

import (
	"slices"
	"strings"

	"parley/server/wire"
)

const (
	maxInvitations = 1000 // that are remembered, each about 150 bytes; the operator makes them one by one
	maxBans        = 10_000
	// InvitationTime is how long an invitation is good, in milliseconds.
	InvitationTime = 7 * 24 * 60 * 60 * 1000
)

// An invitation is the operator's word that someone may have a name.
type invitation struct {
	name, key string
	skeleton  string // of the name
	hash      string // SHA-256 of its code
	made      uint64 // Unix time in milliseconds
	used      bool
}

func (i *invitation) old(now uint64) bool { return now >= i.made+InvitationTime }

func newInvitation(name, hash string, made uint64) *invitation {
	return &invitation{name: name, key: wire.NameKey(name), skeleton: wire.Skeleton(name), hash: hash,
		made: made}
}

// open reports whether it is good at a time.
func (i *invitation) open(now uint64) bool { return !i.used && !i.old(now) }

// invite makes an invitation. Those that are no longer good are remembered as long as there is room, so that
// it can be said why they are not.
func (r *Room) invite(e Entry) Outcome {
	i := newInvitation(string(e.Name), string(e.Token), e.Time)
	if o := r.owners[i.key]; o != nil && len(o.Devices) >= Devices {
		return failed("%s has %d keys, which is the most: /forget %[1]s lets the name go", o.Name,
			Devices)
	}
	if name := r.alike(i.name); name != "" {
		return failed("%s looks like %s: choose another name", i.name, name)
	}
	if len(r.invitations) >= maxInvitations {
		closed := slices.IndexFunc(r.invitations, func(i *invitation) bool { return !i.open(e.Time) })
		if closed < 0 {
			return failed("%d invitations are open, which is the most: "+
				"/forget NAME closes those for NAME", maxInvitations)
		}
		r.invitations = slices.Delete(r.invitations, closed, closed+1)
	}
	r.invitations = append(r.invitations, i)
	return Outcome{}
}

// Invited reports whether there is an invitation with a code, given by its SHA-256.
func (r *Room) Invited(hash []byte) bool { return r.invitation(hash) != nil }

func (r *Room) invitation(hash []byte) *invitation {
	i := slices.IndexFunc(r.invitations, func(i *invitation) bool { return i.hash == string(hash) })
	if i < 0 {
		return nil
	}
	return r.invitations[i]
}

// expected returns an open invitation for a name that is this one or looks like it, or nil.
func (r *Room) expected(name string, now uint64) *invitation {
	if len(r.invitations) == 0 {
		return nil
	}
	skeleton := wire.Skeleton(name)
	for _, i := range r.invitations {
		if i.open(now) && i.skeleton == skeleton {
			return i
		}
	}
	return nil
}

// A Target is what a ban keeps out. It has a Name, an Addr or a Device.
type Target struct {
	Name   string
	Addr   string
	Device string // SHA-256 of a key
	Of     string // the name whose ban brought that of the Device
}

// id returns what the ban is found by. That of a name bans those that look like it, too.
func (b Target) id() string {
	switch {
	case b.Name != "":
		return "n" + wire.Skeleton(b.Name)
	case b.Addr != "":
		return "a" + b.Addr
	}
	return "d" + b.Device
}

func targetOf(e Entry) Target {
	return Target{Name: string(e.Name), Addr: string(e.Addr), Device: string(e.Device)}
}

// Bans returns all bans, in the order of what they are about.
func (r *Room) Bans() []Target {
	all := make([]Target, 0, len(r.bans))
	for _, b := range r.bans {
		all = append(all, b)
	}
	slices.SortFunc(all, func(a, b Target) int { return strings.Compare(a.id(), b.id()) })
	return all
}

// banned reports whether one of these is banned. None that is empty ever is.
func (r *Room) banned(what ...Target) bool {
	return slices.ContainsFunc(what, func(b Target) bool {
		_, found := r.bans[b.id()]
		return found
	})
}

// ban keeps someone out: a name together with the keys that have it. Sessions that match end, here or away.
func (r *Room) ban(e Entry) Outcome {
	b := targetOf(e)
	if b == (Target{}) {
		return failed("say whom: a name, an address or a fingerprint")
	}
	bans := []Target{b}
	key := wire.NameKey(b.Name)
	if s := r.names[key]; b.Name != "" && s != nil && s.Device != "" {
		bans = append(bans, Target{Device: s.Device, Of: b.Name})
	}
	if o := r.owners[key]; b.Name != "" && o != nil {
		for _, device := range o.Devices {
			bans = append(bans, Target{Device: device, Of: b.Name})
		}
	}
	if len(r.bans)+len(bans) > maxBans {
		return failed("%d bans are in force, which is the most: /unban some", maxBans)
	}
	for _, b := range bans {
		if _, found := r.bans[b.id()]; !found || b.Of == "" {
			r.bans[b.id()] = b
		}
	}
	o := Outcome{}
	const bye = "you were banned by the server's operator"
	for _, s := range r.Sessions() {
		if r.banned(Target{Name: s.Name}, Target{Addr: s.Addr}, Target{Device: s.Device}) {
			o.Before = append(o.Before, r.leave(s, e, "banned", bye))
		}
	}
	return o
}

// unban lifts a ban, and with that of a name those that it brought.
func (r *Room) unban(e Entry) Outcome {
	b := targetOf(e)
	if _, found := r.bans[b.id()]; !found {
		return failed("there is no such ban: /bans shows those that there are")
	}
	for id, other := range r.bans {
		if id == b.id() || (Target{Name: other.Of}).id() == b.id() {
			delete(r.bans, id)
		}
	}
	return Outcome{}
}

// Closed reports whether only owners of names and the invited come in.
func (r *Room) Closed() bool { return r.closed }

// failed is what follows from an operator's command that cannot be carried out.
func failed(format string, args ...any) Outcome {
	return Outcome{Refused: wire.Errorf("-", wire.CodeArguments, format, args...)}
}
