package chat

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"parley/client/internal/download"
	"parley/server/wire"
)

// A command is one that the user may type.
type command struct {
	Name, Also              string // its own name, and what people know it as from elsewhere
	Argument, Help, Example string
}

// commands is the list that /help shows: what to type, and what it does.
var commands = []command{
	{"/all", "", "", "talk to everyone, as at the start", "/all"},
	{"/to", "", "NAME", "talk to NAME alone", "/to bob"},
	{"/tell", "/msg /w", "NAME TEXT", "send TEXT to NAME alone, once; also /msg and /w", "/tell bob nice to see you"},
	{"/who", "", "", "show who is here", "/who"},
	{"/files", "/list", "", "show what the shared folder holds; also /list", "/files"},
	{"/get", "", "FILE", "download FILE, or all that match: /get *.png", "/get old photos/pier 1.png"},
	{"/cancel", "", "", "stop the downloads", "/cancel"},
	{"/history", "", "[N]", "show the newest N messages again (20)", "/history 50"},
	{"/ignore", "", "[NAME]", "show nothing that NAME says, or show it again; alone: who is ignored", "/ignore bob"},
	{"/quiet", "", "", "do not show who comes and goes, or show it again", "/quiet"},
	{"/help", "", "[COMMAND]", "show this, or an example of COMMAND", "/help get"},
	{"/quit", "/q /exit", "", "leave; also /q and /exit", "/quit"},
	{"//TEXT", "", "", "send /TEXT: a line that begins with /", "//quit is how one leaves"},
}

// matching returns the commands that typed may stand for: the one that has this name, or all that have one that begins so.
func matching(typed string) (found []command) {
	typed = " " + strings.ToLower(typed)
	for _, h := range commands {
		names := " " + h.Name + " " + h.Also + " "
		if strings.Contains(names, typed+" ") {
			return []command{h}
		}
		if strings.Contains(names, typed) {
			found = append(found, h)
		}
	}
	return found
}

// enter does what input says.
func (c *Chat) enter(in Input) {
	text := strings.ReplaceAll(strings.TrimSuffix(in.Text, "\r"), "\t", " ")
	err := wire.CheckText([]byte(text))
	switch {
	case in.Partial:
		c.complete(in.Text)
	case len(text) > wire.MaxLine:
		c.fail("not sent: a line of %d or more bytes, at most %d are allowed", len(text), wire.MaxLine)
	case err != nil:
		c.fail("not sent: %v", err)
	case strings.TrimSpace(text) == "":
	case in.Pasted || !strings.HasPrefix(text, "/"):
		c.send(c.now.To, text)
	case strings.HasPrefix(text, "//"):
		c.send(c.now.To, text[1:])
	default:
		typed, argument, _ := strings.Cut(text, " ")
		c.do(typed, strings.TrimSpace(argument))
	}
}

// find returns the commands that typed may stand for, or says that there is none.
func (c *Chat) find(typed string) []command {
	found := matching(typed)
	if typed == "/" {
		c.fail("the name of a command is missing: /help shows them")
		return nil
	}
	if len(found) == 0 {
		c.fail("unknown command %.40s: %s", typed, nearest(typed))
	}
	return found
}

// do carries out the command that typed stands for.
func (c *Chat) do(typed, argument string) {
	found := c.find(typed)
	if len(found) > 1 {
		c.fail("%s could be %s or %s: type more of it", typed, found[0].Name, found[1].Name)
	}
	if len(found) != 1 {
		return
	}
	switch command := found[0].Name; command {
	case "/all":
		c.now.To = ""
		c.show("talking to all")
	case "/to":
		if name, ok := c.name(command, argument); ok {
			c.talkTo(name)
		}
	case "/tell":
		name, text, _ := strings.Cut(argument, " ")
		if name, ok := c.name(command, name); ok {
			c.send(name, text)
		}
	case "/who":
		c.with(wire.Who, 0, func(users *list) {
			c.show("%d here: %s", len(users.rows), strings.Join(c.few(users.names()), ", "))
		})
	case "/files":
		c.with(wire.Files, 0, c.showFiles)
	case "/get":
		c.want(argument)
	case "/cancel":
		c.cancel()
	case "/history":
		c.showKnown(argument)
	case "/ignore":
		c.toggleIgnore(argument)
	case "/quiet":
		how := "shown again"
		if c.quiet = !c.quiet; c.quiet {
			how = "not shown any more"
		}
		c.show("who comes and goes is %s", how)
	case "/help":
		c.help(argument)
	case "/quit":
		c.quit()
	}
}

// help shows all commands, or those that are meant, with an example.
func (c *Chat) help(typed string) {
	meant := commands
	if typed != "" {
		meant = c.find("/" + strings.TrimLeft(typed, "/"))
	}
	for _, h := range meant {
		c.show("%-16s %s", strings.TrimSpace(h.Name+" "+h.Argument), h.Help)
		if typed != "" {
			c.show("for example:     %s", h.Example)
		}
	}
}

// talkTo has plain lines go to one. Who is not here may come back, so that changes nothing.
func (c *Chat) talkTo(name string) {
	c.now.To = name
	c.with(wire.Who, 0, func(users *list) {
		text := "talking to " + name
		if !slices.ContainsFunc(users.names(), func(user string) bool { return wire.NameKey(user) == wire.NameKey(name) }) {
			text += ", who is not here"
		}
		c.show("%s", text)
	})
}

// toggleIgnore shows what someone says no more, or again; without a name it says whose messages are not shown.
func (c *Chat) toggleIgnore(argument string) {
	if argument == "" {
		c.show("ignored: %s", cmp.Or(strings.Join(slices.Sorted(maps.Values(c.ignore)), ", "), "nobody"))
	} else if name, ok := c.name("/ignore", argument); ok && c.ignore[wire.NameKey(name)] != "" {
		delete(c.ignore, wire.NameKey(name))
		c.show("what %s says is shown again", name)
	} else if ok {
		c.ignore[wire.NameKey(name)] = name
		c.show("what %s says is not shown any more", name)
	}
}

// name returns the name of another user that a command was given. To tell oneself something is for the server to refuse.
func (c *Chat) name(command, s string) (string, bool) {
	name, err := wire.CheckName(s)
	if err == nil && command != "/tell" && wire.NameKey(name) == wire.NameKey(c.cfg.Name) {
		err = errors.New("that is you: choose someone else")
	}
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
	case len(c.session.Pending) >= maxWaiting:
		c.fail("not sent: %d messages wait for the server already", maxWaiting)
	default:
		c.session.Add(m, !c.now.Away)
		c.conn.Send(m)
	}
}

// showFiles shows a row for each file. The name, which may be long and may hold spaces, is last.
func (c *Chat) showFiles(files *list) {
	c.show("%s", files.head.Text)
	digits := 1
	for _, f := range files.rows {
		digits = max(digits, len(fmt.Sprint(f.Size)))
	}
	var rows []string
	for _, f := range files.rows {
		here := ""
		if download.Here(c.cfg.Folder, string(f.Name), f.Size) {
			here = "here"
		}
		date := time.UnixMilli(int64(f.Time)).Format("2006-01-02 15:04")
		rows = append(rows, fmt.Sprintf("%*d bytes %8s  %s  %-4s  %s", digits, f.Size, Bytes(f.Size), date, here, f.Name))
	}
	for _, row := range c.few(rows) {
		c.show("%s", row)
	}
}

func (c *Chat) showKnown(argument string) {
	n, err := strconv.Atoi(cmp.Or(argument, "20")) // a screen of them
	if err != nil || n < 1 || n > maxKnown {
		c.fail("/history takes a number from 1 to %d, not %q", maxKnown, argument)
		return
	}
	if len(c.known) == 0 {
		c.show("nothing was said yet")
	}
	for _, l := range c.known[max(0, len(c.known)-n):] {
		l.Kind = Again
		c.face.Show(l)
	}
}

// nearest says what may have been meant: the command that begins most like what was typed.
func nearest(typed string) string {
	for n := len(typed); n > len("/"); n-- {
		if found := matching(typed[:n]); len(found) > 0 {
			return "did you mean " + found[0].Name + "?"
		}
	}
	return "/help shows all"
}

// begins reports whether text begins with start, in upper or lower case.
func begins(text, start string) bool {
	return strings.HasPrefix(strings.ToLower(text), strings.ToLower(start))
}

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
	if found := matching(first); strings.HasPrefix(line, "/") {
		argument = ""
		if len(found) == 1 {
			argument = found[0].Argument
		}
	}
	var names []string
	for _, h := range commands {
		names = append(names, h.Name)
	}
	switch {
	case strings.HasPrefix(line, "/") && !more:
		c.offer(line, "", line, " ", names)
	case argument == "[COMMAND]":
		c.offer(line, first+" ", "/"+strings.TrimPrefix(rest, "/"), "", names)
	case argument == "FILE":
		c.with(wire.Files, fresh, func(files *list) { c.offer(line, first+" ", rest, "", files.names()) })
	case strings.Contains(argument, "NAME"), argument == "TEXT":
		before, after := line[:strings.LastIndex(line, " ")+1], " "
		if before == "" {
			after = ": "
		}
		c.with(wire.Who, fresh, func(users *list) {
			own := func(name string) bool { return name == c.cfg.Name }
			c.offer(line, before, line[len(before):], after, slices.DeleteFunc(users.names(), own))
		})
	default:
		c.face.Complete(Completion{Line: line, Longer: line})
	}
}

// offer gives the face those of the words that begin like what is typed after before; after them goes after, when there
// is only one.
func (c *Chat) offer(line, before, typed, after string, words []string) {
	words = slices.DeleteFunc(words, func(w string) bool { return !begins(w, typed) })
	answer := Completion{Line: line, Longer: line}
	if len(words) > 0 {
		same := words[0]
		for _, w := range words {
			for !begins(w, same) {
				same = same[:len(same)-1]
			}
			answer.Words = append(answer.Words, Escape(w))
		}
		answer.Longer = before + same
	}
	if len(words) == 1 {
		answer.Longer += after
	}
	answer.Words = c.few(answer.Words)
	c.face.Complete(answer)
}
