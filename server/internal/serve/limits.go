package serve

import (
	"cmp"
	"container/list"
	"net"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"parley/server/internal/files"
	"parley/server/internal/transport"
	"parley/server/wire"
)

// Limits are those of the connections. Three numbers bound them, whoever they come from:
//
//   - Sessions are here at most, and as many are away: package deliver refuses and ends others
//   - Lobby is how many connections may not have joined yet, and how many may have ended and not been closed
//     by the client; if there are more, one of the address that has most of them is closed
//   - so Sessions + 2 * Lobby connections are open, each with a file descriptor, and for a moment those that
//     take over from another one
//
// Shares of one address keep others from being crowded out: PerAddress connections are open, a quarter of
// them before joining, and as many may come in half a minute. Clients on this machine are exempt, unless
// Local is set.
type Limits struct {
	Sessions   int
	Lobby      int // 0: MaxLobby
	PerAddress int // 0: any number
	Local      bool
}

// PerAddress and MaxLobby are the usual numbers of Limits.
const (
	PerAddress = 32   // the people of an office, or one person's programs
	MaxLobby   = 1024 // handshakes of seconds for hundreds of newcomers a second
)

const (
	joiningShare = 4  // 1/4 of PerAddress: connections of one address that have not joined
	burstShare   = 16 // all but 1/16 of PerAddress: new connections of one address at once; 30 by default
	// 1/32 of PerAddress: new connections of one address a second in the long run; 1 by default
	arrivalShare = 32
)

// Fit returns limits with which no more than so many files and connections are open. Some are left for the
// files that are sent, the log, the state and others.
func (l Limits) Fit(descriptors int) Limits {
	const other = 64
	l.Lobby = min(cmp.Or(l.Lobby, MaxLobby), descriptors/8)
	room := descriptors - 2*l.Lobby - min(files.MaxOpen+other, descriptors/4)
	l.Sessions = max(1, min(l.Sessions, room))
	return l
}

// A stage says what a connection counts as.
type stage uint8

const (
	waiting  stage = iota // it has not joined
	entering              // its HELLO or RESUME is being decided, which does not take long
	joined
	ended // it is about to close, and holds no place of those that are open
	gone
)

// A guest is a connection as the limits see it.
type guest struct {
	nc     *transport.Conn
	limits *limits
	// set by admit
	address *account
	local   bool // exempt from the shares

	// guarded by the mutex of the limits
	stage stage
	place *list.Element // in the pool of the stage, if there is one
}

// limits are the Limits at work.
type limits struct {
	Limits
	lineRate float64 // see Server.Rate
	running  sync.WaitGroup
	guard    func()

	mu       sync.Mutex // guards the following fields
	accounts accounts
	lobby    list.List // guests that have not joined, first the one that came first
	exit     list.List // guests that have ended, first the one that did first
	closed   bool      // nobody comes in any more
	closing  chan struct{}
}

// poolLocked returns those who share the places of a stage; nil if there are none.
func (l *limits) poolLocked(s stage) *list.List {
	switch s {
	case waiting:
		return &l.lobby
	case ended:
		return &l.exit
	}
	return nil
}

func newLimits(l Limits, lineRate float64, guard func()) *limits {
	l.Lobby = cmp.Or(l.Lobby, MaxLobby)
	return &limits{Limits: l, lineRate: lineRate, guard: guard, closing: make(chan struct{}),
		accounts: accounts{byKey: map[string]*account{}}}
}

// admit returns the guest for a new connection, or why there is no place for it.
func (l *limits) admit(nc *transport.Conn) (*guest, *wire.ProtocolError) {
	g := &guest{nc: nc, limits: l, local: nc.Local() && !l.Local}
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	addr := Address(nc.RemoteAddr().String())
	g.address = l.accounts.use(addr, func() *account { return l.newAddress(g.local) })
	if refused := l.refuseLocked(g, now); refused != nil {
		l.accounts.release(g.address, now)
		return nil, refused
	}
	l.makeRoomLocked(&l.lobby)
	g.address.in[waiting]++
	g.place = l.lobby.PushBack(g)
	return g, nil
}

func (l *limits) newAddress(exempt bool) *account {
	a := &account{}
	if exempt {
		return a
	}
	if n := l.PerAddress; n > 0 {
		a.arrivals = rate.NewLimiter(rate.Limit(n)/arrivalShare, n-n/burstShare)
	}
	a.lines = newLines(l.lineRate * addressRate)
	return a
}

// refuseLocked returns why the address of g has no place for it.
func (l *limits) refuseLocked(g *guest, now time.Time) *wire.ProtocolError {
	const again = "close some, or try again later"
	most := l.PerAddress
	switch {
	case l.closed:
		return wire.Errorf("-", wire.CodeFull, "the server is shutting down")
	case g.local || most == 0:
		return nil
	case g.address.open() >= most:
		return wire.Errorf("-", wire.CodeFull, "%d connections are open from your address: "+again, most)
	case g.address.in[waiting]+g.address.in[entering] >= max(1, most/joiningShare):
		return wire.Errorf("-", wire.CodeFull, "%d connections from your address have not joined: "+again,
			max(1, most/joiningShare))
	case !g.address.arrivals.AllowN(now, 1):
		return wire.Errorf("-", wire.CodeFull, "too many connections come from your address: try again later")
	}
	return nil
}

// makeRoomLocked makes a place in a pool: of the addresses, the one that has most there loses its oldest
// connection.
func (l *limits) makeRoomLocked(pool *list.List) {
	if pool.Len() < l.Lobby {
		return
	}
	var victim *guest
	most := 0
	for e := pool.Front(); e != nil; e = e.Next() {
		g := e.Value.(*guest)
		if n := g.address.in[g.stage]; n > most {
			victim, most = g, n
		}
	}
	if victim != nil { // or there are no places at all
		l.closeLocked(victim)
		victim.moveLocked(gone)
	}
}

// closeLocked closes a guest's connection. That may wait for a write in progress, which holds up nobody here.
func (l *limits) closeLocked(g *guest) {
	l.running.Go(func() {
		defer l.guard()
		g.nc.Close()
	})
}

// move puts a guest into another stage, and reports whether that was possible: it is not for one that is
// gone.
func (g *guest) move(to stage) bool {
	g.limits.mu.Lock()
	defer g.limits.mu.Unlock()
	if g.stage >= ended {
		return false
	}
	if pool := g.limits.poolLocked(to); pool != nil {
		g.limits.makeRoomLocked(pool)
	}
	g.moveLocked(to)
	return true
}

func (g *guest) moveLocked(to stage) {
	l := g.limits
	from, into := l.poolLocked(g.stage), l.poolLocked(to)
	if from != into && from != nil {
		from.Remove(g.place)
	}
	if from != into && into != nil {
		g.place = into.PushBack(g)
	}
	g.address.in[g.stage]--
	g.stage = to
	if to == gone {
		l.accounts.release(g.address, time.Now())
	} else {
		g.address.in[to]++
	}
}

// leave is called when the connection is closed.
func (g *guest) leave(m meter) {
	l := g.limits
	l.mu.Lock()
	defer l.mu.Unlock()
	if g.stage != gone {
		g.moveLocked(gone)
	}
	if m.session != nil {
		l.accounts.release(m.session, time.Now())
	}
	l.running.Done()
}

// close closes the connections that have not joined, and lets no more in.
func (l *limits) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	l.closed = true
	close(l.closing)
	for e := l.lobby.Front(); e != nil; e = e.Next() {
		l.closeLocked(e.Value.(*guest))
	}
}

// turnAway closes a connection that was refused, with a line if the client takes it at once.
func turnAway(nc net.Conn, why *wire.ProtocolError) {
	const atOnce = 10 * time.Millisecond // for a write that need not wait
	m := why.Message()
	nc.SetWriteDeadline(time.Now().Add(atOnce))
	nc.Write(m.AppendServer(nil))
	nc.Close()
}
