package e2e

import (
	"fmt"
	"os/exec"
	"regexp"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// A scenario is one run of a file of ../testdata.
type scenario struct {
	actors map[string]*actor   // by name, the latest that has it
	all    []*actor            // every one, to be ended with the scenario
	cables map[string]*cable   // by the name of the client or the server whose it is
	nodes  map[string][]string // command lines of NATS nodes, by name
	env    []string            // names of the variables that programs get
	limit  int64               // bytes of the largest file that a program may write, 0 for any
	ignore []string            // signals that are ignored when a program starts
}

// scenarioKey is the key of the scenario among the values of a script.
type scenarioKey struct{}

// A call is one command of a scenario as it runs.
type call struct {
	*scenario
	ts   *testscript.TestScript
	name string   // of the command
	args []string // at least as many as the command needs
}

// fail ends the scenario.
func (c *call) fail(format string, args ...any) { c.ts.Fatalf(c.name+": "+format, args...) }

// check ends the scenario when err is one.
func (c *call) check(err error) {
	if err != nil {
		c.fail("%v", err)
	}
}

// flag reports whether the first argument is that flag, and removes it.
func (c *call) flag(name string) bool {
	if len(c.args) == 0 || c.args[0] != name {
		return false
	}
	c.args = c.args[1:]
	return true
}

// text returns the arguments from the i-th on as one text.
func (c *call) text(i int) string { return strings.Join(c.args[i:], " ") }

// actor returns the actor that the first argument names.
func (c *call) actor() *actor {
	a := c.actors[c.args[0]]
	if a == nil {
		c.fail("nobody here is called %s", c.args[0])
	}
	return a
}

// program, connection and onTerminal return the actor that the first argument names. It must be of that kind.
func (c *call) program() *actor {
	a := c.actor()
	if a.cmd == nil {
		c.fail("%s is no program", a.name)
	}
	return a
}

func (c *call) connection() *actor {
	a := c.actor()
	if a.conn == nil {
		c.fail("%s is no connection", a.name)
	}
	return a
}

func (c *call) onTerminal() *actor {
	a := c.actor()
	if a.term == nil {
		c.fail("%s is not on a terminal", a.name)
	}
	return a
}

// add makes a one of the scenario's actors.
func (c *call) add(a *actor) {
	c.actors[a.name] = a
	c.all = append(c.all, a)
}

// free ends the scenario when an actor of that name is still there.
func (c *call) free(name string) {
	if a := c.actors[name]; a != nil && !a.hasEnded() {
		c.fail("%s is here already", name)
	}
}

// command returns the command that runs one of the programs in the scenario's folder.
func (c *call) command(prog string, args ...string) *exec.Cmd {
	if prog != "server" && prog != "client" {
		c.fail("there is no program %s, only server and client", prog)
	}
	line := program(prog, args...)
	setup := ""
	if c.limit > 0 {
		const block = 512 // bytes: the unit of ulimit -f
		setup = fmt.Sprintf("ulimit -f %d && ", c.limit/block)
	}
	for _, s := range c.ignore {
		setup += "trap '' " + s + " && "
	}
	if setup != "" {
		line = append([]string{"sh", "-c", setup + `exec "$@"`, "sh"}, line...)
	}
	cmd := exec.Command(line[0], line[1:]...)
	cmd.Dir = c.ts.MkAbs(".")
	cmd.Env = programEnv(c.ts.Getenv, c.env)
	return cmd
}

// run starts one of the programs with pipes.
func (c *call) run(name, prog string, args ...string) *actor {
	c.free(name)
	a, err := newProgram(name, c.command(prog, args...))
	c.check(err)
	c.add(a)
	return a
}

// await waits until a stream of a prints text, and sets the variables that the text names.
func (c *call) await(a *actor, s *stream, text string) {
	want := pattern(text)
	match, err := s.expect(want, patience())
	if err != nil {
		c.fail("no %.200q: %v\n%s", text, err, a.describe())
	}
	c.keep(want, match)
}

func (c *call) keep(want *regexp.Regexp, match []string) {
	for i, name := range want.SubexpNames() {
		if name != "" {
			c.ts.Setenv(name, match[i])
		}
	}
}
