package chat

import (
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"parley/server/wire"
)

const maxOffered = 200 // words of a completion: more than fit on a screen

// complete says how a line may continue, as soon as that is known.
func (c *Chat) complete(in Input) {
	line := in.Text
	if command, ok := Command(line); ok {
		line = command
	}
	first, rest, more := strings.Cut(line, " ")
	argument := "NAME" // a name may stand anywhere in a message
	if found := resolve(first); len(found) == 1 {
		argument = found[0].argument
	}
	switch {
	case strings.HasPrefix(line, "/") && !more:
		in.offer("", line, " ", primaryNames(commands), "")
	case argument == "FILE":
		c.query(wire.Files, fresh, func() {
			in.offer(first+" ", rest, "", c.lists[wire.Files].names(), c.lists[wire.Files].note())
		})
	case strings.Contains(argument, "NAME"):
		prefix, suffix := line[:strings.LastIndex(line, " ")+1], " "
		if prefix == "" {
			suffix = ": "
		}
		c.query(wire.Who, fresh, func() {
			own := func(name string) bool { return name == c.cfg.Name }
			others := slices.DeleteFunc(c.lists[wire.Who].names(), own)
			in.offer(prefix, line[len(prefix):], suffix, others, "")
		})
	default:
		in.Complete(Completion{Line: in.Text, Longer: in.Text})
	}
}

// offer completes typed from words. prefix is what precedes it on the line; suffix is added after a unique
// match. note says what words leave out.
func (in Input) offer(prefix, typed, suffix string, words []string, note string) {
	words = slices.DeleteFunc(words, func(w string) bool { return !hasPrefix(w, typed) })
	answer := Completion{Line: in.Text, Longer: in.Text, Note: note}
	if len(words) > 0 {
		common := words[0]
		for _, w := range words {
			for !hasPrefix(w, common) {
				common = common[:len(common)-1]
			}
		}
		answer.Longer = prefix + common
	}
	if len(words) == 1 {
		answer.Longer += suffix
	}
	for _, w := range words[:min(len(words), maxOffered)] {
		answer.Words = append(answer.Words, Escape(w))
	}
	in.Complete(answer)
}

// hasPrefix is strings.HasPrefix for upper and lower case and any normal form.
func hasPrefix(text, prefix string) bool {
	return strings.HasPrefix(strings.ToLower(norm.NFC.String(text)), strings.ToLower(norm.NFC.String(prefix)))
}
