package room

// A presence says whether a session has a connection.
type presence byte

const (
	present presence = iota // it has one
	// it had one when the server died: its client is expected back, and nobody was told
	waiting
	away // it has none, and everyone was told
)

// A Session is one person's part in the conversation, across connections.
type Session struct {
	// set at construction
	ID       uint64 // the seq of its first JOINED
	Name     string
	key      string // see wire.NameKey
	token    string // SHA-256 of the token
	wireName []byte // Name, as lines carry it
	Device   string // SHA-256 of the client's public key; empty if it joined without one

	Conn     uint64 // number of its newest connection
	Server   uint64 // number of the server that this leads to; 0 when it broke, and without a cluster
	Addr     string // where that came from, without the port
	Since    string // when it joined or came back, for people
	Handled  uint64 // SAY and TELL lines that got an OK or REFUSED
	presence presence
}

// Away reports whether everyone was told that the session has no connection.
func (s *Session) Away() bool { return s.presence == away }
