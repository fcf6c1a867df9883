package main

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"parley/server/internal/room"
)

// A command is what the operator can type.
type command struct {
	name     string
	argument string // what it takes, "" for nothing
	run      func(a *app, argument string)
}

var commands = []command{
	{"/who", "", (*app).who},
	{"/say", "TEXT", (*app).say},
	{"/kick", "NAME", (*app).kick},
	{"/quit", "", func(a *app, _ string) { close(a.quit) }},
}

// help is the list of the commands.
func help() string {
	var words []string
	for _, c := range commands {
		words = append(words, strings.TrimSpace(c.name+" "+c.argument))
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// console carries out what the operator types. The end of input is no command: a server in the background has
// none.
func (a *app) console(stdin io.Reader) {
	lines := bufio.NewReader(stdin)
	for {
		line, err := lines.ReadString('\n')
		line = strings.TrimSpace(line)
		if line != "" {
			a.command(line)
		}
		if err != nil || line == "/quit" {
			return
		}
	}
}

func (a *app) command(line string) {
	name, argument, _ := strings.Cut(line, " ")
	argument = strings.TrimSpace(argument)
	for _, c := range commands {
		if c.name == name && (c.argument == "") == (argument == "") {
			c.run(a, argument)
			return
		}
	}
	a.warn(fmt.Sprintf("unknown command %q: use %s", line, help()))
}

func (a *app) say(text string) { a.order(room.Entry{Kind: room.Notice, Text: []byte(text)}) }

func (a *app) kick(name string) { a.order(room.Entry{Kind: room.Kick, Name: []byte(name)}) }

// order proposes an entry, unless it would keep the operator waiting.
func (a *app) order(e room.Entry) {
	if a.stuck.Load() {
		a.warn("the state cannot be written: try again later")
		return
	}
	a.serve.Commit(e)
}

func (a *app) who(string) {
	names := a.hub.Users()
	if len(names) == 0 {
		a.show("nobody is here")
		return
	}
	a.show(fmt.Sprintf("%d here: %s", len(names), strings.Join(names, ", ")))
}
