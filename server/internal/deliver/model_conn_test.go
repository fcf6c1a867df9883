package deliver_test

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"parley/server/wire"
)

// before is a random point among the lines that p has read and that are not acknowledged.
func (m *model) before(p *person) int { return p.acked + m.rand.IntN(p.read-p.acked+1) }

func (m *model) ack() {
	if p := m.pick(true); p != nil {
		p.acked = m.before(p)
		p.client.conn.Ack(m.seqBefore(p, p.acked))
	}
}

// lose breaks a connection, from either side.
func (m *model) lose() {
	p := m.pick(true)
	if p == nil {
		return
	}
	old := p.client
	m.losses++
	p.client, p.lost = nil, m.losses
	if m.rand.IntN(2) == 0 {
		old.nc.Close()
		old.conn.Lost("why not")
	} else {
		old.conn.Lost("why not")
		m.rest(p, old) // a prefix of what was to come
	}
	m.all(&event{form: "LEFT " + p.name + " why not"}, p)
	if len(m.people)-m.here() > modelSessions { // no more than that many are kept
		gone := m.crowding()
		m.people = slices.DeleteFunc(m.people, func(q *person) bool { return q == gone })
		m.convo.await(m.t, len(m.people))
	}
}

// crowding returns who makes room when too many are cut off: of those who never spoke, or else of all, who
// was cut off first.
func (m *model) crowding() (first *person) {
	for _, p := range m.people {
		silent := p.count == 0
		switch {
		case p.client != nil:
		case first == nil, silent && first.count > 0, silent == (first.count == 0) && p.lost < first.lost:
			first = p
		}
	}
	return first
}

// rest reads what an old connection still has, which must be the next lines of p's stream. It returns the BYE
// after them.
func (m *model) rest(p *person, old *client) (bye string) {
	defer func(read int) { p.read = read }(p.read) // a client that resumes may have missed them
	for {
		got, err := old.read()
		switch {
		case errors.Is(err, io.EOF):
			return bye
		case err != nil:
			m.t.Fatalf("%s: reading the rest: %v", p.name, err)
		case bye != "":
			m.t.Fatalf("%s: %s after %s", p.name, form(got), bye)
		case got.Verb == wire.Error && string(got.Code) == wire.CodeMoved: // which BYE follows
		case got.Verb == wire.Bye:
			bye = form(got)
		case p.read == len(p.stream):
			m.t.Fatalf("%s: %s after all that was said", p.name, form(got))
		default:
			m.check(p, p.stream[p.read], got)
			p.read++
		}
	}
}

func (m *model) resume() {
	if p := m.pick(false); p != nil {
		m.reconnect(p)
	}
}

// reconnect resumes p's session from a point that it has read and not acknowledged.
func (m *model) reconnect(p *person) {
	point := m.before(p)
	server, nc := m.network().connect(m.t)
	old := p.client
	conn, err := m.convo.Resume(server, p.token, m.seqBefore(p, point))
	if old == nil && m.here() == modelSessions {
		refused(m.t, err, wire.Resume, wire.CodeFull)
		return
	}
	if err != nil {
		m.t.Fatalf("%s: resuming after seq %d: %v", p.name, m.seqBefore(p, point), err)
	}
	if old != nil {
		if bye := m.rest(p, old); bye != "BYE the session can be resumed" {
			m.t.Errorf("%s: %q at the end of the old connection", p.name, bye)
		}
	}
	p.base = m.seqBefore(p, point)
	again := slices.DeleteFunc(slices.Clone(p.stream[point:]), func(e *event) bool { return e.reply })
	p.stream = append([]*event{{form: fmt.Sprintf("RESUMED %d", p.count), reply: true}}, again...)
	p.read, p.acked = 0, 0
	p.client = attach(m.t, server, nc, conn)
	if old == nil {
		m.all(&event{form: "JOINED " + p.name}, nil)
	}
}

// takeOver resumes a session whose connection the room believes to be alive.
func (m *model) takeOver() {
	if p := m.pick(true); p != nil && p.token != "" {
		m.reconnect(p)
	}
}

func (m *model) quit() {
	if p := m.pick(true); p != nil {
		p.client.conn.Quit()
		m.gone(p, "", "BYE goodbye")
	}
}

func (m *model) kick() {
	if p := m.pick(true); p != nil {
		if !m.convo.Kick(strings.ToUpper(p.name)) {
			m.t.Errorf("nobody to kick is called %s", p.name)
		}
		m.gone(p, " kicked", "BYE you were kicked by the server's operator")
	}
	if p := m.pick(false); p != nil && m.rand.IntN(3) == 0 {
		if !m.convo.Kick(p.name) {
			m.t.Errorf("%s, who is cut off, cannot be kicked", p.name)
		}
		m.people = slices.DeleteFunc(m.people, func(q *person) bool { return q == p })
		m.noResume(p)
	}
}

// gone checks that someone who left for good got everything that came before.
func (m *model) gone(p *person, reason, bye string) {
	m.people = slices.DeleteFunc(m.people, func(q *person) bool { return q == p })
	m.all(&event{form: "LEFT " + p.name + reason}, nil)
	m.readLines(p, len(p.stream)-p.read)
	p.client.expectEnd(bye)
	m.noResume(p)
}

func (m *model) noResume(p *person) {
	if _, err := m.convo.Resume(nil, p.token, p.base); err == nil {
		m.t.Errorf("%s was resumed after it left for good", p.name)
	}
}

// end lets everyone read all that is to come, and the room close.
func (m *model) end() {
	for p := m.pick(false); p != nil && m.here() < modelSessions; p = m.pick(false) {
		m.reconnect(p)
	}
	for _, p := range m.people {
		if p.client != nil {
			m.readLines(p, len(p.stream)-p.read)
		}
	}
	closed := make(chan struct{})
	go func() {
		m.convo.Close("the end")
		close(closed)
	}()
	for _, p := range m.people {
		if p.client != nil {
			p.client.expectEnd("NOTICE the end", "BYE the server is closing")
		}
	}
	<-closed
}
