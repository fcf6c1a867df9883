package room

import (
	"slices"

	"parley/server/wire"
)

// Limits of what is kept about names, whoever comes. A stranger can make any number of keys, so a name is a
// claim at first: it belongs to its key, but the oldest claims are dropped when there are too many. An owner
// who comes back on a later day, or was invited, keeps the name for good.
const (
	// Devices is how many keys a name may have: what one person uses.
	Devices = 5
	// names that are kept for good, about 150 bytes of memory each; names beyond stay claims
	maxKept = 100_000
	// claims of all, and of one address: a school behind one address fits, and its flood drops no others
	maxClaims     = 10_000
	maxClaimsFrom = 100
	// milliseconds from the claim on after which an owner who comes back keeps the name
	claimTime = 24 * 60 * 60 * 1000
)

// An Owner is those to whom a name belongs.
type Owner struct {
	// set at construction
	Name    string
	claimed uint64 // when it came, in Unix milliseconds
	from    string // the address then
	key     string // see wire.NameKey

	Devices []string // SHA-256 of their keys
	kept    bool     // for good; else it is a claim
}

// Kept reports whether the name is the owner's for good.
func (o *Owner) Kept() bool { return o.kept }

func (o *Owner) has(device []byte) bool {
	return o != nil && len(device) > 0 && slices.Contains(o.Devices, string(device))
}

// Owners returns those of all names: first those whose names are theirs for good, in the order in which they
// became so, then the others, in the order in which they came.
func (r *Room) Owners() []*Owner { return slices.Concat(r.kept, r.claims) }

// own notes that the name of a session which has just joined belongs to its key. A key that is new to a name
// with an owner was invited.
func (r *Room) own(e Entry, s *Session, invited bool) {
	if s.Device == "" {
		return
	}
	o := r.owners[s.key]
	if o == nil {
		o = &Owner{Name: s.Name, claimed: e.Time, from: s.Addr}
		r.addOwner(o)
		r.limitClaims(o.from)
	}
	if !slices.Contains(o.Devices, s.Device) {
		o.Devices = append(o.Devices, s.Device)
	}
	if invited {
		r.keep(o)
	}
	r.returned(e, s)
}

// returned notes that the owner of a session's name is here, perhaps on a later day.
func (r *Room) returned(e Entry, s *Session) {
	if o := r.owners[s.key]; o.has([]byte(s.Device)) && e.Time >= o.claimed+claimTime {
		r.keep(o)
	}
}

// keep makes a name its owner's for good.
func (r *Room) keep(o *Owner) {
	if !o.kept && len(r.kept) < maxKept {
		r.removeOwner(o)
		o.kept = true
		r.addOwner(o)
	}
}

// limitClaims drops the oldest claim of an address or of all if there are too many.
func (r *Room) limitClaims(from string) {
	if r.claimsFrom[from] > maxClaimsFrom {
		i := slices.IndexFunc(r.claims, func(o *Owner) bool { return o.from == from })
		r.removeOwner(r.claims[i])
	} else if len(r.claims) > maxClaims {
		r.removeOwner(r.claims[0])
	}
}

// addOwner enters an owner whose fields are set, but for the key.
func (r *Room) addOwner(o *Owner) {
	o.key = wire.NameKey(o.Name)
	r.owners[o.key] = o
	r.look(o.Name)
	if o.kept {
		r.kept = append(r.kept, o)
	} else {
		r.claims = append(r.claims, o)
		r.claimsFrom[o.from]++
	}
}

func (r *Room) removeOwner(o *Owner) {
	delete(r.owners, o.key)
	r.unlook(o.Name)
	if o.kept {
		r.kept = without(r.kept, o)
		return
	}
	r.claims = without(r.claims, o)
	r.claimsFrom[o.from]--
	if r.claimsFrom[o.from] == 0 {
		delete(r.claimsFrom, o.from)
	}
}

// without returns all but the first that is x, which is among them.
func without[T comparable](all []T, x T) []T {
	i := slices.Index(all, x)
	return slices.Delete(all, i, i+1)
}

// forget lets a name go, with the invitations for it. A session that has it goes on.
func (r *Room) forget(e Entry) Outcome {
	key := wire.NameKey(string(e.Name))
	before := len(r.invitations)
	r.invitations = slices.DeleteFunc(r.invitations, func(i *invitation) bool { return i.key == key })
	o := r.owners[key]
	if o != nil {
		r.removeOwner(o)
	} else if len(r.invitations) == before {
		return failed("the name %s belongs to nobody: /names shows those that have owners", e.Name)
	}
	return Outcome{}
}

// look notes that a name is in use, so that no other that looks like it comes into use.
func (r *Room) look(name string) {
	skeleton := wire.Skeleton(name)
	r.looks[skeleton] = append(r.looks[skeleton], name)
}

func (r *Room) unlook(name string) {
	skeleton := wire.Skeleton(name)
	r.looks[skeleton] = without(r.looks[skeleton], name)
	if len(r.looks[skeleton]) == 0 {
		delete(r.looks, skeleton)
	}
}

// alike returns a name in use that looks like this one and is another, or "".
func (r *Room) alike(name string) string {
	key, found := wire.NameKey(name), ""
	for _, n := range r.looks[wire.Skeleton(name)] {
		// the least, because the order is not the same after a start
		if wire.NameKey(n) != key && (found == "" || n < found) {
			found = n
		}
	}
	return found
}
