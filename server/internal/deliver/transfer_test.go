package deliver_test

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"parley/server/internal/deliver"
	"parley/server/wire"
)

// Transfers are sent one after the other, each whole, with the stream between their pieces.
func TestTransfers(t *testing.T) {
	each(t, func(t *testing.T, n network) {
		r := newRoom(t, deliver.Config{})
		c := join(t, r, n, "alice")
		first, second := &fakeTransfer{pieces: 2}, &fakeTransfer{}
		if err := errors.Join(c.conn.Send(first, 1), c.conn.Send(second, 1)); err != nil {
			t.Fatal(err)
		}
		c.expect("NOTICE piece 1", "NOTICE piece 0", "NOTICE whole", "NOTICE whole")
		c.conn.Say([]byte("x"))
		c.expect("OK")
		first.checkClosed(t)
		second.checkClosed(t)
		if c.conn.Stop() {
			t.Error("there was something to stop after the last")
		}
	})
}

// An endless transfer does not keep the stream waiting, and the stream does not keep it from going on.
func TestStreamGoesOnDuringTransfer(t *testing.T) {
	each(t, func(t *testing.T, n network) {
		r := newRoom(t, deliver.Config{})
		c := join(t, r, n, "alice")
		endless := &fakeTransfer{pieces: 1 << 40}
		if err := c.conn.Send(endless, 0); err != nil {
			t.Fatal(err)
		}
		var e *wire.ProtocolError
		err := c.conn.Send(&fakeTransfer{}, 0)
		if !errors.As(err, &e) || e.Verb != wire.Get || e.Code != wire.CodeBusy {
			t.Errorf("a second transfer: %v, want that it is refused", err)
		}
		pieces := 0
		for range 100 {
			if _, err := c.conn.Say([]byte("x")); err != nil {
				t.Fatal(err)
			}
			for m := c.next(); m.Verb != wire.OK; m = c.next() {
				pieces++
			}
		}
		if pieces == 0 {
			t.Error("no piece came between 100 messages")
		}
		if !c.conn.Stop() {
			t.Error("there was nothing to stop")
		}
		for m := c.next(); string(m.Text) != "stopped"; m = c.next() {
		}
		c.conn.Say([]byte("y"))
		c.expect("OK")
		endless.checkClosed(t)
	})
}

// However much of the stream waits, what is put into it comes between whole lines: pieces of a transfer, and
// the last lines of a connection whose session goes on elsewhere.
func TestWholeLinesInLongBatches(t *testing.T) {
	const messages = 5000
	each(t, func(t *testing.T, n network) {
		r := newRoom(t, deliver.Config{})
		sender, c := join(t, r, n, "sender"), join(t, r, n, "alice")
		sender.discard()
		for i := range messages {
			if _, err := sender.conn.Say(bytes.Repeat([]byte("x"), 100+i%900)); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.conn.Send(&fakeTransfer{pieces: 1 << 40}, 0); err != nil {
			t.Fatal(err)
		}
		said := 0
		for said < messages/2 {
			if m := c.next(); m.Verb == wire.Said { // next fails on what is no line
				said++
			}
		}
		again := c.resume(r, n)
		_, others := c.collect()
		if last := others[len(others)-1]; last != "BYE the session can be resumed" {
			t.Errorf("%q at the end of the old connection", last)
		}
		again.expect("RESUMED welcome back, alice: 2 people are here 0")
		for ; said < messages; said++ {
			if m := again.next(); m.Verb != wire.Said {
				t.Fatalf("%s, want the rest of the broadcasts", form(m))
			}
		}
	})
}

// However its connection ends, a transfer is closed, and so is one that waits behind it.
func TestTransferOfConnectionThatEnds(t *testing.T) {
	ends := map[string]func(r *convo, c *client){
		"quit":       func(_ *convo, c *client) { c.conn.Quit() },
		"kick":       func(r *convo, _ *client) { r.Kick("alice") },
		"lost":       func(_ *convo, c *client) { c.conn.Lost("cut") },
		"hung up":    func(_ *convo, c *client) { c.nc.Close() },
		"taken over": func(r *convo, c *client) { c.resume(r, networks[0]) },
		"close":      func(r *convo, _ *client) { r.Close("so long") },
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, n network) {
				r := newRoom(t, deliver.Config{})
				c := join(t, r, n, "alice")
				first, second := &fakeTransfer{pieces: 1 << 40, begun: make(chan struct{})}, &fakeTransfer{}
				begun := first.begun
				if err := errors.Join(c.conn.Send(first, 1), c.conn.Send(second, 1)); err != nil {
					t.Fatal(err)
				}
				read := make(chan struct{})
				go func() {
					defer close(read)
					io.Copy(io.Discard, c.lines)
				}()
				<-begun
				end(r, c)
				<-c.conn.Done()
				<-read
				first.checkClosed(t)
				second.checkClosed(t)
			})
		})
	}
}

// A transfer that fails breaks the connection, because its client cannot know where the next line begins.
func TestTransferThatFails(t *testing.T) {
	r := newRoom(t, deliver.Config{})
	c := join(t, r, networks[0], "alice")
	broken := &fakeTransfer{pieces: 1, fail: errors.New("the disk is broken")}
	if err := c.conn.Send(broken, 0); err != nil {
		t.Fatal(err)
	}
	c.expect("NOTICE piece 0")
	<-c.conn.Done()
	broken.checkClosed(t)
	c.conn.Lost("connection lost")
	c.resume(r, networks[0]).expect("RESUMED welcome back, alice: you are the only one here 0",
		"JOINED alice")
}
