package deliver_test

import (
	"errors"
	"flag"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"parley/server/internal/deliver"
	"parley/server/wire"
)

var (
	seed = flag.Uint64("seed", 0, "run the model test with this seed only")
	runs = flag.Int("runs", 60, "how many seeds the model test takes")
)

// An event is a line that someone is to get. Those who get the same line share it, so that its seq is learned
// from the first who reads it and checked by the others.
type event struct {
	form  string // as form gives it
	seq   uint64 // 0 until known
	reply bool   // is not resumed
}

// A person is what the model knows of a session: no log and no inbox, only all lines that it is to get, one
// by one.
type person struct {
	name   string
	client *client  // nil while cut off
	stream []*event // on this connection, all that came and is to come
	read   int      // how many of them the test has read
	acked  int      // how many of them are acknowledged
	token  string   // once WELCOME was read
	base   uint64   // seq from which on the stream counts
	count  uint64   // SAY and TELL lines
	lost   int      // the number of the loss that cut the person off
}

// A model does the same to a room and to slices.
type model struct {
	t       *testing.T
	rand    *rand.Rand
	convo   *convo
	people  []*person // sessions that are connected or may be resumed
	history []*event  // all broadcasts
	losses  int
}

const (
	modelSessions = 6 // fewer than names, so that the room is full now and then
	modelSteps    = 400
)

var modelNames = []string{"ann", "bob", "cleo", "dan", "eve", "fred", "gus", "Zoë"}

// TestModel: whatever happens in whatever order, each session gets what a naive reference says, in order and
// once. A hub that starts from the folder of its entries can go on with the same.
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
	m := &model{t: t, rand: rand.New(rand.NewPCG(seed, 0))}
	folder := newFolder(t, m.rand)
	m.convo = openRoom(t, deliver.Config{MaxSessions: modelSessions}, folder.open)
	steps := []struct {
		weight int
		do     func()
	}{
		{8, m.join}, {30, m.say}, {15, m.tell}, {25, m.readSome}, {8, m.ack}, {8, m.lose}, {12, m.resume},
		{3, m.takeOver}, {4, m.reply}, {1, m.notice}, {2, m.quit}, {1, m.kick}, {2, m.users},
	}
	var bag []func()
	for _, s := range steps {
		bag = append(bag, slices.Repeat([]func(){s.do}, s.weight)...)
	}
	for range modelSteps {
		bag[m.rand.IntN(len(bag))]()
	}
	m.end()
	folder.check(m.convo)
}

// pick returns one of the people who are here, or who are not and can come back, and nil when there is none.
func (m *model) pick(here bool) *person {
	var some []*person
	for _, p := range m.people {
		if (p.client != nil) == here && (here || p.token != "") {
			some = append(some, p)
		}
	}
	if len(some) == 0 {
		return nil
	}
	return some[m.rand.IntN(len(some))]
}

func (m *model) here() int {
	n := 0
	for _, p := range m.people {
		if p.client != nil {
			n++
		}
	}
	return n
}

func (m *model) named(name string) *person {
	for _, p := range m.people {
		if wire.NameKey(p.name) == wire.NameKey(name) {
			return p
		}
	}
	return nil
}

// text is short as a rule, and sometimes as long as it can be, so that the log begins new chunks.
func (m *model) text() string {
	n := 1 + m.rand.IntN(100)
	if m.rand.IntN(6) == 0 {
		n = 3900
	}
	return strings.Repeat(string(rune('a'+m.rand.IntN(26))), n)
}

// all puts an event into the stream of everyone but one.
func (m *model) all(e *event, but *person) {
	for _, p := range m.people {
		if p != but {
			p.stream = append(p.stream, e)
		}
	}
}

func (m *model) network() network { return networks[m.rand.IntN(len(networks))] }

func (m *model) join() {
	name := modelNames[m.rand.IntN(len(modelNames))]
	history := []int{0, 3, 1000}[m.rand.IntN(3)]
	if m.rand.IntN(2) == 0 {
		name = strings.ToUpper(name)
	}
	server, nc := m.network().connect(m.t)
	conn, err := m.convo.Join(server, name, history)
	old := m.named(name)
	switch {
	case old != nil && old.client != nil:
		refused(m.t, err, wire.Hello, wire.CodeNameTaken)
	case m.here() == modelSessions:
		refused(m.t, err, wire.Hello, wire.CodeFull)
	case err != nil:
		m.t.Fatalf("joining as %s: %v", name, err)
	default:
		m.people = slices.DeleteFunc(m.people, func(p *person) bool { return p == old })
		p := &person{name: name, client: attach(m.t, server, nc, conn)}
		p.stream = append(p.stream, &event{form: "WELCOME", reply: true})
		for _, e := range m.history[max(0, len(m.history)-history):] {
			p.stream = append(p.stream, &event{form: e.form, reply: true})
		}
		m.people = append(m.people, p)
		m.all(&event{form: "JOINED " + name}, nil)
	}
}

func (m *model) say() {
	p := m.pick(true)
	if p == nil {
		return
	}
	text := m.text()
	seq, err := p.client.conn.Say([]byte(text))
	if err != nil {
		m.t.Fatalf("SAY of %s: %v", p.name, err)
	}
	e := &event{form: "SAID " + p.name + " " + text, seq: seq}
	m.history = append(m.history, e)
	m.all(e, p)
	p.stream = append(p.stream, &event{form: "OK", seq: seq})
	p.count++
}

func (m *model) tell() {
	p := m.pick(true)
	if p == nil {
		return
	}
	text := m.text()[:1]
	name := modelNames[m.rand.IntN(len(modelNames))]
	seq, _, err := p.client.conn.Tell([]byte(name), []byte(text))
	to := m.named(name)
	answer := &event{form: "OK", seq: seq}
	var refusal *wire.ProtocolError
	switch {
	case to == nil:
		answer.form = "REFUSED no-user"
	case to == p:
		answer.form = "REFUSED self"
	case to.client == nil:
		answer.form = "REFUSED away"
	default:
		to.stream = append(to.stream, &event{form: "TOLD " + p.name + " " + text, seq: seq})
	}
	if errors.As(err, &refusal) != (answer.form != "OK") ||
		refusal != nil && "REFUSED "+refusal.Code != answer.form {
		m.t.Fatalf("TELL from %s to %s: %v, want %s", p.name, name, err, answer.form)
	}
	p.stream = append(p.stream, answer)
	p.count++
}

// reply and notice are lines without a seq, which keep their place among the others and are not resumed.
func (m *model) reply() {
	if p := m.pick(true); p != nil {
		p.client.conn.Reply(wire.Message{Verb: wire.Pong}, wire.Message{Verb: wire.User, Name: []byte("x")})
		p.stream = append(p.stream, &event{form: "PONG", reply: true}, &event{form: "USER x", reply: true})
	}
}

func (m *model) notice() {
	m.convo.Notice("hear")
	for _, p := range m.people {
		if p.client != nil {
			p.stream = append(p.stream, &event{form: "NOTICE hear", reply: true})
		}
	}
}

func (m *model) users() {
	want := []string{}
	for _, p := range m.people {
		if p.client != nil {
			want = append(want, p.name)
		}
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, m.convo.Users()); diff != "" {
		m.t.Errorf("users (-want +got):\n%s", diff)
	}
}

// readSome reads nothing, a bit, or all that is there for one person.
func (m *model) readSome() {
	if p := m.pick(true); p != nil {
		n := len(p.stream) - p.read
		if m.rand.IntN(3) > 0 {
			n = m.rand.IntN(n + 1)
		}
		m.readLines(p, n)
	}
}

func (m *model) readLines(p *person, n int) {
	for range n {
		got, err := p.client.read()
		if err != nil {
			m.t.Fatalf("%s: reading line %d of %d: %v", p.name, p.read, len(p.stream), err)
		}
		m.check(p, p.stream[p.read], got)
		p.read++
	}
}

// check compares a line that p got with the event that it should be.
func (m *model) check(p *person, e *event, got wire.Message) {
	f := form(got)
	switch got.Verb {
	case wire.Refused, wire.Resumed, wire.Welcome: // the text for a person does not matter here
		got.Text = nil
		f = form(got)
	}
	if diff := cmp.Diff(e.form, f); diff != "" {
		m.t.Fatalf("%s, line %d of %d (-want +got):\n%s", p.name, p.read, len(p.stream), diff)
	}
	switch {
	case got.Verb == wire.Welcome:
		p.base, p.token = got.Seq, string(got.Token)
	case e.reply && got.Seq > p.base:
		m.t.Fatalf("%s: history has seq %d, above the %d of WELCOME", p.name, got.Seq, p.base)
	case e.reply:
	case got.Seq <= m.seqBefore(p, p.read):
		m.t.Fatalf("%s: seq %d comes after %d", p.name, got.Seq, m.seqBefore(p, p.read))
	case e.seq == 0:
		e.seq = got.Seq
	case e.seq != got.Seq:
		m.t.Fatalf("%s: %.50s has seq %d, elsewhere %d", p.name, f, got.Seq, e.seq)
	}
}

// seqBefore returns the last seq that p had seen when it had read n lines.
func (m *model) seqBefore(p *person, n int) uint64 {
	for n--; n >= 0; n-- {
		if !p.stream[n].reply {
			return p.stream[n].seq
		}
	}
	return p.base
}
