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

	"parley/server/wire"
)

// defaultHistory is the number of messages that /history shows: a screenful.
const defaultHistory = "20"

// A command is something that the user can tell the client to do.
type command struct {
	names                   []string // the primary one first, then aliases known from other programs
	argument, help, example string
	run                     func(c *Chat, argument string) error
}

// commands is the list that /help shows. It is set by init because /help is part of it.
var commands []command

func init() {
	commands = []command{
		{[]string{"/all"}, "", "talk to everyone, as at the start", "/all", (*Chat).talkToAll},
		{[]string{"/to"}, "NAME", "talk to NAME alone", "/to bob", (*Chat).talkTo},
		{[]string{"/tell", "/msg", "/w"}, "NAME TEXT", "send TEXT to NAME alone, once; also /msg and /w",
			"/tell bob nice to see you", (*Chat).tell},
		{[]string{"/who"}, "", "show who is here", "/who", (*Chat).who},
		{[]string{"/files", "/list"}, "", "list the shared folder; also /list", "/files", (*Chat).listFiles},
		{[]string{"/get"}, "FILE", "download FILE, a folder, or all that match: /get *.png",
			"/get old photos/pier 1.png", (*Chat).get},
		{[]string{"/cancel"}, "", "stop the downloads", "/cancel", (*Chat).cancel},
		{[]string{"/history"}, "[N]", "show the newest N messages again (20)", "/history 50",
			(*Chat).history},
		{[]string{"/ignore"}, "[NAME]", "hide what NAME says, or stop hiding it; alone: who is ignored",
			"/ignore bob", (*Chat).toggleIgnore},
		{[]string{"/quiet"}, "", "hide joins and leaves, or show them again", "/quiet", (*Chat).toggleQuiet},
		{[]string{"/help"}, "[COMMAND]", "show this list, or an example of COMMAND", "/help get",
			(*Chat).help},
		{[]string{"/quit", "/q", "/exit"}, "", "leave; also /q and /exit", "/quit",
			func(c *Chat, _ string) error { c.quit(); return nil }},
	}
}

// directs reports whether a command decides who gets the lines that follow.
func (cmd command) directs() bool { return cmd.names[0] == "/to" || cmd.names[0] == "/all" }

// primaryNames returns each command's first name.
func primaryNames(some []command) (names []string) {
	for _, cmd := range some {
		names = append(names, cmd.names[0])
	}
	return names
}

// resolve returns the commands that typed may stand for: the one with this name, or all with a name that
// begins so.
func resolve(typed string) (found []command) {
	typed = strings.ToLower(typed)
	for _, cmd := range commands {
		if slices.Contains(cmd.names, typed) {
			return []command{cmd}
		}
		if slices.ContainsFunc(cmd.names, func(name string) bool { return strings.HasPrefix(name, typed) }) {
			found = append(found, cmd)
		}
	}
	return found
}

// nearest returns the commands that begin most like typed, a word that is none, and the error that suggests
// one.
func nearest(typed string) (found []command, err error) {
	hint := "/help lists all"
	for n := len(typed); n > len("/") && found == nil; n-- {
		found = resolve(typed[:n])
	}
	if len(found) > 0 {
		hint = "did you mean " + found[0].names[0] + "?"
	}
	return found, fmt.Errorf("unknown command %.40s: %s", typed, hint)
}

// enter carries out a line of input.
func (c *Chat) enter(in Input) {
	text := strings.ReplaceAll(strings.TrimSuffix(in.Text, "\r"), "\t", " ")
	err := wire.CheckText([]byte(text))
	line, isCommand := Command(text)
	switch {
	case in.Complete != nil:
		c.complete(in)
	case err != nil:
		c.fail("not sent: %v", err)
	case strings.TrimSpace(text) == "":
	case isCommand && !in.Pasted:
		c.execute(firstWord(line))
	default:
		if !in.Pasted && strings.HasPrefix(text, "//") {
			text = text[1:]
		}
		if err := c.send(c.status.To, text); err != nil {
			c.fail("%v", err)
		}
	}
}

// execute runs the command that typed stands for. A script ends if a command fails that directs the lines
// after it, or may have been meant to: these lines must not reach anybody else.
func (c *Chat) execute(typed, argument string) {
	found := resolve(typed)
	var err error
	switch len(found) {
	case 0:
		found, err = nearest(typed)
	case 1:
		err = c.run(found[0], typed, argument)
	default:
		err = fmt.Errorf("%s could be %s: type more of it", typed, strings.Join(primaryNames(found), " or "))
	}
	if err != nil {
		c.fail("%v", err)
	}
	if err != nil && !c.cfg.Person && slices.ContainsFunc(found, command.directs) {
		c.quit()
	}
}

func (c *Chat) run(cmd command, typed, argument string) error {
	if cmd.argument != "FILE" { // names of files may begin and end with blanks
		argument = strings.TrimSpace(argument)
	}
	name := cmd.names[0]
	if name == "/quit" && !slices.Contains(cmd.names, strings.ToLower(typed)) {
		return errors.New("type /quit in full to leave")
	}
	if cmd.argument == "" && argument != "" {
		return fmt.Errorf("%s takes nothing after it, got %.40q", name, argument)
	}
	return cmd.run(c, argument)
}

func (c *Chat) talkToAll(string) error {
	c.status.To = ""
	c.show("talking to all")
	return nil
}

// talkTo sends plain lines to one person. Someone who is not here may come back, so the server's answer
// changes nothing.
func (c *Chat) talkTo(argument string) error {
	name, err := checkName("/to", argument)
	if err != nil {
		return err
	}
	c.status.To = name
	c.query(wire.Who, 0, func() {
		note := ""
		same := func(other string) bool { return wire.NameKey(other) == wire.NameKey(name) }
		if !slices.ContainsFunc(c.lists[wire.Who].names(), same) {
			note = ", who is not here"
		}
		c.show("talking to %s%s", name, note)
	})
	return nil
}

func (c *Chat) tell(argument string) error {
	to, text := firstWord(argument)
	name, err := checkName("/tell", to)
	if err != nil {
		return err
	}
	return c.send(name, text)
}

func (c *Chat) who(string) error {
	c.query(wire.Who, 0, func() {
		names := c.lists[wire.Who].names()
		shown, more := c.shorten(names)
		text := strings.Join(shown, ", ")
		if more > 0 {
			text += fmt.Sprintf(" and %d more", more)
		}
		c.show("%d here: %s", len(names), text)
	})
	return nil
}

// listFiles shows the list of files, as soon as the disk has told which are here.
func (c *Chat) listFiles(string) error {
	c.query(wire.Files, 0, func() {
		files := *c.lists[wire.Files]
		c.listing++
		c.background(func() {
			rows := c.describe(files.rows)
			c.call(func() {
				c.listing--
				c.show("%s", files.head.Text)
				rows, more := c.shorten(rows)
				for _, row := range rows {
					c.show("%s", row)
				}
				if more > 0 {
					c.show("the list has %d more files: Tab and /get know them", more)
				}
			})
		})
	})
	return nil
}

// shorten returns as many rows as a person is shown, and how many more there are. A script gets all.
func (c *Chat) shorten(rows []string) (shown []string, more int) {
	if c.cfg.Person {
		shown = rows[:min(len(rows), maxShown)]
		return shown, len(rows) - len(shown)
	}
	return rows, 0
}

// describe returns a row for each file. Its name is last: it may be long and hold spaces.
func (c *Chat) describe(files []wire.Message) (rows []string) {
	digits := 1
	for _, f := range files {
		digits = max(digits, len(fmt.Sprint(f.Size)))
	}
	for _, f := range files {
		here := ""
		if isHere(c.cfg.Folder, string(f.Name), f.Size) {
			here = "here"
		}
		date := time.UnixMilli(int64(f.Time)).Format("2006-01-02 15:04")
		rows = append(rows, fmt.Sprintf("%*d bytes %8s  %s  %-4s  %s",
			digits, f.Size, Bytes(f.Size), date, here, f.Name))
	}
	return rows
}

func (c *Chat) history(argument string) error {
	recent := c.backlog.recent
	n, err := strconv.Atoi(cmp.Or(argument, defaultHistory))
	if err != nil || n < 1 || n > maxRecent {
		return fmt.Errorf("/history takes a number from 1 to %d, not %q", maxRecent, argument)
	}
	if len(recent) == 0 {
		c.show("nothing was said yet")
	}
	for _, l := range recent[max(0, len(recent)-n):] {
		l.Kind = Earlier
		c.ui.Show(l)
	}
	return nil
}

func (c *Chat) toggleIgnore(argument string) error {
	if argument == "" {
		c.show("ignoring %s", cmp.Or(strings.Join(slices.Sorted(maps.Values(c.ignored)), ", "), "nobody"))
		return nil
	}
	name, err := checkName("/ignore", argument)
	if err != nil {
		return err
	}
	key := wire.NameKey(name)
	if c.ignored[key] == "" {
		c.ignored[key] = name
		c.show("ignoring %s", name)
	} else {
		delete(c.ignored, key)
		c.show("no longer ignoring %s", name)
	}
	return nil
}

func (c *Chat) toggleQuiet(string) error {
	c.quiet = !c.quiet
	now := map[bool]string{true: "hidden", false: "shown"}[c.quiet]
	c.show("joins and leaves are %s", now)
	return nil
}

// help shows all commands, or those that argument may stand for, with an example of each.
func (c *Chat) help(argument string) error {
	found := commands
	typed := "/" + strings.TrimLeft(argument, "/")
	if argument != "" {
		found = resolve(typed)
	}
	for _, cmd := range found {
		c.show("%-16s %s", strings.TrimSpace(cmd.names[0]+" "+cmd.argument), cmd.help)
		if argument != "" {
			c.show("for example:     %s", cmd.example)
		}
	}
	if argument == "" {
		c.show("%-16s %s", "//TEXT", "send /TEXT: a line that begins with /")
	}
	if found == nil {
		_, err := nearest(typed)
		return err
	}
	return nil
}

// checkName returns the name that a command was given.
func checkName(cmd, argument string) (string, error) {
	name, err := wire.CheckName(argument)
	if err != nil {
		err = fmt.Errorf("%s: %w", cmd, err)
	}
	return name, err
}

// send sends text to one person, or to everyone if to is empty.
func (c *Chat) send(to, text string) error {
	m := wire.Message{Verb: wire.Say, Text: []byte(text)}
	if to != "" {
		m.Verb, m.Name = wire.Tell, []byte(to)
	}
	excess := len(m.AppendClient(nil)) - wire.MaxLine
	switch {
	case text == "":
		return errors.New("not sent: there is no text after the name")
	case excess > 0:
		return fmt.Errorf("not sent: %d bytes of text, at most %d fit in a message",
			len(text), len(text)-excess)
	case len(c.session.Pending) >= maxPending:
		return fmt.Errorf("not sent: %d messages are waiting for the server already", maxPending)
	}
	c.session.Add(m, c.phase != away)
	c.conn.Send(m)
	return nil
}
