package fault

import (
	"math"
	"math/rand/v2"
	"time"
)

// A way is how a connection is cut.
type way int

const (
	reset     way = iota // both sides get an RST: bytes on their way are lost
	finish               // both sides get a FIN after the bytes before it
	halfDown             // the client gets a FIN, the server hears nothing of it
	halfUp               // the server gets a FIN, the client hears nothing of it
	countWays            // how many ways there are
)

// A step is a fault in one direction of a connection, at a number of bytes.
type step struct {
	at    int64         // bytes
	pause time.Duration // nothing is carried for so long; bytes that come meanwhile go on in one piece
	shred int           // number of writes after it that carry a few bytes each
	cut   bool          // the connection is cut, in the plan's way
}

// A plan holds all faults of one connection. Times count from the start of its faults.
type plan struct {
	life     time.Duration // after which it is cut at any byte, if it was not cut before
	way      way
	up, down []step // to the server, and to the client, in the order of at
}

// The bounds of the random numbers in a plan. Each order of magnitude is equally likely, so lines are cut as
// often as files.
const (
	minLife, maxLife = 10 * time.Millisecond, 1500 * time.Millisecond
	maxDown          = 512 << 10 // bytes to the client before a cut or between two steps: within files, too
	maxUp            = 32 << 10  // the same to the server: clients say less
	maxPause         = 50 * time.Millisecond
	maxShred         = 40 // writes in a row that are torn apart
	maxSteps         = 5  // in each direction
	stallOdds        = 12 // one pause of so many is longer than the heartbeat limit
)

// newPlan draws the plan for a client's connection number conn. It depends on nothing but its arguments.
func newPlan(seed uint64, client, conn int, idle time.Duration) plan {
	r := rand.New(rand.NewPCG(seed, uint64(client)<<32|uint64(conn)))
	p := plan{life: time.Duration(spread(r, int64(minLife), int64(maxLife))),
		way: way(r.IntN(int(countWays)))}
	p.up, p.down = steps(r, maxUp, idle), steps(r, maxDown, idle)
	switch r.IntN(3) {
	case 0:
		p.up = withCut(p.up, spread(r, 1, maxUp))
	case 1:
		p.down = withCut(p.down, spread(r, 1, maxDown))
	}
	return p
}

// steps draws the pauses and the torn writes of one direction.
func steps(r *rand.Rand, most int64, idle time.Duration) []step {
	var list []step
	at := int64(0)
	for range r.IntN(maxSteps + 1) {
		at += spread(r, 1, most)
		s := step{at: at}
		switch {
		case r.IntN(stallOdds) == 0:
			s.pause = idle + time.Duration(r.Int64N(int64(idle)))
		case r.IntN(2) == 0:
			s.pause = time.Duration(spread(r, int64(100*time.Microsecond), int64(maxPause)))
		default:
			s.shred = 1 + r.IntN(maxShred)
		}
		list = append(list, s)
	}
	return list
}

// withCut ends the steps by a cut after so many bytes.
func withCut(list []step, at int64) []step {
	for i, s := range list {
		if s.at > at {
			list = list[:i]
			break
		}
	}
	return append(list, step{at: at, cut: true})
}

// spread draws a number from least to most so that each order of magnitude is equally likely.
func spread(r *rand.Rand, least, most int64) int64 {
	return int64(float64(least) * math.Pow(float64(most)/float64(least), r.Float64()))
}
