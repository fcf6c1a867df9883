package serve

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"parley/server/internal/room"
	"parley/server/wire"
)

// talk carries out a session's lines until it ends or the client is one to rest. It returns why the connection was lost,
// "" when it ended otherwise.
func (c *client) talk() (reason string, rests bool) {
	for {
		line, err := c.lines.ReadLine()
		if err == errQuiet {
			return "", true
		}
		if reason, ended := c.handle(line, err); ended {
			return reason, false
		}
	}
}

// handle carries out a line, or what kept it from being read. It reports whether the session or the connection has ended.
func (c *client) handle(line []byte, err error) (reason string, ended bool) {
	c.wait()
	if err == nil && c.writingEnded() { // no answer to what comes now can be sent: its sender will resume
		err = cmp.Or(c.conn.Reply(), io.EOF)
	}
	var m wire.Message
	if err == nil {
		m, err = wire.ParseClient(line)
	}
	message := err == nil && (m.Verb == wire.Say || m.Verb == wire.Tell)
	if message {
		c.posts = append(c.posts, room.Post{To: m.Name, Text: m.Text})
		if len(c.posts) < maxPosts && c.lines.More() {
			return "", false // what came together is sent together
		}
	}
	if e := c.post(); e != nil {
		err = e
	} else if err == nil && !message {
		err = c.carryOut(&m)
	}
	var e *wire.ProtocolError
	switch {
	case err == nil:
		return "", false
	case errors.Is(err, room.ErrEnded):
		return "", true
	case errors.As(err, &e):
		c.log().Warn("bad line", "code", e.Code, "text", e.Text)
		c.conn.Reply(e.Message())
		return "", false
	case errors.Is(err, os.ErrDeadlineExceeded) && !c.writingEnded():
		return "timed out", true
	}
	return "connection lost", true
}

// log returns the log for events of the session.
func (c *client) log() *slog.Logger { return c.Log.With("name", c.conn.Name()) }

// writingEnded reports whether nothing more is written to the connection, which also puts an end to reading.
func (c *client) writingEnded() bool {
	select {
	case <-c.conn.Done():
		return true
	default:
		return false
	}
}

// wait makes a session that sends too fast, or does not read the answers, wait: its lines stay in the network until then.
func (c *client) wait() {
	if c.rate != nil {
		if d := c.rate.Reserve().Delay(); d > 0 {
			c.post() // an error comes again with the next line
			select {
			case <-time.After(d):
			case <-c.conn.Done():
			}
		}
	}
	c.conn.Wait()
}

// carryOut does what a line says that is no message. Its error is a *wire.ProtocolError or room.ErrEnded.
func (c *client) carryOut(m *wire.Message) error {
	switch m.Verb {
	case wire.Who:
		names := c.Room.Users()
		answer := []wire.Message{{Verb: wire.Users, Count: uint64(len(names))}}
		for _, n := range names {
			answer = append(answer, wire.Message{Verb: wire.User, Name: []byte(n)})
		}
		c.reply(answer)
	case wire.Files:
		return c.list()
	case wire.Get:
		return c.conn.Send(c.Folder.Send(string(m.Name), int64(m.Offset), string(m.Version), c.log()), maxGets)
	case wire.Stop:
		if !c.conn.Stop() {
			return wire.Errorf(wire.Stop, wire.CodeNoDownload, "no download is in progress")
		}
	case wire.Ping:
		c.conn.Ack(m.Seq)
		c.conn.Reply(wire.Message{Verb: wire.Pong})
		c.src.patience = 0 // a heartbeat: nothing more comes soon
	case wire.Quit:
		c.conn.Quit()
		return room.ErrEnded
	default: // HELLO and RESUME
		return wire.Errorf(m.Verb, wire.CodeJoined, "you have joined as %s", c.conn.Name())
	}
	return nil
}

// post sends the messages that wait, and writes them into the log.
func (c *client) post() error {
	if len(c.posts) == 0 {
		return nil
	}
	n, err := c.conn.Post(c.posts)
	c.logPosts(c.posts[:n])
	c.posts = c.posts[:0]
	return err
}

// reply sends a long answer, no faster than it is taken.
func (c *client) reply(answer []wire.Message) {
	for len(answer) > 0 {
		n := min(len(answer), replyBatch)
		c.conn.Reply(answer[:n]...)
		answer = answer[n:]
		c.conn.Wait()
	}
}

func (c *client) list() error {
	list, err := c.Folder.List()
	if err != nil {
		c.log().Error("folder not listed", "error", err)
		return wire.Errorf(wire.Files, wire.CodeFileFailed, "%v", err)
	}
	c.log().Info("folder listed", "files", len(list))
	plural, more := "s", ""
	if len(list) == wire.MaxFiles {
		more = ", and others that are not listed"
	}
	if len(list) == 1 {
		plural = ""
	}
	head := wire.Message{Verb: wire.Files, Count: uint64(len(list)),
		Text: fmt.Appendf(nil, "you may read the shared folder: %d file%s%s", len(list), plural, more)}
	c.reply(append([]wire.Message{head}, list...))
	return nil
}
