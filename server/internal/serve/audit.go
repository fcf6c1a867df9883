package serve

import (
	"log/slog"
	"net"
	"strconv"
	"strings"
	"time"

	"parley/server/internal/asynclog"
	"parley/server/internal/room"
	"parley/server/wire"
)

// An Audit writes what followed from the entries into the log, and shows it to the operator. Its fields are
// set before the first entry and not changed. One goroutine at a time may call it.
type Audit struct {
	Log   *slog.Logger
	Lines *asynclog.Budget // where Log writes to
	Text  bool             // texts of messages go into the log
	Show  func(string)     // shows the operator a line
	Event func(string)     // does so with one of those that come as often as others like
	Warn  func(string)     // shows the operator that a command failed

	line  []byte // reused
	time  uint64 // the one that stamp shows, Unix milliseconds
	stamp []byte
}

// Record records an entry. from is the address of the connection that it opened.
func (a *Audit) Record(e *room.Entry, o *room.Outcome, from net.Addr) {
	switch e.Kind {
	case room.Say, room.Tell, room.Overflow:
		if o.Refused != nil {
			a.Log.Info("refused", "source", member(o.Session), "name", o.Session.Name,
				"code", o.Refused.Code, "to", string(e.Name))
		} else if o.Session != nil {
			a.message(e, o)
		}
	case room.Notice:
		a.Log.Info("notice", "text", string(e.Text))
	case room.Join, room.Takeover, room.Resume:
		if o.Session != nil && from != nil {
			a.came(*e, o.Session.Name, from)
		}
	case room.ServerUp, room.ServerGone:
		a.server(e, o)
	default:
		if _, is := orders[e.Kind]; is {
			a.order(*e, *o)
		}
	}
	switch o.Line.Verb {
	case wire.Joined:
		a.Event(o.Session.Name + " has joined")
	case wire.Left:
		a.left(o.Session, o.Reason)
	}
}

// server records that a server takes part in the conversation, or does not any more.
func (a *Audit) server(e *room.Entry, o *room.Outcome) {
	what := "server up"
	if e.Kind == room.ServerGone {
		what = "server gone"
	}
	if o.Servers {
		a.Log.Info(what, "server", string(e.Name))
		a.Show(what + ": " + string(e.Name))
	}
}

// came records that someone has a new connection.
func (a *Audit) came(e room.Entry, name string, from net.Addr) {
	what := "joined"
	if e.Kind == room.Resume {
		what = "resumed"
	}
	attrs := []any{"name", name, "addr", from.String()}
	if len(e.Device) > 0 {
		attrs = append(attrs, "key", wire.Fingerprint(e.Device))
	}
	a.Log.Info(what, attrs...)
}

// orders are the operator's commands that are entries: what the log calls each, and what the operator is told
// of whom. A code of an invitation is told by who made it.
var orders = map[room.Kind]struct{ log, told string }{
	room.Kick:   {"kicked", "%s was away, and cannot come back to that session"},
	room.Ban:    {"banned", "%s is banned"},
	room.Unban:  {"unbanned", "%s is not banned any more"},
	room.Close:  {"closed", "closed: only owners of names and those you invite come in"},
	room.Open:   {"opened", "open to everyone"},
	room.Invite: {"invited", ""},
	room.Forget: {"forgotten", "%s belongs to nobody now"},
}

// order records what the operator ordered, but for a kick that is seen as someone's leaving.
func (a *Audit) order(e room.Entry, o room.Outcome) {
	if o.Refused != nil {
		a.Warn(o.Refused.Text)
		return
	}
	if o.Line.Verb == wire.Left {
		return
	}
	whom := Target(room.Target{Name: string(e.Name), Addr: string(e.Addr), Device: string(e.Device)})
	var about []any
	if whom != "" {
		about = []any{"whom", whom}
	}
	a.Log.Info(orders[e.Kind].log, about...)
	if told := orders[e.Kind].told; told != "" {
		a.Show(strings.Replace(told, "%s", whom, 1))
	}
}

// Target returns whom a ban is about, as people see it.
func Target(t room.Target) string {
	if t.Device != "" {
		return wire.Fingerprint([]byte(t.Device))
	}
	return t.Name + t.Addr // one of them
}

func (a *Audit) left(s *room.Session, reason string) {
	about := []any{"source", asynclog.Source{Class: asynclog.Stranger, Addr: s.Addr}, "name", s.Name}
	event := s.Name + " has left"
	if reason != "" {
		about = append(about, "reason", reason)
		event += " (" + reason + ")"
	}
	a.Log.Info("left", about...)
	a.Event(event)
}

// member is by whose doing lines about what a session does are written.
func member(s *room.Session) asynclog.Source {
	return asynclog.Source{Class: asynclog.Member, Addr: s.Addr}
}

// message writes a line that looks as slog would write it; but slog takes longer for the line than the room
// for the message.
func (a *Audit) message(e *room.Entry, o *room.Outcome) {
	if e.Time != a.time || a.stamp == nil {
		a.time = e.Time
		a.stamp = time.UnixMilli(int64(e.Time)).AppendFormat(a.stamp[:0], "2006-01-02T15:04:05.000Z07:00")
	}
	kind := "broadcast"
	if o.Peer != nil {
		kind = "unicast"
	}
	b := append(append(a.line[:0], "time="...), a.stamp...)
	b = append(append(b, " level=INFO msg="...), kind...)
	b = strconv.AppendUint(append(b, " seq="...), o.Line.Seq, 10)
	b = appendValue(append(b, " from="...), o.Session.Name)
	if o.Peer != nil {
		b = appendValue(append(b, " to="...), o.Peer.Name)
	}
	if a.Text {
		b = appendValue(append(b, " text="...), e.Text)
	}
	a.line = append(b, '\n')
	a.Lines.Line(member(o.Session), kind, time.UnixMilli(int64(e.Time)), a.line)
}

// appendValue appends the value of an attribute, in quotes where slog puts it in quotes.
func appendValue[T string | []byte](b []byte, value T) []byte {
	word := len(value) > 0
	for i := range len(value) {
		switch c := value[i]; {
		case c > '=' && c <= '~' && c != '\\': // most are letters
		case c == ' ' || c == '=':
			word = false
		case c < ' ' || c > '~' || c == '"' || c == '\\':
			s := string(value)
			escaped := len(s) + len(`""`) + strings.Count(s, `\`) // if nothing else is
			if q := strconv.Quote(s); len(q) > escaped || strings.ContainsAny(s, " =\ufffd") {
				return append(b, q...)
			}
			return append(b, s...) // letters of any language, and backslashes
		}
	}
	if word {
		return append(b, value...)
	}
	return append(append(append(b, '"'), value...), '"')
}
