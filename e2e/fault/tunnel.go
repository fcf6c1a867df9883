package fault

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const (
	carried  = 32 << 10               // bytes carried at a time, in each direction
	shredMax = 7                      // bytes of a write that is torn
	shredGap = 200 * time.Microsecond // between two of them, so that they arrive apart
)

// A tunnel is one connection through a proxy.
type tunnel struct {
	// set at construction, never changed
	proxy     *Proxy
	near, far *net.TCPConn // to the client and to the server
	plan      plan
	up, down  *direction
	gone      chan struct{} // closed when it has ended

	ended atomic.Bool // one side has ended it, or it was cut
	once  sync.Once
}

// A direction is one of the two ways through a tunnel. Fields without a comment about it belong to the
// goroutine of carry.
type direction struct {
	src, dst *net.TCPConn
	steps    []step       // not reached yet
	shred    int          // number of writes still to be torn
	bytes    atomic.Int64 // carried so far
	dropping atomic.Bool  // bytes are dropped: this way is closed
}

func newTunnel(p *Proxy, near, far *net.TCPConn, plan plan) *tunnel {
	return &tunnel{
		proxy: p, near: near, far: far, plan: plan, gone: make(chan struct{}),
		up:   &direction{src: near, dst: far, steps: plan.up},
		down: &direction{src: far, dst: near, steps: plan.down},
	}
}

// run carries until both ways have ended.
func (t *tunnel) run() {
	var timer, both sync.WaitGroup
	timer.Go(t.expire)
	both.Go(func() { t.carry(t.up) })
	both.Go(func() { t.carry(t.down) })
	both.Wait()
	t.end()
	timer.Wait()
}

// end closes both connections.
func (t *tunnel) end() {
	t.once.Do(func() { close(t.gone) })
	t.near.Close()
	t.far.Close()
}

// expire cuts the connection when its time is over.
func (t *tunnel) expire() {
	select {
	case <-t.proxy.begun:
	case <-t.gone:
		return
	}
	if t.sleep(t.plan.life) {
		t.cut()
	}
}

// sleep waits, and reports whether it waited to the end: not if the faults or the tunnel ended before.
func (t *tunnel) sleep(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-t.proxy.faults.calm:
	case <-t.gone:
	}
	return false
}

// carry copies from one side to the other, with the faults of the plan.
func (t *tunnel) carry(d *direction) {
	buf := make([]byte, carried)
	for {
		n, err := d.src.Read(buf)
		if err != nil {
			t.ended.Store(true)
		}
		switch {
		case !t.pass(d, buf[:n]):
			abort(d.src)
			return
		case err == io.EOF: // the other way may go on
			_ = d.dst.CloseWrite() // fails when it is closed already
			return
		case err != nil:
			abort(d.dst)
			return
		}
	}
}

// pass writes b, and takes the steps that fall into it at their exact byte.
func (t *tunnel) pass(d *direction, b []byte) bool {
	for {
		done := d.bytes.Load()
		for len(d.steps) > 0 && d.steps[0].at <= done {
			t.take(d, d.steps[0])
			d.steps = d.steps[1:]
		}
		if len(b) == 0 {
			return true
		}
		n := len(b)
		if len(d.steps) > 0 {
			n = int(min(int64(n), d.steps[0].at-done))
		}
		if d.shred > 0 {
			d.shred--
			n = min(n, 1+d.shred%shredMax)
			t.sleep(shredGap)
		}
		d.bytes.Add(int64(n)) // before it can be answered
		if !d.dropping.Load() {
			if _, err := d.dst.Write(b[:n]); err != nil && !d.dropping.Load() {
				return false
			}
		}
		b = b[n:]
	}
}

// take carries out a step.
func (t *tunnel) take(d *direction, s step) {
	switch {
	case t.proxy.quiet():
	case s.cut:
		t.cut()
	case s.shred > 0:
		d.shred = s.shred
	default:
		if s.pause >= t.proxy.faults.idle && !t.ended.Load() {
			t.proxy.faults.stalls.Add(1)
		}
		t.sleep(s.pause)
	}
}

// cut cuts the connection in the plan's way, unless it has ended already.
func (t *tunnel) cut() {
	if t.proxy.quiet() || t.ended.Swap(true) {
		return
	}
	if t.up.bytes.Load() > 0 && t.down.bytes.Load() > 0 {
		t.proxy.faults.cuts.Add(1)
	} else {
		t.proxy.faults.early.Add(1)
	}
	// The errors say that the side had closed it at this moment.
	switch t.plan.way {
	case reset:
		abort(t.near)
		abort(t.far)
	case finish:
		t.near.Close()
		t.far.Close()
	case halfDown:
		t.down.dropping.Store(true)
		_ = t.near.CloseWrite()
	case halfUp:
		t.up.dropping.Store(true)
		_ = t.far.CloseWrite()
	}
}

// abort closes conn so that the other side gets an RST.
func abort(conn *net.TCPConn) {
	_ = conn.SetLinger(0) // fails when it is closed already
	conn.Close()
}
