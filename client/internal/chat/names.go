package chat

import (
	"maps"
	"slices"

	"parley/server/wire"
)

// names are users' names, by their keys.
type names map[string]string

// maxNames bounds what a server can make the client remember.
const maxNames = 100_000

// add adds a name, unless n is nil or full.
func (n names) add(name string) {
	if n != nil && len(n) < maxNames {
		n[wire.NameKey(name)] = name
	}
}

func (n names) remove(name string) { delete(n, wire.NameKey(name)) }

func (n names) has(name string) bool { return n[wire.NameKey(name)] != "" }

func (n names) list() []string { return slices.Sorted(maps.Values(n)) }

// withNames does then as soon as it is known who is here: the server is asked once, and tells who comes and goes.
func (c *Chat) withNames(then func()) {
	if c.names != nil {
		then()
		return
	}
	c.question(wire.Who, func(_ wire.Message, users []wire.Message) {
		c.names = make(names)
		for _, u := range users {
			c.names.add(string(u.Name))
		}
		then()
	})
}
