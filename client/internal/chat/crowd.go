package chat

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"parley/server/wire"
)

// Joins and leaves are shown one by one unless they come too fast for a reader: then a line about many takes
// their place, so that they never push messages off the screen. In the worst case they take 14 rows in half a
// minute, and while they keep coming too fast 6.
const (
	aFew       = 8                // joins and leaves that are shown one by one
	fewTime    = 30 * time.Second // in this time
	crowdTime  = time.Second      // from the first that is not shown to the line about all of them
	crowdPause = 10 * time.Second // from one such line to the next, at least
	crowdNames = 3                // people that it names
)

// A crowd is the joins and leaves that are still to be shown, summed up.
type crowd struct {
	tallies []tally          // that whose latest event is the newest comes last
	due     <-chan time.Time // fires when they are to be shown; nil if there are none
	shown   time.Time        // when a crowd was shown last

	recent [aFew]time.Time // when the newest joins and leaves came
	oldest int             // of recent
}

// A tally is the people who have joined, or those who have left.
type tally struct {
	verb   wire.Verb
	people int
	names  []string // of the first ones
	latest Line
}

// add takes a join or a leave, and reports whether it is to be shown by itself.
func (c *crowd) add(verb wire.Verb, name string, l Line) (alone bool) {
	now := time.Now()
	since := now.Sub(c.recent[c.oldest])
	c.recent[c.oldest] = now
	c.oldest = (c.oldest + 1) % aFew
	if c.due == nil && since >= fewTime {
		return true
	}
	if c.due == nil {
		c.due = time.After(max(crowdTime, crowdPause-now.Sub(c.shown)))
	}
	t := tally{verb: verb}
	if i := slices.IndexFunc(c.tallies, func(t tally) bool { return t.verb == verb }); i >= 0 {
		t = c.tallies[i]
		c.tallies = slices.Delete(c.tallies, i, i+1)
	}
	t.latest = l
	if !slices.Contains(t.names, name) { // who comes and goes again and again is one person
		t.people++
		if len(t.names) < crowdNames {
			t.names = append(t.names, name)
		}
	}
	c.tallies = append(c.tallies, t)
	return false
}

// take returns the lines about the crowd, which is over.
func (c *crowd) take() (lines []Line) {
	for _, t := range c.tallies {
		lines = append(lines, t.line())
	}
	c.tallies, c.due, c.shown = nil, nil, time.Now()
	return lines
}

func (t tally) line() Line {
	if t.people == 1 {
		return t.latest
	}
	did := map[wire.Verb]string{wire.Joined: "joined", wire.Left: "left"}[t.verb]
	l := t.latest
	l.Text = Escape(fmt.Sprintf("%d people have %s: %s", t.people, did, strings.Join(t.names, ", ")))
	if more := t.people - len(t.names); more > 0 {
		l.Text += fmt.Sprintf(" and %d more", more)
	}
	return l
}
