package terminal

import (
	"slices"

	"parley/client/internal/chat"
)

// An update is a batch of lines and the latest status.
type update struct {
	lines   []chat.Line // to be printed
	skipped int         // messages before these that are not printed
	status  chat.Status
	last    bool // no other update follows
}

// add adds a later update. Of too many messages, joins and leaves it keeps the newest and counts the others.
func (u *update) add(later update) {
	all, live := append(u.lines, later.lines...), 0
	*u = update{nil, u.skipped + later.skipped, later.status, later.last}
	for _, l := range slices.Backward(all) {
		counts := l.Kind == chat.Message || l.Kind == chat.Presence
		if counts {
			live++
		}
		if counts && live > readable {
			u.skipped++
		} else {
			u.lines = append(u.lines, l)
		}
	}
	slices.Reverse(u.lines)
}
