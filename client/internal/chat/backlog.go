package chat

import (
	"math"
	"time"

	"parley/server/wire"
)

const maxRecent = wire.MaxHistory // messages that /history can show

// A backlog tells new messages from old ones, and keeps the newest for /history.
type backlog struct {
	recent    []Line
	joinShown bool // our own join was shown; a resume does not show it again
	// the session was lost and we joined afresh: history that is newer than lastSeq or lastTime was missed
	rejoined bool
	lastSeq  uint64 // of the newest event, history aside; 0 if that was another server's
	lastTime uint64 // of the newest event, in Unix milliseconds
	// how far the server's clock is ahead of ours, or less: an event takes its time to arrive
	skew time.Duration
}

func newBacklog() backlog { return backlog{skew: math.MinInt64} }

// rejoin prepares for the history that a new session begins with, after seq events.
func (b *backlog) rejoin(seq uint64) {
	b.skew, b.joinShown, b.rejoined = math.MinInt64, false, b.lastTime > 0
	if seq < b.lastSeq {
		b.lastSeq = 0
	}
}

// observe notes an event that is no history.
func (b *backlog) observe(m wire.Message) {
	b.lastSeq, b.lastTime = m.Seq, max(b.lastTime, m.Time)
	if m.Time > 0 {
		b.skew = max(b.skew, time.Until(time.UnixMilli(int64(m.Time))))
	}
}

// serverTime estimates the time by the server's clock, for our own messages: an OK has no time, and our clock
// may be wrong.
func (b *backlog) serverTime() uint64 {
	return uint64(max(int64(b.lastTime), time.Now().Add(b.skew).UnixMilli()))
}

// classify returns how to show a broadcast, and false if it was shown before.
func (b *backlog) classify(m wire.Message, history, own bool) (kind Kind, show bool) {
	switch {
	case !history:
		return Message, true
	case !b.rejoined:
		return Earlier, true
	}
	// A restarted server may have come to a higher seq. Our own messages have only a seq.
	return Message, m.Seq > b.lastSeq || m.Time > b.lastTime && !own
}

// keep adds a line to those for /history.
func (b *backlog) keep(l Line) {
	b.recent = append(b.recent, l)
	b.recent = b.recent[max(len(b.recent)-maxRecent, 0):]
}
