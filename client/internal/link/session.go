package link

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"parley/server/wire"
)

// run keeps the session until it is over.
func (l *Link) run(c *conn) {
	defer close(l.events)
	defer l.cancel()
	err := l.keep(c)
	if l.ctx.Err() != nil {
		err = nil // nobody waits for it any more
	}
	l.emit(Event{Kind: Ended, Err: err})
}

// keep serves one connection after the other until the session is over, and says why it is.
func (l *Link) keep(c *conn) error {
	for attempt := 0; ; {
		err := l.serve(c)
		var fatal *fatalError
		switch quitting := l.detach(); {
		case quitting:
			return nil
		case errors.As(err, &fatal):
			return fatal
		case l.cfg.Reconnect == 0:
			return fmt.Errorf("connection to %s lost: %s", l.cfg.Address, reason(err))
		case l.progress:
			attempt = 0
		}
		l.emit(Event{Kind: Lost})
		if c, err = l.reconnect(err, &attempt); err != nil {
			return err
		}
	}
}

// serve reads and writes on c until it breaks, and says why it did.
func (l *Link) serve(c *conn) error {
	defer context.AfterFunc(l.ctx, func() { c.Close() })()
	stop := make(chan struct{})
	var writer sync.WaitGroup
	writer.Go(func() { l.write(c, stop) })
	l.slow, l.progress = false, false
	err := l.read(c)
	close(stop)
	c.Close()
	writer.Wait()
	return err
}

func (l *Link) detach() (quitting bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.up, l.out, l.ack = false, nil, false
	return l.quitting
}

// reconnect tries to come back after err, ever more seldom, and gives up after the time configured.
func (l *Link) reconnect(err error, attempt *int) (*conn, error) {
	ctx, done := context.WithTimeout(l.ctx, l.cfg.Reconnect)
	defer done()
	for {
		// The wait is random, so that the clients of a server that comes back do not come back all at once.
		most := min(backoff<<min(*attempt, 16), maxBackoff)
		*attempt++
		select {
		case <-time.After(most/2 + rand.N(most/2)):
		case <-ctx.Done():
			return nil, fmt.Errorf("connection to %s lost and not back after %v: %s", l.cfg.Address, l.cfg.Reconnect, reason(err))
		}
		var c *conn
		var fatal *fatalError
		if c, err = l.rejoin(ctx); err == nil || errors.As(err, &fatal) {
			return c, err
		}
	}
}

// rejoin makes one attempt to go on with the session, or to start a new one when the server no longer has it.
func (l *Link) rejoin(ctx context.Context) (*conn, error) {
	ctx, done := context.WithTimeout(ctx, joinTime)
	defer done()
	c, err := dial(ctx, l.cfg)
	if err != nil {
		return nil, err
	}
	answer, err := c.exchange(ctx, l.resume())
	var no *refusal
	if errors.As(err, &no) && no.code == wire.CodeGone {
		answer, err = c.exchange(ctx, l.hello(0))
		if errors.As(err, &no) && no.code == wire.CodeNameTaken {
			err = &fatalError{fmt.Sprintf("the session is gone and cannot start afresh: %s", no.text)}
		}
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	l.attach(answer)
	return c, nil
}

func (l *Link) resume() wire.Message {
	l.mu.Lock()
	defer l.mu.Unlock()
	return wire.Message{Verb: wire.Resume, Token: []byte(l.token), Seq: l.seq}
}

func (l *Link) hello(history int) wire.Message {
	return wire.Message{Verb: wire.Hello, Name: []byte(l.cfg.Name), Count: uint64(history)}
}

// attach puts the session on the connection on which the server gave answer, and tells what that means.
func (l *Link) attach(answer wire.Message) {
	first := l.token == ""
	if answer.Verb == wire.Welcome {
		l.token, l.joined = string(answer.Token), answer.Seq
	}
	unsure := l.attachPending(answer)
	switch {
	case answer.Verb == wire.Resumed:
		l.emit(Event{Kind: Back, Connection: l.connection})
	case first:
		l.emit(Event{Message: answer, Connection: l.connection})
	default:
		l.emit(Event{Kind: Afresh, Connection: l.connection})
	}
	for _, p := range unsure {
		l.emit(Event{Kind: Unsure, Message: p.Message})
	}
}

// attachPending has the messages without an answer sent on the new connection, but those that the server has handled,
// whose answer is still to come in the stream, and those of a session that is gone that it may have handled: to send
// them again might say them twice.
func (l *Link) attachPending(answer wire.Message) (unsure []*line) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.up = true
	l.connection++
	if answer.Verb == wire.Resumed {
		handled := min(max(int(answer.Count)-l.answered, 0), len(l.pending))
		l.out = slices.Clone(l.pending[handled:])
		return nil
	}
	l.seq, l.answered = answer.Seq, 0
	for _, p := range l.pending {
		if p.tried {
			unsure = append(unsure, p)
		} else {
			l.out = append(l.out, p)
		}
	}
	l.pending = slices.Clone(l.out)
	return unsure
}
