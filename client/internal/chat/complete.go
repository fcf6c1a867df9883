package chat

import (
	"slices"
	"strings"
	"time"

	"parley/server/wire"
)

// fresh is how long a list of files serves to complete their names.
const fresh = time.Minute

// A Completion says what may stand at the end of a line that is half typed. It holds what others chose, unescaped.
type Completion struct {
	Line  string   // as it was asked about
	Start int      // byte of Line where the word to be completed begins
	Words []string // what it may become, in order
	Same  string   // what they all begin with
	After string   // what follows the word when there is only one
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
	switch answer := (Completion{Line: line, Start: len(line) - len(rest), After: " "}); {
	case strings.HasPrefix(line, "/") && !more:
		answer.Start = 0
		c.offer(answer, commandNames())
	case argument == "[COMMAND]":
		answer.Start += strings.Count(rest, "/")
		c.offer(answer, strings.Split(strings.Join(commandNames(), "")[1:], "/"))
	case argument == "FILE":
		c.withFiles(fresh, func(_ wire.Message, files []wire.Message) {
			answer.After = ""
			var words []string
			for _, f := range files {
				words = append(words, string(f.Name))
			}
			c.offer(answer, words)
		})
	case strings.Contains(argument, "NAME"), argument == "TEXT":
		if answer.Start = strings.LastIndex(line, " ") + 1; answer.Start == 0 {
			answer.After = ": "
		}
		c.withNames(func() {
			own := func(name string) bool { return name == c.cfg.Name }
			c.offer(answer, slices.DeleteFunc(c.names.list(), own))
		})
	default:
		c.offer(answer, nil)
	}
}

// offer gives the face those of the words that begin like what is typed, in upper or lower case.
func (c *Chat) offer(answer Completion, words []string) {
	typed := strings.ToLower(answer.Line[answer.Start:])
	for _, w := range words {
		if strings.HasPrefix(strings.ToLower(w), typed) {
			answer.Words = append(answer.Words, w)
		}
	}
	for i, w := range answer.Words {
		if answer.Same = common(answer.Same, w); i == 0 {
			answer.Same = w
		}
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
