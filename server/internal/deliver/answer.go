package deliver

import (
	"container/list"
	"time"

	"parley/server/wire"
)

// maxAnswers bounds the bytes of all answers that are being sent. If there are more, because lists change
// while clients do not read them, those who are sent the oldest one are cut off.
const maxAnswers = 64 << 20

// An Answer is lines that are made once for all connections that are sent them, such as the list of all
// people. It does not change any more when the first one is.
type Answer struct {
	chunks [][]byte
	size   int

	// guarded by the mutex of the hub that sends it
	readers map[*Conn]int // how many times each connection is still to be sent it
	place   *list.Element // among the answers that are being sent
}

// NewAnswer returns an answer of one line.
func NewAnswer(head wire.Message) *Answer {
	a := &Answer{chunks: [][]byte{nil}, readers: map[*Conn]int{}}
	a.Append(&head)
	return a
}

// Append adds a line.
func (a *Answer) Append(m *wire.Message) {
	last := &a.chunks[len(a.chunks)-1]
	if len(*last) > maxReply {
		a.chunks = append(a.chunks, make([]byte, 0, maxReply+wire.MaxServerLine))
		last = &a.chunks[len(a.chunks)-1]
	}
	before := len(*last)
	*last = m.AppendServer(*last)
	a.size += len(*last) - before
}

// Size returns how many bytes the answer has.
func (a *Answer) Size() int { return a.size }

// Share sends an answer, as Reply does its lines. The error is ErrEnded.
func (c *Conn) Share(a *Answer) error {
	return c.do(func(*member) {
		c.hub.holdLocked(a, c)
		c.unsent += a.size
		c.addReply(reply{pos: c.hub.stream.end, after: c.member.mailbox.added(), lines: a.chunks[0],
			cost: lineCost, answer: a, rest: a.chunks[1:]})
		c.hub.queue.ready(c)
	})
}

// holdLocked counts a reader of an answer. The memory of the answer counts once for all readers.
func (h *Hub) holdLocked(a *Answer, c *Conn) {
	if a.place == nil {
		a.place = h.answers.PushBack(a)
		h.answersSize += a.size
		h.cost += a.size
	}
	a.readers[c]++
	for oldest := h.answers.Front().Value.(*Answer); h.answersSize > maxAnswers && oldest != a; {
		for c := range oldest.readers {
			c.giveUpLocked()
		}
		oldest = h.answers.Front().Value.(*Answer)
	}
}

// giveUpLocked ends a connection that does not take its answers.
func (c *Conn) giveUpLocked() {
	if c.isCurrentLocked() {
		c.hub.cutLocked(c.member)
	}
	c.writtenLocked()
	c.dropReplies()
	c.endBy = time.Now()
	c.nc.SetWriteDeadline(c.endBy) // for a write that already waits
}

// releaseLocked is told that an answer was written to a connection, or will not be.
func (a *Answer) releaseLocked(c *Conn) {
	a.readers[c]--
	if a.readers[c] > 0 {
		return
	}
	delete(a.readers, c)
	if len(a.readers) == 0 {
		c.hub.answers.Remove(a.place)
		c.hub.answersSize -= a.size
		c.hub.cost -= a.size
		a.place = nil
	}
}

// takeReplyLocked returns the next lines of the first reply, which is removed after the last of them.
func (c *Conn) takeReplyLocked() []byte {
	r := &c.replies[0]
	b := r.lines
	if r.answer != nil {
		c.unsent -= len(b)
	}
	if len(r.rest) > 0 {
		r.lines, r.rest = r.rest[0], r.rest[1:]
		return b
	}
	if r.answer != nil {
		c.taken = append(c.taken, r.answer)
	}
	c.unsent -= r.cost
	c.hub.cost -= r.cost
	c.replies[0] = reply{}
	c.replies = c.replies[1:]
	return b
}

// writtenLocked is told that everything was written that was collected.
func (c *Conn) writtenLocked() {
	if c.member != nil {
		c.member.mailbox.writing = 0
	}
	for _, a := range c.taken {
		a.releaseLocked(c)
	}
	c.taken = nil
}
