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
	argument string // what it takes: "" for nothing, in brackets if it can be left out
	help     string
	run      func(a *app, argument string)
}

// commands returns the table of what the operator can type.
func commands() []command {
	return []command{
		{"/who", "", "who is here, from where and since when", (*app).who},
		{"/say", "TEXT", "tell everyone something", (*app).say},
		{"/kick", "NAME", "end someone's session, here or away; they may join again", (*app).kick},
		{"/ban", "WHOM", "keep out a NAME with its keys, an ADDRESS or a FINGERPRINT", (*app).ban},
		{"/unban", "WHOM", "let them in again", (*app).unban},
		{"/bans", "", "who is banned", (*app).bans},
		{"/close", "", "let in only owners of names and whom you invite", (*app).shut},
		{"/open", "", "let everyone in", (*app).open},
		{"/invite", "NAME", "make a code for a newcomer, or another device of NAME", (*app).invite},
		{"/names", "[NAME]", "whose names belong to which keys", (*app).names},
		{"/fingerprint", "", "the server's key, for those who are asked about it", (*app).showKey},
		{"/forget", "NAME", "let a name go, and invitations for it", (*app).forget},
		{"/help", "", "this list", (*app).help},
		{"/quit", "", "end the server and the conversation", (*app).finish},
	}
}

// usage returns the manual.
func usage() string { return strings.Replace(manual, "{commands}\n", commandList(), 1) }

// commandList says what each command does, a line each.
func commandList() string {
	var list strings.Builder
	for _, c := range commands() {
		fmt.Fprintf(&list, "  %-17s %s\n", c.synopsis(), c.help)
	}
	return list.String()
}

func (c *command) synopsis() string { return strings.TrimSpace(c.name + " " + c.argument) }

// takes reports whether the command can have this argument.
func (c *command) takes(argument string) bool {
	return strings.HasPrefix(c.argument, "[") || (c.argument == "") == (argument == "")
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
	for _, c := range commands() {
		if c.name != name {
			continue
		}
		if !c.takes(argument) {
			a.warn(fmt.Sprintf("use it as in %s: %s", c.synopsis(), c.help))
			return
		}
		c.run(a, argument)
		return
	}
	a.warn(fmt.Sprintf("unknown command %q: /help lists the commands", line))
}

func (a *app) help(string) { a.show(strings.TrimSuffix(commandList(), "\n")) }

func (a *app) finish(string) { close(a.quit) }

func (a *app) say(text string) { a.order(room.Entry{Kind: room.Notice, Text: []byte(text)}) }

func (a *app) kick(name string) { a.order(room.Entry{Kind: room.Kick, Name: []byte(name)}) }

func (a *app) forget(name string) { a.order(room.Entry{Kind: room.Forget, Name: []byte(name)}) }

func (a *app) shut(string) { a.order(room.Entry{Kind: room.Close}) }

func (a *app) open(string) { a.order(room.Entry{Kind: room.Open}) }

// order proposes an entry, of whose outcome the audit tells, unless it would keep the operator waiting.
func (a *app) order(e room.Entry) {
	if a.writable() {
		a.serve.Commit(e)
	}
}

// writable reports whether entries can be committed at present, and says so if not.
func (a *app) writable() bool {
	if a.stuck.Load() {
		a.warn("the state cannot be written: try again later")
		return false
	}
	return true
}

// A console is a place for lines that only help who looks at it: those that it does not take are lost.
type console struct{ io.Writer }

func (c console) Write(p []byte) (int, error) {
	_, _ = c.Writer.Write(p) // there is nobody to tell
	return len(p), nil
}
