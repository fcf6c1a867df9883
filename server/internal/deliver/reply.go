package deliver

import "parley/server/wire"

// A reply is lines that only this connection gets, at their place among the others. They are not resumed.
type reply struct {
	pos   uint64 // they come before the byte of the stream at pos
	after uint64 // and after so many entries of the mailbox
	lines []byte
	cost  int
	// of an Answer, whose memory is not this reply's
	answer *Answer
	rest   [][]byte // what comes after the lines
}

const maxReply = 16 << 10 // bytes from which on a reply's lines are sent and accounted for apart

const lineCost = 64 // bytes of memory that a queued line takes beside its own

// Reply sends lines that are not part of the stream. What was said before comes before them. The error is
// ErrEnded.
func (c *Conn) Reply(messages ...wire.Message) error {
	return c.do(func(*member) {
		var lines []byte
		for i := range messages {
			if len(lines) > maxReply {
				c.replyLocked(lines)
				lines = nil
			}
			lines = messages[i].AppendServer(lines)
		}
		c.replyLocked(lines)
		c.hub.reclaimLocked()
	})
}

// replyLocked queues lines for this connection, after all that was said.
func (c *Conn) replyLocked(lines []byte) {
	c.addReply(reply{pos: c.hub.stream.end, after: c.member.mailbox.added(), lines: lines})
	c.hub.queue.ready(c)
}

func (c *Conn) addReply(r reply) {
	if len(r.lines) == 0 {
		return
	}
	if r.cost == 0 {
		r.cost = len(r.lines) + lineCost
	}
	c.replies = append(c.replies, r)
	c.unsent += r.cost
	c.hub.cost += r.cost
	c.throttleLocked()
}

func (c *Conn) dropReplies() {
	for _, r := range c.replies {
		c.hub.cost -= r.cost
		if r.answer != nil {
			r.answer.releaseLocked(c)
		}
	}
	c.replies, c.unsent = nil, 0
}
