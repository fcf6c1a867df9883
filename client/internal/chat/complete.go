package chat

import (
	"slices"
	"strings"
	"time"

	"parley/server/wire"
)

const (
	fresh      = time.Minute // how long a list of files serves to complete their names
	maxOffered = 100         // words to choose from: more than a row shows
)

// A Completion says how a line may go on.
type Completion struct {
	Line   string   // as it was asked about
	Longer string   // the line with all that is certain; unescaped, as others may have chosen it
	Words  []string // what its last word may become
}

// complete tells the face how a line may go on, as soon as that is known.
func (c *Chat) complete(line string) {
	first, rest, more := strings.Cut(line, " ")
	argument := "TEXT"
	if found := resolve(first); strings.HasPrefix(line, "/") {
		argument = ""
		if len(found) == 1 {
			argument = found[0].Argument
		}
	}
	switch {
	case strings.HasPrefix(line, "/") && !more:
		c.offer(line, "", line, " ", commandNames())
	case argument == "[COMMAND]":
		c.offer(line, first+" ", "/"+strings.TrimPrefix(rest, "/"), "", commandNames())
	case argument == "FILE":
		c.withFiles(fresh, func(_ wire.Message, files []wire.Message) {
			var names []string
			for _, f := range files {
				names = append(names, string(f.Name))
			}
			c.offer(line, first+" ", rest, "", names)
		})
	case strings.Contains(argument, "NAME"), argument == "TEXT":
		before, after := line[:strings.LastIndex(line, " ")+1], " "
		if before == "" {
			after = ": "
		}
		c.withNames(func() {
			own := func(name string) bool { return name == c.cfg.Name }
			c.offer(line, before, line[len(before):], after, slices.DeleteFunc(c.names.list(), own))
		})
	default:
		c.face.Complete(Completion{Line: line, Longer: line})
	}
}

// offer gives the face those of the words that begin like what is typed after before, in upper or lower case; after them
// goes after, when there is only one.
func (c *Chat) offer(line, before, typed, after string, words []string) {
	answer := Completion{Line: line, Longer: line}
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
	c.face.Complete(answer)
}

// withFiles does then with a list of the files that is younger than age, for which the server may have to be asked.
func (c *Chat) withFiles(age time.Duration, then func(head wire.Message, files []wire.Message)) {
	if time.Since(c.asOf) < age {
		then(wire.Message{}, c.files)
		return
	}
	c.question(wire.Files, func(head wire.Message, files []wire.Message) {
		c.files, c.asOf = files, time.Now()
		then(head, files)
	})
}
