package deliver

import (
	"encoding/binary"
	"slices"
	"time"

	"parley/server/internal/room"
	"parley/server/wire"
)

const (
	// BeatTime is how often a server of a cluster proposes what Beat returns.
	BeatTime = 3 * time.Second

	// maxSilence is how many heartbeats of its own a server reads, with nothing of another between, before it
	// proposes with the next one that the other is gone: 12 to 15 seconds. Less throws out servers while NATS
	// elects a leader. While the log stands still, nobody counts.
	maxSilence = 4

	maxAcks = 32 << 10 // bytes of acknowledgements in a heartbeat; the others go with the next one
)

// A cluster is what a hub knows of the servers beside the room. The hub's mutex guards it.
type cluster struct {
	server  uint64 // this server's number; 0 without a cluster
	name    string // of this server, for people
	silence map[uint64]int
}

// A batch is the one that is being applied.
type batch struct{ server, number uint64 }

// Enter makes the hub that of a server of a cluster, with a number that no other has or had. It is called
// before Start, and again after the room has taken this server for gone; then the entry is to be proposed.
func (h *Hub) Enter(server uint64, name string) room.Entry {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.cluster = cluster{server, name, map[uint64]int{}}
	return h.upLocked()
}

// Server returns the number of this server.
func (h *Hub) Server() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.cluster.server
}

// upLocked returns the entry with which a server starts.
func (h *Hub) upLocked() room.Entry {
	if h.cluster.server == 0 {
		return room.Entry{Kind: room.Up}
	}
	return room.Entry{Kind: room.ServerUp, Name: []byte(h.cluster.name)}
}

// ApplyBatch applies a server's batch of entries, unless it was applied before. It reports whether the server
// takes part in the conversation; if it does not, nothing follows from its entries.
func (h *Hub) ApplyBatch(server, number uint64, entries []byte) (member bool, err error) {
	h.mu.Lock()
	fresh := h.room.Begin(server, number)
	delete(h.cluster.silence, server)
	h.mu.Unlock()
	if fresh {
		h.batch = batch{server, number}
		err = h.Apply(entries)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.room.Server(server) != nil, err
}

// Beat returns the entries that say that this server goes on: how far its clients have come, and which other
// servers do not go on.
func (h *Hub) Beat() []byte {
	h.mu.Lock()
	defer h.mu.Unlock()
	beat := room.Entry{Kind: room.Heartbeat, Time: now()}
	for _, m := range h.members {
		// Only who saw something alone has a mailbox on the other servers.
		if m.conn == nil || m.acked <= m.reported || m.newest <= m.reported {
			continue
		}
		if len(beat.Text) > maxAcks {
			break
		}
		m.reported = m.acked
		beat.Text = binary.AppendUvarint(binary.AppendUvarint(beat.Text, m.session.ID), m.acked)
	}
	b := beat.Append(nil)
	for _, s := range h.room.Servers() {
		if h.cluster.silence[s.Number] >= maxSilence {
			gone := room.Entry{Kind: room.ServerGone, Time: now(), Number: s.Number, Name: []byte(s.Name)}
			b = gone.Append(b)
		}
	}
	return b
}

// beatLocked is told of a heartbeat.
func (h *Hub) beatLocked(e *room.Entry) {
	if e.Server == h.cluster.server {
		for _, s := range h.room.Servers() {
			if s.Number != e.Server {
				h.cluster.silence[s.Number]++
			}
		}
		return
	}
	for text := e.Text; len(text) > 0; {
		var numbers [2]uint64
		for i := range numbers {
			n, size := binary.Uvarint(text)
			if size <= 0 {
				return // what another version may say
			}
			numbers[i], text = n, text[size:]
		}
		m := h.members[h.room.Session(numbers[0])]
		if m != nil && m.conn == nil {
			m.acked = max(m.acked, min(numbers[1], h.room.Seq()))
			m.mailbox.trim(m.acked, h.stream.first.base, maxElsewhere)
		}
	}
}

// fencedLocked takes a session from the connection that it had here, because the others have taken this
// server for gone. Its client goes on with it over another connection.
func (c *Conn) fencedLocked() {
	why := wire.Message{Verb: wire.Notice, Text: []byte("this server was cut off from the others")}
	c.releaseLocked(wire.CodeMoved, "connection lost")
	c.final = slices.Concat(why.AppendServer(nil), c.final)
}
