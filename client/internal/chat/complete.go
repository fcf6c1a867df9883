package chat

import (
	"slices"
	"strings"

	"parley/server/wire"
)

// maxOffered is the words to choose from: more than a row shows.
const maxOffered = 100

// A Completion says how a line may go on.
type Completion struct {
	Line   string   // as it was asked about
	Longer string   // the line with all that is certain; unescaped, as others may have chosen it
	Words  []string // what its last word may become
}

// complete says how a line may go on, as soon as that is known.
func (c *Chat) complete(in Input) {
	first, rest, more := strings.Cut(in.Text, " ")
	argument := "NAME" // which may stand anywhere in a message
	if found := resolve(first); len(found) == 1 {
		argument = found[0].argument
	}
	switch {
	case strings.HasPrefix(in.Text, "/") && !more:
		offer(in, "", in.Text, " ", namesOf(commands))
	case argument == "[COMMAND]":
		offer(in, first+" ", "/"+strings.TrimPrefix(rest, "/"), "", namesOf(commands))
	case argument == "FILE":
		c.with(wire.Files, fresh, func(files *list) { offer(in, first+" ", rest, "", files.names()) })
	case strings.Contains(argument, "NAME"):
		before, after := in.Text[:strings.LastIndex(in.Text, " ")+1], " "
		if before == "" {
			after = ": "
		}
		c.with(wire.Who, fresh, func(users *list) {
			own := func(name string) bool { return name == c.cfg.Name }
			offer(in, before, in.Text[len(before):], after, slices.DeleteFunc(users.names(), own))
		})
	default:
		in.Complete(Completion{Line: in.Text, Longer: in.Text})
	}
}

// offer answers with those of the words that begin like what is typed after before, in upper or lower case; after them
// goes after, when there is only one.
func offer(in Input, before, typed, after string, words []string) {
	answer := Completion{Line: in.Text, Longer: in.Text}
	same := ""
	for _, w := range words {
		if common(typed, w) != typed {
			continue
		}
		if same = common(same, w); answer.Words == nil {
			same = w
		}
		if len(answer.Words) < maxOffered {
			answer.Words = append(answer.Words, Escape(w))
		}
	}
	if answer.Words != nil {
		answer.Longer = before + same
	}
	if len(answer.Words) == 1 {
		answer.Longer += after
	}
	in.Complete(answer)
}
