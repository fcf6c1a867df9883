package room_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"parley/server/internal/room"
	"parley/server/wire"
)

// A refServer is one that takes part.
type refServer struct {
	number uint64
	name   string
}

func (r *reference) takesPart(number uint64) int {
	return slices.IndexFunc(r.servers, func(s refServer) bool { return s.number == number })
}

// stranger reports whether nothing follows from an entry because of whose it is.
func (r *reference) stranger(e room.Entry) bool {
	return e.Server != 0 && e.Kind != room.ServerUp && r.takesPart(e.Server) < 0
}

// cutOff is what a server is told that was taken for gone.
func cutOff(e room.Entry) (f consequence) {
	switch e.Kind {
	case room.Join, room.Takeover, room.Resume:
		f.Refused = wire.CodeFull
	}
	return f
}

func (r *reference) serverUp(e room.Entry) (f consequence) {
	if e.Server > 0 && r.takesPart(e.Server) < 0 {
		r.servers = append(r.servers, refServer{e.Server, string(e.Name)})
		f.Servers = true
	}
	return f
}

func (r *reference) serverGone(e room.Entry) (f consequence) {
	i := r.takesPart(e.Number)
	if i < 0 {
		return f
	}
	f.Servers = true
	r.servers = slices.Delete(r.servers, i, i+1)
	for _, p := range r.people {
		if p.is == "here" && p.server == e.Number {
			f.Before = append(f.Before, r.away(p, e, "connection lost"))
		}
	}
	return f
}

// server makes an entry one of a server's, and reports whether it made one that is about the servers.
func (m *maker) server(e *room.Entry) bool {
	if known := m.reference.servers; len(known) > 0 && m.rand.IntN(20) > 0 {
		e.Server = known[m.rand.IntN(len(known))].number
	} else {
		e.Server = 1 + m.rand.Uint64N(4)
	}
	e.Batch = m.rand.Uint64N(10)
	switch n := m.rand.IntN(40); {
	case n < 4:
		e.Kind, e.Server, e.Name = room.ServerUp, 1+m.rand.Uint64N(4), fmt.Append(nil, "server ", n)
	case n < 5:
		e.Kind, e.Number = room.ServerGone, 1+m.rand.Uint64N(4)
	case n < 6:
		e.Kind, e.Text = room.Heartbeat, m.text()
	default:
		return false
	}
	return true
}

// A batch is applied once, however often it was sent, and after a restart from a snapshot, too.
func TestBatches(t *testing.T) {
	r := room.New()
	if !r.Begin(7, 1) {
		t.Error("a stranger's batch is not decided by its entries")
	}
	r.Apply(room.Entry{Kind: room.ServerUp, Server: 7, Batch: 2, Name: []byte("here")})
	for _, batch := range []struct {
		number uint64
		fresh  bool
	}{{1, false}, {2, false}, {3, true}, {3, false}, {5, true}, {4, false}} {
		if got := r.Begin(7, batch.number); got != batch.fresh {
			t.Errorf("batch %d is fresh: %v, want %v", batch.number, got, batch.fresh)
		}
	}
	restored := room.New()
	if err := restored.Restore(r.Snapshot()); err != nil {
		t.Fatal(err)
	}
	if restored.Begin(7, 5) || !restored.Begin(7, 6) {
		t.Error("a restored room does not know which batches it has seen")
	}
}

// Without a cluster, a snapshot is what it always was.
func TestSnapshotAlone(t *testing.T) {
	with, without := room.New(), room.New()
	for i, r := range []*room.Room{with, without} {
		if i == 0 {
			r.Apply(room.Entry{Kind: room.ServerUp, Server: 7, Batch: 1})
			r.Apply(room.Entry{Kind: room.ServerGone, Server: 7, Number: 7})
		}
		r.Apply(room.Entry{Kind: room.Join, Name: []byte("ann"), Token: []byte("t")})
	}
	if !bytes.Equal(with.Snapshot(), without.Snapshot()) {
		t.Error("servers that are gone left something in the snapshot")
	}
}
