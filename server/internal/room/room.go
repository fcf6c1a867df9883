package room

import (
	"slices"
	"strings"

	"parley/server/wire"
)

// A Room is the state of one conversation. Its methods are for one goroutine at a time.
type Room struct {
	seq      uint64              // of the newest event
	here     int                 // sessions that are not away
	sessions map[uint64]*Session // by ID; all that are here or may be resumed
	names    map[string]*Session // by key; the same
	tokens   map[string]*Session // by token; the same

	owners      map[string]*Owner   // by key: the kept and the claims
	kept        []*Owner            // see Owners
	claims      []*Owner            // the same
	claimsFrom  map[string]int      // by address
	looks       map[string][]string // by skeleton: the names of the sessions and of the owners
	invitations []*invitation       // in the order in which they were made
	bans        map[string]Target   // by ID
	closed      bool                // only owners and the invited come in
	servers     []*Server           // see Servers
}

// New returns an empty room.
func New() *Room {
	return &Room{sessions: map[uint64]*Session{}, names: map[string]*Session{},
		tokens: map[string]*Session{}, owners: map[string]*Owner{}, claimsFrom: map[string]int{},
		looks: map[string][]string{}, bans: map[string]Target{}}
}

// Seq returns the seq of the newest event.
func (r *Room) Seq() uint64 { return r.seq }

// Here returns how many sessions are here: those with a connection, and those whose clients are expected back
// because the server started again.
func (r *Room) Here() int { return r.here }

// Token returns the session that has a token, given by its SHA-256, or nil.
func (r *Room) Token(hash []byte) *Session { return r.tokens[string(hash)] }

// Session returns the session with an ID, or nil.
func (r *Room) Session(id uint64) *Session { return r.sessions[id] }

// Named returns the session that has a name, or nil.
func (r *Room) Named(name []byte) *Session {
	s := r.names[string(name)] // most names are their own key, and to make a key allocates
	if s == nil || s.key != s.Name {
		s = r.names[wire.NameKey(string(name))]
	}
	return s
}

// Sessions returns all sessions in the order of their IDs.
func (r *Room) Sessions() []*Session {
	all := make([]*Session, 0, len(r.sessions))
	for _, s := range r.sessions {
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b *Session) int {
		if a.ID < b.ID {
			return -1
		}
		return 1
	})
	return all
}

// Users returns the names of those who are here, in order.
func (r *Room) Users() []string {
	names := make([]string, 0, r.here)
	for _, s := range r.names {
		if !s.Away() {
			names = append(names, s.Name)
		}
	}
	slices.SortFunc(names, strings.Compare)
	return names
}

// A Change is what an entry does to a session's connection.
type Change byte

const (
	Unchanged Change = iota
	Attached         // it has a new connection
	Detached         // it has none any more, and may be resumed
	Ended            // it is over
)

// An Audience is who sees an outcome's line.
type Audience byte

const (
	Nobody   Audience = iota
	Everyone          // in the stream of every session; Outcome.Hidden leaves out one
	Peer              // in the stream of Outcome.Peer
	Present           // on every connection, and not resumed
)

// An Outcome is what follows from an entry. An entry that came too late, such as a message of a session that
// has ended, has the zero Outcome.
type Outcome struct {
	Session *Session // whose entry it was
	Peer    *Session // who gets a unicast
	Change  Change   // of Session, before anything is sent
	Reset   bool     // all sessions have ended
	Over    bool     // the history has, too
	Servers bool     // a server came or is gone
	// the ends of other sessions, which come first: of those that had the name or are banned, or of the
	// connections to a server that is gone
	Before []Outcome

	Line    wire.Message // goes to To
	To      Audience
	Hidden  bool         // Session does not see Line, because it is its own
	Lazy    bool         // Line may come a moment later, together with others
	History bool         // Line is kept for newcomers
	Receipt wire.Message // goes to Session; without a verb there is none

	Refused *wire.ProtocolError // why the entry was not carried out; a message's sender gets a Receipt, too
	Reason  string              // why a connection or session ended; empty after QUIT
	Bye     string              // what the session that ended is told; empty if it is only cut off
}

// Apply applies an entry and returns what follows from it. It keeps nothing of the entry; the outcome's line
// does.
func (r *Room) Apply(e Entry) Outcome {
	if e.Server != 0 && e.Kind != ServerUp && r.Server(e.Server) == nil {
		return r.strange(e)
	}
	switch e.Kind {
	case Up:
		return r.up()
	case Join, Takeover:
		return r.join(e)
	case Resume:
		return r.resume(e)
	case Detach:
		return r.detach(e)
	case Leave:
		if s := r.sessions[e.Session]; s != nil && s.Conn == e.Number {
			return r.leave(s, e, string(e.Text), "")
		}
		return Outcome{}
	case Say:
		return r.say(e)
	case Tell, Overflow:
		return r.tell(e)
	case Notice:
		return Outcome{Line: wire.Message{Verb: wire.Notice, Text: wire.Line(string(e.Text))}, To: Present}
	case Kick:
		return r.kick(e)
	case Expire:
		return r.expire(e)
	case Invite:
		return r.invite(e)
	case Forget:
		return r.forget(e)
	case Ban:
		return r.ban(e)
	case Unban:
		return r.unban(e)
	case Close, Open:
		r.closed = e.Kind == Close
		return Outcome{}
	case ServerUp:
		return r.serverUp(e)
	case ServerGone:
		return r.serverGone(e)
	case Heartbeat:
		return Outcome{}
	case End:
		return r.reset(true)
	case Reset:
		return r.reset(false)
	}
	panic("room: an entry of no kind") // ParseEntry lets none pass
}
