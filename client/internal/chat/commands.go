package chat

import (
	"cmp"
	"math"
	"strconv"
	"strings"

	"parley/server/wire"
)

const (
	showEarlier = 20 // messages that /history shows without a number: a screen of them
	maxCommand  = 9  // letters of a command that are looked at to find the one that was meant
)

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
	{"//TEXT", "", "send /TEXT: a line that begins with /"},
}

// enter does what a line of input says.
func (c *Chat) enter(line string) {
	text := strings.ReplaceAll(strings.TrimSuffix(line, "\r"), "\t", " ")
	err := wire.CheckText([]byte(text))
	switch {
	case len(text) > wire.MaxLine:
		c.fail("not sent: a line of %d or more bytes, at most %d are allowed", len(text), wire.MaxLine)
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
		c.talkTo("")
	case "/to":
		if name, ok := c.name(command, argument); ok && wire.NameKey(name) == wire.NameKey(c.cfg.Name) {
			c.fail("/to: that is you: choose someone else")
		} else if ok {
			c.talkTo(name)
		}
	case "/tell":
		name, text, _ := strings.Cut(argument, " ")
		if name, ok := c.name(command, name); ok {
			c.send(name, text)
		}
	case "/who":
		c.question(wire.Who, c.showUsers)
	case "/files":
		c.question(wire.Files, c.showFiles)
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

func (c *Chat) talkTo(name string) {
	c.to = name
	c.show(Answer, "talking to %s", cmp.Or(name, "all"))
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
	case c.session.Waiting() >= maxWaiting:
		c.fail("not sent: %d messages wait for the server already", maxWaiting)
	default:
		c.session.Add(m, c.conn != nil)
		c.ask(m)
	}
}

func (c *Chat) showUsers(_ wire.Message, users []wire.Message) {
	var names []string
	for _, u := range users {
		names = append(names, string(u.Name))
	}
	c.show(Answer, "%d here: %s", len(names), strings.Join(names, ", "))
}

func (c *Chat) showFiles(head wire.Message, files []wire.Message) {
	c.show(Answer, "%s", head.Text)
	for _, f := range files {
		c.show(Answer, "%s: %d bytes", f.Name, f.Size)
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
		c.show(Earlier, "%s", text)
	}
}

// nearest returns the command that takes the fewest changes to get to, and of several the one that begins most alike.
func nearest(typed string) string {
	typed = strings.ToLower(typed[:min(len(typed), maxCommand)])
	best, least := "", math.MaxInt
	for _, h := range commands[:len(commands)-1] {
		alike := 0
		for alike < min(len(typed), len(h.Name)) && typed[alike] == h.Name[alike] {
			alike++
		}
		if d := distance(typed, h.Name)*10 - alike; d < least {
			best, least = h.Name, d
		}
	}
	return best
}

// distance returns how many letters must be put in, taken out or replaced to turn a into b, which must be short.
func distance(a, b string) int {
	switch {
	case a == "" || b == "":
		return len(a) + len(b)
	case a[0] == b[0]:
		return distance(a[1:], b[1:])
	}
	return 1 + min(distance(a[1:], b), distance(a, b[1:]), distance(a[1:], b[1:]))
}
