package serve_test

import (
	"net"
	"time"

	"parley/server/internal/deliver"
	"parley/server/internal/eventlog"
	"parley/server/internal/room"
	"parley/server/internal/serve"
	"parley/server/internal/transport"
)

// begin gives s a conversation in memory.
func begin(s *serve.Server, sessions int, audit func(*room.Entry, *room.Outcome, net.Addr)) {
	s.Hub = deliver.New(deliver.Config{MaxSessions: sessions, Grace: time.Hour, Idle: s.Idle, Audit: audit,
		Guard: func() {}})
	s.Propose, s.Stuck = eventlog.Memory(s.Hub).Propose, func() error { return nil }
	s.Hub.Start(s.Propose)
}

func kick(s *serve.Server, name string) {
	e := room.Entry{Kind: room.Kick, Name: []byte(name)}
	s.Propose(e.Append(nil))
}

// join makes a session without the server's help.
func join(s *serve.Server, nc net.Conn, name string) (*deliver.Conn, error) {
	e := room.Entry{Kind: room.Join, Name: []byte(name), Token: []byte(name)}
	c, err := s.Hub.Newcomer(transport.New(nc), e, name, 0)
	if err != nil {
		return nil, err
	}
	e.Ref = c.Ref()
	return c, c.Opened(s.Propose(e.Append(nil)))
}
