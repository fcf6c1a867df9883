package deliver

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"parley/server/internal/room"
	"parley/server/wire"
)

// line returns what the cursor is at, up to the end of the line.
func (c cursor) line(limit uint64) string {
	rest := c.next(limit)
	if i := bytes.IndexByte(rest, '\n'); i >= 0 {
		rest = rest[:i]
	}
	return string(rest)
}

// After any seq, given or in a gap, the log goes on with the first line above it.
func TestLogAfter(t *testing.T) {
	l := newStream(0)
	var seqs []uint64
	for seq := uint64(3); l.end < 4*chunkSize; seq += 1 + seq%3 {
		text := []byte(strings.Repeat("x", int(seq*seq%900)+1))
		l.append(&wire.Message{Verb: wire.Said, Seq: seq, Name: []byte("bob"), Text: text}, true)
		seqs = append(seqs, seq)
	}
	for seq, i := uint64(0), 0; i < len(seqs); seq++ {
		if seqs[i] <= seq {
			i++
		}
		at, ok := l.after(seq)
		want := ""
		if i < len(seqs) {
			want = fmt.Sprintf("SAID %d 0 bob x", seqs[i])
		}
		if got := at.line(l.end); !ok || !strings.HasPrefix(got, want) || want == "" && got != "" {
			t.Fatalf("after %d: %.40q, %v, want %q", seq, got, ok, want)
		}
	}
}

// The log keeps at least what it promises, and no more than one chunk beyond.
func TestLogRetention(t *testing.T) {
	l := newStream(0)
	m := wire.Message{Verb: wire.Joined, Name: []byte(strings.Repeat("n", 3000))}
	said := wire.Message{Verb: wire.Said, Seq: 1, Name: []byte("bob"), Text: []byte("early")}
	l.append(&said, true)
	for m.Seq = 2; l.end < 2*retention; m.Seq++ {
		l.append(&m, false)
		kept := l.end - l.first.base
		if kept < min(l.end, retention) || kept > retention+2*chunkSize {
			t.Fatalf("%d of %d bytes are kept, want %d", kept, l.end, retention)
		}
	}
	if _, ok := l.after(1); ok {
		t.Error("the log claims to reach back to its beginning")
	}
	if _, ok := l.after(l.first.seq - 1); !ok {
		t.Error("the log does not reach back to its first line")
	}
	if spans := l.newest(10); len(spans) != 0 {
		t.Errorf("history holds %q, which the log has forgotten", spans[0].lines())
	}
}

// While there is always someone due, the queue stays as small as those in it.
func TestQueueUnderLoad(t *testing.T) {
	var q queue
	q.generation = 1
	conns := make([]Conn, 10)
	for i := range conns {
		q.push(&q.due, &conns[i])
	}
	for i := range 1_000_000 {
		c := q.take()
		if c != &conns[i%len(conns)] {
			t.Fatal("not the one that has been due for longest")
		}
		q.push(&q.due, c)
	}
	if n := cap(q.due.conns); n > 1000 {
		t.Errorf("room for %d connections, with %d in it", n, len(conns))
	}
}

// Who gets something of their own does not wait for all who are told what concerns everyone, nor do these for
// all of those.
func TestQueueTurns(t *testing.T) {
	var q queue
	q.generation = 1
	conns := make([]Conn, 9)
	for i := range conns {
		q.park(&conns[i])
	}
	q.readyAll()
	own := make([]Conn, 3)
	for i := range own {
		q.park(&own[i])
		q.ready(&own[i])
	}
	taken := make(map[*Conn]int)
	for i := range len(conns) + len(own) {
		taken[q.take()] = i
	}
	for i := range own {
		if at := taken[&own[i]]; at > 2*i+1 {
			t.Errorf("connection %d with something of its own was taken after %d others", i, at)
		}
	}
	if at := taken[&conns[len(own)-1]]; at > 2*len(own) {
		t.Errorf("connection %d of the others was taken after %d", len(own)-1, at)
	}
	if q.take() != nil || len(taken) != len(conns)+len(own) {
		t.Error("not each was taken once")
	}
}

func BenchmarkLogAppend(b *testing.B) {
	l := newStream(0)
	m := wire.Message{Verb: wire.Said, Name: []byte("alice"), Text: []byte(strings.Repeat("x", 60))}
	b.ReportAllocs()
	for b.Loop() {
		m.Seq++
		l.append(&m, true)
	}
}

// BenchmarkCollect gathers a batch of one's own messages and those of others, which alternate.
func BenchmarkCollect(b *testing.B) {
	h := New(Config{Guard: func() {}})
	defer h.Close("the end", true)
	h.mu.Lock()
	defer h.mu.Unlock()
	defer clear(h.members) // the connection has no socket that could be closed
	m := h.memberLocked(&room.Session{ID: 1, Name: "alice"})
	m.conn = newConn(h, &Conn{})
	m.conn.member, m.conn.at = m, cursor{h.stream.last, 0}
	var bufs [][]byte
	o := room.Outcome{To: room.Everyone, History: true, Receipt: wire.Message{Verb: wire.OK}}
	o.Line = wire.Message{Verb: wire.Said, Name: []byte("alice"), Text: []byte(strings.Repeat("x", 60))}
	b.ReportAllocs()
	for b.Loop() {
		for i := range 20 {
			o.Line.Seq++
			o.Receipt.Seq++
			o.Hidden = i%2 == 0
			h.broadcastLocked(m, &o)
		}
		bufs = m.conn.collectLocked(bufs[:0])
		m.mailbox.trim(o.Line.Seq, h.stream.first.base, maxUnacked)
	}
}
