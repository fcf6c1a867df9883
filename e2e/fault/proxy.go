package fault

import (
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Faults are the faults of a run, with their counts. All proxies of a run share one.
type Faults struct {
	// set at construction, never changed
	seed uint64
	idle time.Duration
	calm chan struct{} // closed when faults are over

	over sync.Once

	cuts        atomic.Int64 // of live connections: bytes had gone both ways, and neither side had closed it
	early       atomic.Int64 // of connections that had not carried anything to the client, so before RESUMED
	stalls      atomic.Int64 // pauses longer than the heartbeat limit
	connections atomic.Int64
}

// NewFaults returns the faults of a seed. Idle is the heartbeat limit of the programs.
func NewFaults(seed uint64, idle time.Duration) *Faults {
	return &Faults{seed: seed, idle: idle, calm: make(chan struct{})}
}

// Cuts returns how many live connections have been cut.
func (f *Faults) Cuts() int64 { return f.cuts.Load() }

// Stop ends the faults of all proxies, at once and for good: from then on they pass everything on unchanged.
func (f *Faults) Stop() { f.over.Do(func() { close(f.calm) }) }

// A Proxy lies between one client and the server. Until Begin it passes everything on unchanged; from then on
// each connection has its own plan of faults.
type Proxy struct {
	// set at construction, never changed
	faults   *Faults
	client   int
	servers  []string // the next connection leads to the next of them
	listener net.Listener
	begun    chan struct{} // closed by Begin

	once    sync.Once
	running sync.WaitGroup

	mu     sync.Mutex // guards the following fields
	open   map[*tunnel]bool
	closed bool
}

// NewProxy returns a proxy to the servers at the addresses, for the client with that number.
func NewProxy(f *Faults, client int, servers ...string) (*Proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Proxy{faults: f, client: client, servers: servers, listener: l, begun: make(chan struct{}),
		open: make(map[*tunnel]bool)}
	p.running.Go(p.accept)
	return p, nil
}

// Addr returns where the client finds the proxy.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Begin starts the faults.
func (p *Proxy) Begin() { p.once.Do(func() { close(p.begun) }) }

// Close ends the proxy and its connections, and waits for that.
func (p *Proxy) Close() {
	p.listener.Close()
	p.mu.Lock()
	p.closed = true
	for t := range p.open {
		t.end()
	}
	p.mu.Unlock()
	p.running.Wait()
}

func (p *Proxy) accept() {
	for number := 0; ; number++ {
		near, err := p.listener.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", p.servers[(p.client+number)%len(p.servers)])
		if err != nil {
			near.Close()
			continue
		}
		p.faults.connections.Add(1)
		t := newTunnel(p, near.(*net.TCPConn), far.(*net.TCPConn),
			newPlan(p.faults.seed, p.client, number, p.faults.idle))
		p.mu.Lock()
		p.open[t] = true
		if p.closed {
			t.end()
		}
		p.mu.Unlock()
		p.running.Go(func() {
			t.run()
			p.mu.Lock()
			delete(p.open, t)
			p.mu.Unlock()
		})
	}
}

// quiet reports whether faults are off.
func (p *Proxy) quiet() bool {
	select {
	case <-p.faults.calm:
		return true
	default:
	}
	select {
	case <-p.begun:
		return false
	default:
		return true
	}
}
