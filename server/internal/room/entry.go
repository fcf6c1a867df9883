package room

import (
	"encoding/binary"
	"errors"
)

// A Kind is what an entry says.
type Kind byte

// The kinds of entries, with the fields that they use beside Time.
const (
	Up     Kind = iota + 1 // the server started: no session has a connection
	Join                   // Token, Name, Invite and below: someone takes a name
	Resume                 // Token and below: a session goes on over a new connection
	Detach                 // Session, Number, Text: the connection with that number broke, because of Text
	Leave                  // Session, Number, Text: it ends for good; Text is empty after QUIT
	Say                    // Session, Number, Text: a broadcast
	Tell                   // Session, Number, Name, Text: a unicast to Name
	Notice                 // Text: the operator speaks to everyone
	Kick                   // Name: the operator ends a session
	// Session, Number: the client did not come back after the connection with that number
	Expire
	End   // the conversation is over
	Reset // all sessions end unnoticed, because the state is older than what their clients have seen

	// The following, and the fields Device, Addr and Invite, came with version 2 of the event log.

	Takeover // a Join that ends the session which has the name, if it is the same person's
	Invite   // Name, Token: the operator invites someone with the code of that SHA-256
	Forget   // Name: a name belongs to nobody any more
	Ban      // Name, Addr or Device: the operator keeps someone out
	Unban    // the same, and no longer
	Close    // only owners of names and the invited come in
	Open     // everyone does again
	// Session, Number, Name: a unicast that is refused because too much for Name is queued, which only the
	// server of that connection knows
	Overflow

	// The following are a cluster's, and in no state folder.

	ServerUp   // Name: a server takes part from now on
	Heartbeat  // Text: a server goes on; what its clients have acknowledged
	ServerGone // Number, Name: the server with that number does not take part any more
	lastKind
)

// An Entry is one step of the conversation.
type Entry struct {
	Kind    Kind
	Time    uint64 // Unix time in milliseconds
	Ref     uint64 // what the proposer knows the entry by; 0 if it does not ask for the outcome
	Session uint64 // see Session.ID
	Number  uint64 // of a message within its session, or of a connection; both count from 1
	Name    []byte
	Token   []byte // SHA-256 of the session's token
	Text    []byte

	// of a connection: SHA-256 of its client's public key, empty without TLS, and where it comes from,
	// without the port. Its Text is the time for people. An entry of version 1 has neither.
	Device, Addr []byte
	Invite       []byte // SHA-256 of the code of the invitation that it shows, if it does

	// Whose batch of entries it is in, and that one's number: who applies the entry knows. Both are 0 without
	// a cluster.
	Server, Batch uint64
}

// extended is set in the encoded Kind of an entry that has the fields of version 2.
const extended = 0x80

// ErrEntry reports that bytes are no entry.
var ErrEntry = errors.New("not an entry")

// Append appends the encoded entry to b. Entries that follow each other need nothing between them.
func (e *Entry) Append(b []byte) []byte {
	extras := len(e.Device)+len(e.Addr)+len(e.Invite) > 0
	kind := byte(e.Kind)
	if extras {
		kind |= extended
	}
	b = append(b, kind)
	for _, n := range [...]uint64{e.Time, e.Ref, e.Session, e.Number} {
		b = binary.AppendUvarint(b, n)
	}
	for _, s := range [...][]byte{e.Name, e.Token, e.Text} {
		b = appendBytes(b, s)
	}
	if extras {
		for _, s := range [...][]byte{e.Device, e.Addr, e.Invite} {
			b = appendBytes(b, s)
		}
	}
	return b
}

// ParseEntry returns the first entry of b and what follows it. Its slices belong to b. The error is ErrEntry.
func ParseEntry(b []byte) (e Entry, rest []byte, err error) {
	d := decoder{b: b}
	kind := d.byte()
	e.Kind = Kind(kind &^ extended)
	for _, n := range [...]*uint64{&e.Time, &e.Ref, &e.Session, &e.Number} {
		*n = d.number()
	}
	for _, s := range [...]*[]byte{&e.Name, &e.Token, &e.Text} {
		*s = d.bytes()
	}
	if kind&extended != 0 {
		for _, s := range [...]*[]byte{&e.Device, &e.Addr, &e.Invite} {
			*s = d.bytes()
		}
	}
	if d.bad || e.Kind == 0 || e.Kind >= lastKind {
		return Entry{}, nil, ErrEntry
	}
	return e, d.b, nil
}

func appendBytes(b, s []byte) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// A decoder takes values from the front of b. After the first that is not there, it returns zeros.
type decoder struct {
	b   []byte
	bad bool
}

func (d *decoder) byte() byte {
	s := d.take(1)
	if len(s) == 0 {
		return 0
	}
	return s[0]
}

func (d *decoder) number() uint64 {
	n, size := binary.Uvarint(d.b)
	if size <= 0 {
		d.bad = true
		return 0
	}
	d.b = d.b[size:]
	return n
}

func (d *decoder) bytes() []byte { return d.take(d.number()) }

func (d *decoder) take(n uint64) []byte {
	if d.bad || n > uint64(len(d.b)) {
		d.bad = true
		return nil
	}
	s := d.b[:n:n]
	d.b = d.b[n:]
	return s
}
