package chat

import (
	"strings"
	"time"

	"parley/server/wire"
)

const (
	goodbye    = 5 * time.Second        // for the server to answer QUIT
	unreadTime = 100 * time.Millisecond // for what a script still says when the session is over
)

// quit says that we leave, unless that was said.
func (c *Chat) quit() {
	if c.now.Away {
		c.over = true
	} else if c.leaving == nil && !c.over {
		c.leaving = time.After(c.patience())
		c.conn.Send(wire.Message{Verb: wire.Quit})
	}
}

// end ends the session for a reason that is not ours.
func (c *Chat) end(format string, args ...any) {
	c.fail(format, args...)
	c.failed, c.over = true, true
}

// showUnfinished shows, as the session is over, each message that the server has not answered, and what was
// not read of a script. What is left at a prompt is known there.
func (c *Chat) showUnfinished(input <-chan Input) {
	if n := len(c.queue); n > 0 {
		c.fail("%s not finished: /get goes on with it", Count(n, "download"))
	}
	unsent := func(complaint string) { c.complain(Unsent, complaint) }
	for i, m := range c.session.Pending {
		if i < c.session.Tried {
			unsent(maybeSent(string(m.Name), string(m.Text)))
		} else {
			unsent(NotSent(string(m.Name), string(m.Text)))
		}
	}
	if c.cfg.Person || input == nil {
		return
	}
	late := time.After(unreadTime)
	for range maxWaiting {
		select {
		case in, more := <-input:
			if !more {
				return
			}
			if strings.TrimSpace(in.Text) != "" {
				unsent(NotSent("", in.Text))
			}
		case <-late:
			return
		}
	}
	unsent(Complaint("more of the input was not read"))
}
