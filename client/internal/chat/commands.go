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

	"golang.org/x/text/unicode/norm"

	"parley/client/internal/download"
	"parley/server/wire"
)

// showEarlier is the messages that /history shows without a number: a screen of them.
const showEarlier = "20"

// maxOffered is the words to choose from: more than a row shows.
const maxOffered = 100

// A command is one that the user may type.
type command struct {
	// the first is its own, the others are what people know it as from elsewhere
	names                   []string
	argument, help, example string
}

// commands is the list that /help shows: what to type, and what it does.
var commands = []command{
	{[]string{"/all"}, "", "talk to everyone, as at the start", "/all"},
	{[]string{"/to"}, "NAME", "talk to NAME alone", "/to bob"},
	{[]string{"/tell", "/msg", "/w"}, "NAME TEXT", "send TEXT to NAME alone, once; also /msg and /w",
		"/tell bob nice to see you"},
	{[]string{"/who"}, "", "show who is here", "/who"},
	{[]string{"/files", "/list"}, "", "show what the shared folder holds; also /list", "/files"},
	{[]string{"/get"}, "FILE", "download FILE, a folder, or all that match: /get *.png", "/get old photos/pier 1.png"},
	{[]string{"/cancel"}, "", "stop the downloads", "/cancel"},
	{[]string{"/history"}, "[N]", "show the newest N messages again (20)", "/history 50"},
	{[]string{"/ignore"}, "[NAME]", "show nothing that NAME says, or show it again; alone: who is ignored", "/ignore bob"},
	{[]string{"/quiet"}, "", "do not show who comes and goes, or show it again", "/quiet"},
	{[]string{"/help"}, "[COMMAND]", "show this, or an example of COMMAND", "/help get"},
	{[]string{"/quit", "/q", "/exit"}, "", "leave; also /q and /exit", "/quit"},
}

// namesOf returns the own names of commands.
func namesOf(some []command) (names []string) {
	for _, h := range some {
		names = append(names, h.names[0])
	}
	return names
}

// resolve returns the commands that typed may stand for: the one that has this name, or all that have one
// that begins so.
func resolve(typed string) (found []command) {
	typed = strings.ToLower(typed)
	for _, h := range commands {
		if slices.Contains(h.names, typed) {
			return []command{h}
		}
		if slices.ContainsFunc(h.names, func(name string) bool { return strings.HasPrefix(name, typed) }) {
			found = append(found, h)
		}
	}
	return found
}

// enter does what input says.
func (c *Chat) enter(in Input) {
	text := strings.ReplaceAll(strings.TrimSuffix(in.Text, "\r"), "\t", " ")
	err := wire.CheckText([]byte(text))
	command, ok := Command(text)
	switch {
	case in.Complete != nil:
		c.complete(in)
	case len(text) > wire.MaxLine:
		c.fail("not sent: a line of %d or more bytes, at most %d are allowed", len(text), wire.MaxLine)
	case err != nil:
		c.fail("not sent: %v", err)
	case strings.TrimSpace(text) == "":
	case in.Pasted:
		c.send(c.now.To, text)
	case ok:
		typed, argument := cut(command)
		c.do(typed, argument)
	case strings.HasPrefix(text, "//"):
		c.send(c.now.To, text[1:])
	default:
		c.send(c.now.To, text)
	}
}

// find returns the commands that typed may stand for, or says that there is none.
func (c *Chat) find(typed string) []command {
	found := resolve(typed)
	if len(found) == 0 {
		c.fail("unknown command %.40s: %s", typed, nearest(typed))
	}
	return found
}

// do carries out the command that typed stands for.
func (c *Chat) do(typed, argument string) {
	found := c.find(typed)
	if len(found) > 1 {
		c.fail("%s could be %s: type more of it", typed, strings.Join(namesOf(found), " or "))
	}
	if len(found) != 1 {
		return
	}
	exact := argument // names of files may begin and end with blanks
	argument = strings.TrimSpace(argument)
	switch command := found[0].names[0]; command {
	case "/all":
		c.now.To = ""
		c.show("talking to all")
	case "/to":
		if name, ok := c.name(command, argument); ok {
			c.talkTo(name)
		} else if argument != "" && !c.cfg.Person { // without a prompt to see whom the next lines go to
			c.quit()
		}
	case "/tell":
		name, text := cut(argument)
		if name, ok := c.name(command, name); ok {
			c.send(name, text)
		}
	case "/who":
		c.with(wire.Who, 0, func(users *list) {
			names := users.names()
			most, more := c.shown(len(names))
			c.show("%d here: %s", len(names), strings.Join(append(names[:most:most], more...), ", "))
		})
	case "/files":
		c.with(wire.Files, 0, c.showFiles)
	case "/get":
		c.want(exact)
	case "/cancel":
		c.cancel()
	case "/history":
		c.showKnown(argument)
	case "/ignore":
		c.toggleIgnore(argument)
	case "/quiet":
		c.quiet = !c.quiet
		c.show("who comes and goes is %s", again(!c.quiet))
	case "/help":
		c.help(argument)
	case "/quit":
		if slices.Contains(found[0].names, strings.ToLower(typed)) {
			c.quit()
		} else {
			c.fail("%s is not enough to leave: type /quit", typed)
		}
	}
}

// help shows all commands, or those that are meant, with an example.
func (c *Chat) help(typed string) {
	meant := commands
	if typed != "" {
		meant = c.find("/" + strings.TrimLeft(typed, "/"))
	}
	for _, h := range meant {
		c.show("%-16s %s", strings.TrimSpace(h.names[0]+" "+h.argument), h.help)
		if typed != "" {
			c.show("for example:     %s", h.example)
		}
	}
	if typed == "" {
		c.show("%-16s %s", "//TEXT", "send /TEXT: a line that begins with /")
	}
}

// talkTo has plain lines go to one. Who is not here may come back, so that changes nothing.
func (c *Chat) talkTo(name string) {
	c.now.To = name
	c.with(wire.Who, 0, func(users *list) {
		note := ""
		if !slices.ContainsFunc(users.names(), func(here string) bool { return wire.NameKey(here) == wire.NameKey(name) }) {
			note = ", who is not here"
		}
		c.show("talking to %s%s", name, note)
	})
}

// toggleIgnore shows what someone says no more, or again; without a name it says whose messages are not
// shown.
func (c *Chat) toggleIgnore(argument string) {
	if argument == "" {
		c.show("ignoring %s", cmp.Or(strings.Join(slices.Sorted(maps.Values(c.ignore)), ", "), "nobody"))
	} else if name, ok := c.name("/ignore", argument); ok {
		key := wire.NameKey(name)
		ignored := c.ignore[key] != ""
		if ignored {
			delete(c.ignore, key)
		} else {
			c.ignore[key] = name
		}
		c.show("what %s says is %s", name, again(ignored))
	}
}

// again says whether something is shown after that changed.
func again(shown bool) string {
	if shown {
		return "shown again"
	}
	return "not shown any more"
}

// name returns the name of another user that a command was given. To tell oneself something is for the server
// to refuse.
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

// showFiles shows a row for each file, as soon as the disk tells which are here. The name, which may be long
// and may hold spaces, is last.
func (c *Chat) showFiles(files *list) {
	c.show("%s", files.head.Text)
	most, more := c.shown(len(files.rows))
	rows := files.rows[:most]
	c.busy++
	c.background(func() {
		var texts []string
		digits := 1
		for _, f := range rows {
			digits = max(digits, len(fmt.Sprint(f.Size)))
		}
		for _, f := range rows {
			here := ""
			if download.Here(c.cfg.Folder, string(f.Name), f.Size) {
				here = "here"
			}
			date := time.UnixMilli(int64(f.Time)).Format("2006-01-02 15:04")
			texts = append(texts, fmt.Sprintf("%*d bytes %8s  %s  %-4s  %s", digits, f.Size, Bytes(f.Size), date, here, f.Name))
		}
		c.post(func() {
			c.busy--
			for _, text := range append(texts, more...) {
				c.show("%s", text)
			}
		})
	})
}

func (c *Chat) showKnown(argument string) {
	n, err := strconv.Atoi(cmp.Or(argument, showEarlier))
	if err != nil || n < 1 || n > maxKnown {
		c.fail("/history takes a number from 1 to %d, not %q", maxKnown, argument)
		return
	}
	if len(c.known) == 0 {
		c.show("nothing was said yet")
	}
	for _, l := range c.known[max(0, len(c.known)-n):] {
		l.Kind = Earlier
		c.face.Show(l)
	}
}

// nearest says what may have been meant: the command that begins most like what was typed.
func nearest(typed string) string {
	for n := len(typed); n > len("/"); n-- {
		if found := resolve(typed[:n]); len(found) > 0 {
			return "did you mean " + found[0].names[0] + "?"
		}
	}
	return "/help shows all"
}

// begins reports whether text begins with start, in upper or lower case and any normal form.
func begins(text, start string) bool {
	return strings.HasPrefix(strings.ToLower(norm.NFC.String(text)), strings.ToLower(norm.NFC.String(start)))
}

// A Completion says how a line may go on.
type Completion struct {
	Line   string   // as it was asked about
	Longer string   // the line with all that is certain; unescaped, as others may have chosen it
	Words  []string // what its last word may become
}

// complete says how a line may go on, as soon as that is known.
func (c *Chat) complete(in Input) {
	line := in.Text
	if command, ok := Command(line); ok {
		line = command
	}
	first, rest, more := strings.Cut(line, " ")
	argument := "NAME" // which may stand anywhere in a message
	if found := resolve(first); len(found) == 1 {
		argument = found[0].argument
	}
	switch {
	case strings.HasPrefix(line, "/") && !more:
		offer(in, "", line, " ", namesOf(commands))
	case argument == "[COMMAND]":
		offer(in, first+" ", "/"+strings.TrimPrefix(rest, "/"), "", namesOf(commands))
	case argument == "FILE":
		c.with(wire.Files, fresh, func(files *list) { c.offerFiles(in, first+" ", rest, files) })
	case strings.Contains(argument, "NAME"):
		before, after := line[:strings.LastIndex(line, " ")+1], " "
		if before == "" {
			after = ": "
		}
		c.with(wire.Who, fresh, func(users *list) {
			own := func(name string) bool { return name == c.cfg.Name }
			offer(in, before, line[len(before):], after, slices.DeleteFunc(users.names(), own))
		})
	default:
		in.Complete(Completion{Line: in.Text, Longer: in.Text})
	}
}

// offer answers with those of the words that begin like what is typed after before; after them goes after,
// when there is only one.
func offer(in Input, before, typed, after string, words []string) {
	words = slices.DeleteFunc(words, func(w string) bool { return !begins(w, typed) })
	answer := Completion{Line: in.Text, Longer: in.Text}
	if len(words) > 0 {
		same := words[0]
		for _, w := range words {
			for !begins(w, same) {
				same = same[:len(same)-1]
			}
		}
		answer.Longer = before + same
	}
	if len(words) == 1 {
		answer.Longer += after
	}
	for _, w := range words[:min(len(words), maxOffered)] {
		answer.Words = append(answer.Words, Escape(w))
	}
	in.Complete(answer)
}
