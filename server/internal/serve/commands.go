package serve

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"parley/server/internal/asynclog"
	"parley/server/internal/deliver"
	"parley/server/internal/files"
	"parley/server/internal/room"
	"parley/server/wire"
)

// A lostError says why a connection was lost, as others see it.
type lostError string

func (e lostError) Error() string { return string(e) }

// talk carries out a session's lines until there are none for a while, which is errIdle, or the session or
// the connection ends: deliver.ErrEnded in an orderly way, else a lostError.
func (c *client) talk() error {
	c.handled = 0
	for {
		line, err := c.lines.ReadLine()
		if err == errIdle {
			return err
		}
		c.src.spoke = c.src.spoke || err == nil
		c.handled++
		if err := c.handle(line, err); err != nil {
			return err
		}
	}
}

// handle carries out a line, or what kept it from being read. Its error is as talk's.
func (c *client) handle(line []byte, err error) error {
	var m wire.Message
	read := err == nil
	if read {
		m, err = wire.ParseClient(line)
	}
	c.wait(err == nil && m.Verb == wire.Get)
	if read && c.writingEnded() { // no answer to what comes now can be sent: its sender will resume
		err = cmp.Or(c.conn.Reply(), io.EOF)
	}
	message := err == nil && (m.Verb == wire.Say || m.Verb == wire.Tell)
	if message {
		c.add(&m)
		if c.batched < maxBatch && c.lines.More() {
			return nil // messages that came together are proposed together
		}
	}
	if e := c.flush(); e != nil {
		err = e
	} else if err == nil && !message {
		err = c.carryOut(&m)
	}
	return c.settle(err)
}

// settle answers a line that was not carried out. Its error is as talk's.
func (c *client) settle(err error) error {
	var e *wire.ProtocolError
	switch {
	case err == nil, errors.Is(err, deliver.ErrEnded):
		return err
	case errors.As(err, &e):
		c.log().Warn("bad line", "code", e.Code, "text", e.Text)
		c.conn.Reply(e.Message())
		return nil
	case errors.Is(err, os.ErrDeadlineExceeded) && !c.writingEnded():
		return lostError("timed out")
	}
	return lostError("connection lost")
}

// log returns the log for events of the session.
func (c *client) log() *slog.Logger {
	source := asynclog.Source{Class: asynclog.Member, Addr: c.guest.address.key}
	return c.Log.With("source", source, "name", c.conn.Name())
}

// writingEnded reports whether nothing more is written to the connection, which also puts an end to reading.
func (c *client) writingEnded() bool {
	select {
	case <-c.conn.Done():
		return true
	default:
		return false
	}
}

// wait makes a session that sends too fast, or does not read the answers, wait: its lines stay in the network
// until then. What is free only waits for the lines before it: a GET is, because those that come together
// wait for each other.
func (c *client) wait(free bool) {
	if d := c.meter.line(free); d > 0 {
		c.flush() // an error is returned again by the next flush
		select {
		case <-time.After(d):
		case <-c.conn.Done():
		}
	}
	c.conn.Wait()
}

func (c *client) get(m *wire.Message) error {
	request := files.Request{Name: string(m.Name), Offset: int64(m.Offset), Version: string(m.Version),
		User: c.conn.Name(), Addr: c.guest.address.key, Log: c.log(), Failed: c.charge}
	err := c.conn.Send(c.Folder.Send(request), maxGets)
	c.gets++
	if err != nil || c.gets%getsPerLine == 0 {
		c.charge()
	}
	return err
}

// charge counts a line for a GET that failed, and for several others.
func (c *client) charge() { c.meter.line(false) }

// carryOut does what a line says that is no message. Its error is a *wire.ProtocolError or deliver.ErrEnded.
func (c *client) carryOut(m *wire.Message) error {
	switch m.Verb {
	case wire.Who:
		answer := c.people.answer(c.Hub, c.conn.Done())
		if answer == nil {
			return deliver.ErrEnded
		}
		return c.reply(answer)
	case wire.Files:
		return c.files()
	case wire.Get:
		return c.get(m)
	case wire.Stop:
		if !c.conn.Stop() {
			return wire.Errorf(wire.Stop, wire.CodeNoDownload, "no download is in progress")
		}
	case wire.Ping:
		c.conn.Ack(m.Seq)
		c.conn.Reply(wire.Message{Verb: wire.Pong})
		if c.handled == 1 { // a heartbeat: nothing more comes soon
			c.src.parkNow = true
		}
	case wire.Quit:
		if c.lists.Load() > 0 { // what was asked for before comes first, unless the folder does not answer
			select {
			case <-c.answered:
			case <-time.After(quitTime):
			}
		}
		c.Commit(c.conn.Entry(room.Leave, ""))
		return deliver.ErrEnded
	default: // HELLO and RESUME
		return wire.Errorf(m.Verb, wire.CodeJoined, "you have joined as %s", c.conn.Name())
	}
	return nil
}

// add adds a message to the batch.
func (c *client) add(m *wire.Message) {
	if c.batched == 0 {
		c.batchTime = uint64(time.Now().UnixMilli()) // which takes as long as all the rest
	}
	e := room.Entry{Kind: room.Say, Time: c.batchTime, Session: c.conn.Session(), Text: m.Text}
	if m.Verb == wire.Tell {
		e.Kind, e.Name = room.Tell, m.Name
		if !c.conn.CanTell(m.Name, len(c.batch)+len(m.Text)) {
			e.Kind, e.Text = room.Overflow, nil
		}
	}
	c.number++
	e.Number = c.number
	c.batch = e.Append(c.batch)
	c.batched++
}

// flush proposes the batch.
func (c *client) flush() error {
	if c.batched == 0 {
		return nil
	}
	err := c.Propose(c.batch)
	c.batch, c.batched = c.batch[:0], 0
	if err != nil {
		return deliver.ErrEnded // the server ends
	}
	return nil
}

// reply sends a long answer. The next line waits until it is taken.
func (c *client) reply(a *deliver.Answer) error {
	c.meter.answer(a.Size())
	return c.conn.Share(a)
}

// files answers FILES. The folder may take its time, so another goroutine waits for it.
func (c *client) files() error {
	switch n := c.lists.Add(1); {
	case n > maxLists:
		c.lists.Add(-1)
		return wire.Errorf(wire.Files, wire.CodeBusy, "%d lists wait already", maxLists)
	case n == 1:
		answered := make(chan struct{})
		c.answered = answered
		go func() {
			defer c.Guard()
			defer close(answered)
			for more := true; more; more = c.lists.Add(-1) > 0 {
				c.list()
			}
		}()
	}
	return nil
}

func (c *client) list() {
	list, err := c.List(c.conn.Done())
	var e *wire.ProtocolError
	if errors.As(err, &e) {
		c.log().Error("folder not listed", "error", err)
		c.conn.Reply(e.Message())
	}
	if err != nil {
		return
	}
	c.log().Info("folder listed", "files", len(list.Files))
	c.reply(list.Answer)
	c.conn.Wait()
}

// List returns what the shared folder holds, and shows the operator how many files cannot be offered when
// that changed.
func (s *Server) List(stop <-chan struct{}) (files.Listing, error) {
	list, err := s.Folder.List(stop)
	if n := int64(list.Skipped); err == nil && s.skipped.Swap(n) != n {
		s.Log.Warn("files not offered", "count", n, "example", list.Example)
		if n == 0 {
			s.Show("in the shared folder, all can be offered")
		} else {
			s.Show(fmt.Sprintf("in the shared folder, %d cannot be offered, such as %s", n, list.Example))
		}
	}
	return list, err
}
