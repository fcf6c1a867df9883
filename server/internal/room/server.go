package room

import (
	"slices"

	"parley/server/wire"
)

// A Server is one that takes part in the conversation, where several do. It is one process: after its end was
// an entry, it takes part again as another.
type Server struct {
	Number uint64 // chosen at random
	Name   string // for people
	batch  uint64 // number of its newest batch of entries
}

// Servers returns those that take part, in the order in which they came. Without a cluster there are none.
func (r *Room) Servers() []*Server { return slices.Clone(r.servers) }

// Server returns the server with that number, or nil if it does not take part.
func (r *Room) Server(number uint64) *Server {
	i := slices.IndexFunc(r.servers, func(s *Server) bool { return s.Number == number })
	if i < 0 {
		return nil
	}
	return r.servers[i]
}

// Begin reports whether a server's batch of entries comes for the first time. One whose fate its server did
// not know was sent again, and may come twice.
func (r *Room) Begin(server, batch uint64) bool {
	s := r.Server(server)
	if s == nil { // each entry of a stranger is decided by itself
		return true
	}
	if batch <= s.batch {
		return false
	}
	s.batch = batch
	return true
}

// strange returns what follows from an entry of a server that does not take part, because the others have
// taken it for gone: nothing.
func (r *Room) strange(e Entry) Outcome {
	if e.Kind == Join || e.Kind == Takeover || e.Kind == Resume {
		return Outcome{Refused: e.refuse(wire.CodeFull,
			"this server was cut off from the others: try again")}
	}
	return Outcome{}
}

func (r *Room) serverUp(e Entry) Outcome {
	if e.Server == 0 || r.Server(e.Server) != nil {
		return Outcome{}
	}
	r.servers = append(r.servers, &Server{Number: e.Server, Name: string(e.Name), batch: e.Batch})
	return Outcome{Servers: true}
}

// serverGone ends a server's part: those who were connected to it have lost their connections.
func (r *Room) serverGone(e Entry) Outcome {
	s := r.Server(e.Number)
	if s == nil {
		return Outcome{}
	}
	r.servers = without(r.servers, s)
	o := Outcome{Servers: true}
	for _, s := range r.Sessions() {
		if s.presence == present && s.Server == e.Number {
			o.Before = append(o.Before, r.detached(s, e, "connection lost"))
		}
	}
	return o
}

// appendServers appends what the snapshot of a cluster's room has beside: nothing without a cluster.
func (r *Room) appendServers(b []byte, all []*Session) []byte {
	if len(r.servers) == 0 {
		return b
	}
	b = appendNumbers(b, uint64(len(r.servers)))
	for _, s := range r.servers {
		b = appendNumbers(b, s.Number, s.batch)
		b = appendStrings(b, s.Name)
	}
	for _, s := range all {
		b = appendNumbers(b, s.Server)
	}
	return b
}

// restoreServers reads what appendServers wrote.
func (r *Room) restoreServers(d *decoder, all []*Session) {
	for n := d.number(); n > 0 && !d.bad; n-- {
		s := &Server{Number: d.number(), batch: d.number(), Name: string(d.bytes())}
		d.bad = d.bad || s.Number == 0 || r.Server(s.Number) != nil
		r.servers = append(r.servers, s)
	}
	for _, s := range all {
		s.Server = d.number()
		d.bad = d.bad || s.Server != 0 && r.Server(s.Server) == nil
	}
}
