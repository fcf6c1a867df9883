package chat

import (
	"math"
	"strconv"
	"strings"

	"parley/server/wire"
)

// showEarlier is how many messages /history shows without a number: a screen of them.
const showEarlier = 20

// commands is the list that /help shows: what to type, and what it does.
var commands = []struct{ Name, Argument, Help string }{
	{"/all", "", "talk to everyone, as at the start"},
	{"/to", "NAME", "talk to NAME alone"},
	{"/tell", "NAME TEXT", "send TEXT to NAME alone, once"},
	{"/who", "", "show who is here"},
	{"/files", "", "show what the shared folder holds"},
	{"/get", "FILE", "download FILE, or all that match: /get *.png"},
	{"/cancel", "", "stop the downloads"},
	{"/history", "[N]", "show the newest N messages again (20)"},
	{"/help", "", "show this"},
	{"/quit", "", "leave"},
	{"//", "TEXT", "send a TEXT that begins with /"},
}

// An Input is a line that was typed, or why it cannot be used.
type Input struct {
	Text string
	Err  error
}

// enter does what a line of input says.
func (c *Chat) enter(in Input) {
	text := strings.ReplaceAll(strings.TrimSuffix(in.Text, "\r"), "\t", " ")
	err := in.Err
	if err == nil {
		err = wire.CheckText([]byte(text))
	}
	switch {
	case err != nil:
		c.fail("not sent: %v", err)
	case strings.TrimSpace(text) == "":
	case strings.HasPrefix(text, "//"):
		c.send(c.to, text[1:])
	case strings.HasPrefix(text, "/"):
		command, argument, _ := strings.Cut(text, " ")
		c.do(command, strings.TrimSpace(argument))
	default:
		c.send(c.to, text)
	}
}

func (c *Chat) do(command, argument string) {
	switch command {
	case "/all":
		c.talkTo("", "all")
	case "/to":
		if name, ok := c.name(command, argument); ok {
			c.talkTo(name, name)
		}
	case "/tell":
		name, text, _ := strings.Cut(argument, " ")
		if name, ok := c.name(command, name); ok {
			c.send(name, text)
		}
	case "/who":
		c.question(wire.Who, "")
	case "/files":
		c.question(wire.Files, "")
	case "/get":
		c.want(argument)
	case "/cancel":
		c.cancel()
	case "/history":
		c.showKnown(argument)
	case "/help":
		for _, h := range commands {
			c.show(Answer, "%-16s %s", strings.TrimSpace(h.Name+" "+h.Argument), h.Help)
		}
	case "/quit":
		c.quit()
	default:
		c.fail("unknown command %.40s: did you mean %s?", command, nearest(command))
	}
}

func (c *Chat) talkTo(name, words string) {
	c.to = name
	c.show(Answer, "talking to %s", words)
	c.showMode()
}

// name returns the user's name that a command was given.
func (c *Chat) name(command, s string) (string, bool) {
	name, err := wire.CheckName(s)
	if err != nil {
		c.fail("%s: %v", command, err)
	}
	return name, err == nil
}

// send sends text to one, or to everyone when to is empty.
func (c *Chat) send(to, text string) {
	m := wire.Message{Verb: wire.Say, Text: []byte(text)}
	if to != "" {
		m.Verb, m.Name = wire.Tell, []byte(to)
	}
	over := len(m.AppendClient(nil)) - wire.MaxLine
	switch {
	case text == "":
		c.fail("not sent: there is no text after the name")
	case over > 0:
		c.fail("not sent: %d bytes of text, at most %d fit in a message", len(text), len(text)-over)
	case c.waiting >= maxWaiting:
		c.fail("not sent: %d messages wait for the server already", c.waiting)
	default:
		c.waiting++
		c.link.Send(m)
	}
}

func (c *Chat) showKnown(argument string) {
	n := showEarlier
	if argument != "" {
		var err error
		if n, err = strconv.Atoi(argument); err != nil || n < 1 || n > maxKnown {
			c.fail("/history takes a number from 1 to %d, not %q", maxKnown, argument)
			return
		}
	}
	for _, text := range c.known[max(0, len(c.known)-n):] {
		c.show(Earlier, "(earlier) %s", text)
	}
}

// nearest returns the command that takes the fewest changes to get to, and of several the one that begins most alike.
func nearest(typed string) string {
	best, least := "", math.MaxInt
	for _, h := range commands {
		alike := 0
		for alike < min(len(typed), len(h.Name)) && typed[alike] == h.Name[alike] {
			alike++
		}
		if d := distance(strings.ToLower(typed), h.Name)*10 - alike; d < least && h.Name != "//" {
			best, least = h.Name, d
		}
	}
	return best
}

// distance returns how many letters must be put in, taken out or replaced to turn a into b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
