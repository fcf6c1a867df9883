package room_test

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"parley/server/internal/room"
	"parley/server/wire"
)

var (
	seed = flag.Uint64("seed", 0, "run the model test with this seed only")
	runs = flag.Int("runs", 30, "how many seeds the model test takes")
)

const modelSteps = 300

var (
	modelNames   = []string{"ann", "bob", "cleo", "dan", "Zoë", "bоb"} // the last with a Cyrillic о
	modelDevices = []string{"", "", "k1", "k2", "k3", "k4", "k5", "k6", "k7"}
	modelAddrs   = []string{"10.0.0.1", "10.0.0.2", "10.0.0.3"}
)

// TestModel: whatever entries come in whatever order, what follows is what a naive reference says. A room
// that is restored from a snapshot goes on like one that is not.
func TestModel(t *testing.T) {
	if *seed != 0 {
		runModel(t, *seed)
		return
	}
	first := uint64(time.Now().UnixNano())
	for i := range uint64(*runs) {
		if !t.Run("", func(t *testing.T) { runModel(t, first+i) }) {
			return
		}
	}
}

func runModel(t *testing.T, seed uint64) {
	defer func() {
		if t.Failed() {
			t.Logf("run it again with -run TestModel -seed %d", seed)
		}
	}()
	m := &maker{rand: rand.New(rand.NewPCG(seed, 0)), reference: &reference{}, cluster: seed%2 == 1}
	first, second := room.New(), room.New()
	for step := range modelSteps {
		e := m.entry()
		asked := e.Kind == room.Join || e.Kind == room.Takeover || e.Kind == room.Resume
		asked = asked && !m.reference.stranger(e)
		refused := first.Refuses(e)
		want := m.reference.apply(e)
		if asked && (want.Refused != "") != (refused != nil) {
			t.Fatalf("step %d: before %s, it is refused with %v, want %q", step, show(e), refused,
				want.Refused)
		}
		if diff := cmp.Diff(want, followsFrom(first.Apply(e))); diff != "" {
			t.Fatalf("step %d: what follows from %s (-want +got):\n%s", step, show(e), diff)
		}
		// The second room gets the entry as a folder or a network brings it, in memory that is used
		// again.
		b := e.Append(nil)
		read, _, err := room.ParseEntry(b)
		read.Server, read.Batch = e.Server, e.Batch
		if err != nil {
			t.Fatalf("step %d: %s: %v", step, show(e), err)
		}
		if diff := cmp.Diff(want, followsFrom(second.Apply(read))); diff != "" {
			t.Fatalf("step %d: what follows in a second room from %s (-want +got):\n%s", step, show(e), diff)
		}
		for i := range b {
			b[i] = '!'
		}
		if diff := cmp.Diff(m.reference.state(), stateOf(first)); diff != "" {
			t.Fatalf("step %d: the room after %s (-want +got):\n%s", step, show(e), diff)
		}
		if !bytes.Equal(first.Snapshot(), second.Snapshot()) {
			t.Fatalf("step %d: two rooms differ after %s", step, show(e))
		}
		if m.rand.IntN(20) == 0 {
			restored := room.New()
			if err := restored.Restore(first.Snapshot()); err != nil {
				t.Fatalf("step %d: %v", step, err)
			}
			first = restored
		}
	}
}

// A maker makes entries, most of which fit the conversation.
type maker struct {
	rand      *rand.Rand
	reference *reference
	tokens    []string // of all who ever joined
	codes     []string // of all invitations
	time      uint64
	cluster   bool // several servers make the entries
}

func (m *maker) entry() room.Entry {
	m.time += m.rand.Uint64N(1000)
	if m.rand.IntN(30) == 0 {
		m.time += m.rand.Uint64N(4 * day)
	}
	e := room.Entry{Time: m.time, Ref: m.rand.Uint64N(3)}
	if m.cluster && m.server(&e) {
		return e
	}
	number := uint64(0) // of the connection
	p := &person{}
	if people := m.reference.people; len(people) > 0 {
		p = people[m.rand.IntN(len(people))]
		e.Session, number = p.id, p.conn
	}
	if m.rand.IntN(10) == 0 { // someone who has left, or who never came
		e.Session = m.rand.Uint64N(m.reference.seq + 2)
	}
	if m.rand.IntN(5) == 0 { // late, or of nobody
		number = m.rand.Uint64N(number + 2)
	}
	switch n := m.rand.IntN(115); {
	case n < 15:
		m.join(&e)
	case n < 27:
		e.Kind, e.Token = room.Resume, []byte(p.token)
		m.connection(&e)
		if m.rand.IntN(4) > 0 {
			e.Device = []byte(p.key)
		}
		if len(m.tokens) > 0 && m.rand.IntN(4) == 0 {
			e.Token = []byte(m.tokens[m.rand.IntN(len(m.tokens))])
		}
	case n < 37:
		e.Kind, e.Number, e.Text = room.Detach, number, m.text()
	case n < 41:
		e.Kind, e.Number = room.Leave, number
		if m.rand.IntN(2) == 0 {
			e.Text = m.text()
		}
	case n < 60:
		e.Kind, e.Number, e.Text = room.Say, m.message(p), m.text()
	case n < 80:
		e.Kind, e.Number, e.Text, e.Name = room.Tell, m.message(p), m.text(), m.name()
		if m.rand.IntN(5) == 0 {
			e.Kind, e.Text = room.Overflow, nil
		}
	case n < 82:
		e.Kind, e.Text = room.Notice, m.text()
	case n < 86:
		e.Kind, e.Name = room.Kick, m.name()
	case n < 96:
		e.Kind, e.Number = room.Expire, number
	case n < 99:
		e.Kind = room.Up
	case n < 100:
		e.Kind = room.End
	default:
		m.order(&e)
	}
	return e
}

// join makes an entry with which someone joins.
func (m *maker) join(e *room.Entry) {
	m.tokens = append(m.tokens, fmt.Sprintf("token %d", len(m.tokens)))
	e.Kind, e.Name, e.Token = room.Join, m.name(), []byte(m.tokens[len(m.tokens)-1])
	m.connection(e)
	if m.rand.IntN(3) == 0 {
		e.Kind = room.Takeover
	}
	if len(m.codes) > 0 && m.rand.IntN(3) == 0 {
		e.Invite = []byte(m.codes[m.rand.IntN(len(m.codes))])
	}
	if m.rand.IntN(30) == 0 {
		e.Invite = []byte("guessed")
	}
	if m.rand.IntN(10) == 0 { // as from a log of version 1
		e.Kind, e.Device, e.Addr, e.Invite = room.Join, nil, nil, nil
	}
}

// connection gives an entry a connection's key and address.
func (m *maker) connection(e *room.Entry) {
	e.Device = []byte(modelDevices[m.rand.IntN(len(modelDevices))])
	e.Addr = []byte(modelAddrs[m.rand.IntN(len(modelAddrs))])
	e.Text = m.text()
}

// order makes an entry of an operator's command.
func (m *maker) order(e *room.Entry) {
	switch n := m.rand.IntN(20); {
	case n < 6:
		m.codes = append(m.codes, fmt.Sprintf("code %d", len(m.codes)))
		e.Kind, e.Name, e.Token = room.Invite, m.name(), []byte(m.codes[len(m.codes)-1])
	case n < 8:
		e.Kind, e.Name = room.Forget, m.name()
	case n < 11:
		e.Kind = room.Ban
		m.target(e)
	case n < 17:
		e.Kind = room.Unban
		m.target(e)
	case n < 18:
		e.Kind = room.Close
	default:
		e.Kind = room.Open
	}
}

// target gives an entry what it bans: for Unban, mostly what is banned.
func (m *maker) target(e *room.Entry) {
	values := map[string]string{"name": string(m.name()),
		"address": modelAddrs[m.rand.IntN(len(modelAddrs))],
		"key":     modelDevices[2+m.rand.IntN(len(modelDevices)-2)]}
	what := []string{"name", "address", "key"}[m.rand.IntN(3)]
	value := values[what]
	if bans := m.reference.bans; len(bans) > 0 && e.Kind == room.Unban && m.rand.IntN(4) > 0 {
		what, value, _ = strings.Cut(bans[m.rand.IntN(len(bans))].what, " ")
	}
	switch what {
	case "name":
		e.Name = []byte(value)
	case "address":
		e.Addr = []byte(value)
	case "key":
		e.Device = []byte(value)
	}
}

func show(e room.Entry) string {
	return fmt.Sprintf("kind %d: session %d, number %d, name %q, token %q, text %q, key %q, from %q, "+
		"invite %q", e.Kind, e.Session, e.Number, e.Name, e.Token, e.Text, e.Device, e.Addr, e.Invite)
}

// message returns the number of someone's next message, or one that came already, or a later one.
func (m *maker) message(p *person) uint64 {
	switch m.rand.IntN(8) {
	case 0:
		return p.handled
	case 1:
		return m.rand.Uint64N(p.handled + 3)
	}
	return p.handled + 1
}

func (m *maker) name() []byte {
	name := modelNames[m.rand.IntN(len(modelNames))]
	if m.rand.IntN(2) == 0 {
		name = strings.ToUpper(name)
	}
	return []byte(name)
}

func (m *maker) text() []byte { return fmt.Appendf(nil, "text %d", m.rand.IntN(1000)) }

// A consequence is an outcome as text.
type consequence struct {
	Session, Peer         string // names
	Before                []consequence
	Change                room.Change
	Over, Servers         bool
	To                    room.Audience
	Line, Receipt         string
	Hidden, Lazy, History bool
	Refused, Reason, Bye  string
}

func followsFrom(o room.Outcome) consequence {
	f := consequence{Session: nameOf(o.Session), Peer: nameOf(o.Peer),
		Change: o.Change, Over: o.Over, Servers: o.Servers, To: o.To, Hidden: o.Hidden, Lazy: o.Lazy,
		History: o.History, Reason: o.Reason, Bye: o.Bye}
	for _, end := range o.Before {
		f.Before = append(f.Before, followsFrom(end))
	}
	if o.Line.Verb != "" {
		f.Line = strings.TrimSpace(string(o.Line.AppendServer(nil)))
	}
	o.Receipt.Text = nil // which is for people
	if o.Receipt.Verb != "" {
		f.Receipt = strings.TrimSpace(string(o.Receipt.AppendServer(nil)))
	}
	if o.Refused != nil {
		f.Refused = o.Refused.Code
	}
	return f
}

func nameOf(s *room.Session) string {
	if s == nil {
		return ""
	}
	return s.Name
}

// state is what a room can be asked.
type state struct {
	Seq      uint64
	Here     int
	Users    []string
	Sessions []string
	Servers  []string
	Door     door
}

func stateOf(r *room.Room) state {
	s := state{Seq: r.Seq(), Here: r.Here(), Users: r.Users(), Door: doorOf(r)}
	for _, p := range r.Sessions() {
		s.Sessions = append(s.Sessions,
			fmt.Sprint(p.ID, p.Name, p.Conn, p.Handled, p.Away(), p.Device, p.Addr, p.Server))
	}
	for _, server := range r.Servers() {
		s.Servers = append(s.Servers, fmt.Sprint(server.Number, server.Name))
	}
	return s
}

// A reference is a room without indexes.
type reference struct {
	seq    uint64
	people []*person // in the order in which they joined

	owners      []*refOwner // in the order in which they came
	invitations []*refInvitation
	bans        []refBan
	closed      bool
	servers     []refServer // in the order in which they came
}

type person struct {
	id, conn, handled uint64
	name, token       string
	key, addr         string
	is                string // here, expected or away
	server            uint64 // that has the connection
}

func (r *reference) state() state {
	s := state{Seq: r.seq, Users: []string{}, Door: r.door()}
	for _, p := range r.people {
		if p.is != "away" {
			s.Here++
			s.Users = append(s.Users, p.name)
		}
		s.Sessions = append(s.Sessions,
			fmt.Sprint(p.id, p.name, p.conn, p.handled, p.is == "away", p.key, p.addr, p.server))
	}
	for _, server := range r.servers {
		s.Servers = append(s.Servers, fmt.Sprint(server.number, server.name))
	}
	slices.Sort(s.Users)
	return s
}

// find returns the first person of whom f is true, or nil.
func (r *reference) find(f func(*person) bool) *person {
	if i := slices.IndexFunc(r.people, f); i >= 0 {
		return r.people[i]
	}
	return nil
}

func (r *reference) named(name []byte) *person {
	return r.find(func(p *person) bool { return strings.EqualFold(p.name, string(name)) })
}

func (r *reference) remove(gone *person) {
	r.people = slices.DeleteFunc(r.people, func(p *person) bool { return p == gone })
}

// line numbers the next event, which everyone sees.
func (r *reference) line(verb wire.Verb, e room.Entry, name, text string) string {
	r.seq++
	return strings.TrimSpace(fmt.Sprintln(verb, r.seq, e.Time, name, text))
}
