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

// add adds a later update. Of too many messages, joins and leaves it keeps the newest and counts the others;
// messages to the user alone do not make room for those to everyone.
func (u *update) add(later update) {
	all := append(u.lines, later.lines...)
	var public, private int
	*u = update{nil, u.skipped + later.skipped, later.status, later.last}
	for _, l := range slices.Backward(all) {
		kept := &public
		if l.To == chat.User {
			kept = &private
		}
		counts := l.Kind == chat.Message || l.Kind == chat.Presence
		if counts {
			*kept++
		}
		if counts && *kept > readable {
			u.skipped++
		} else {
			u.lines = append(u.lines, l)
		}
	}
	slices.Reverse(u.lines)
}
