package e2e

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func serve(c *call) {
	a := c.run("server", "server", append(c.args, "127.0.0.1:0")...)
	c.await(a, a.out, "listening on {ADDR}")
	host, port, err := net.SplitHostPort(c.ts.Getenv("ADDR"))
	c.check(err)
	c.ts.Setenv("HOST", host)
	c.ts.Setenv("PORT", port)
	for _, w := range c.cables {
		w.lead(c.ts.Getenv("ADDR"))
	}
}

func join(c *call) {
	host, port := c.server()
	name := c.args[0]
	a := c.run(name, "client", append(c.args[1:], name, host, port)...)
	c.await(a, a.out, name+" has joined")
}

// rests counts how often a program's threads gave the processor back to wait for something.
func rests(c *call) {
	a := c.program()
	deadline := time.Now().Add(patience())
	for before := c.waits(a); ; {
		time.Sleep(time.Second)
		now := c.waits(a)
		switch woken := now - before; {
		case woken >= 0 && woken <= 2:
			return
		case time.Now().After(deadline):
			c.fail("still woken %d times in a second", woken)
		}
		before = now
	}
}

// waits returns how often the threads that a program has now waited for something.
func (c *call) waits(a *actor) (sum int) {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", a.cmd.Process.Pid))
	c.check(err)
	for _, thread := range threads {
		status, _ := os.ReadFile(thread) // fails when the thread has ended since
		_, count, _ := strings.Cut(string(status), "\nvoluntary_ctxt_switches:\t")
		count, _, _ = strings.Cut(count, "\n")
		n, _ := strconv.Atoi(count)
		sum += n
	}
	if sum == 0 {
		c.fail("%s has no threads that ever waited", a.name)
	}
	return sum
}

// server returns where a client finds the server: at the end of a cable, when the first argument is -cable.
func (c *call) server() (host, port string) {
	host, port = c.ts.Getenv("HOST"), c.ts.Getenv("PORT")
	if !c.flag("-cable") {
		return host, port
	}
	if len(c.args) == 0 {
		c.fail("who?")
	}
	wire, err := newCable(c.ts.Getenv("ADDR"))
	c.check(err)
	c.cables[c.args[0]] = wire
	host, port, err = net.SplitHostPort(wire.addr())
	c.check(err)
	return host, port
}

func start(c *call) {
	if c.flag("-term") {
		if len(c.args) < 2 {
			c.fail("what shall start?")
		}
		c.runOnTerminal(c.args[0], c.args[1], 80, 24, c.args[2:]...)
		return
	}
	c.run(c.args[0], c.args[1], c.args[2:]...)
}

func typeLine(c *call) {
	end := "\n"
	if c.flag("-n") {
		end = ""
	}
	_, err := io.WriteString(c.program().in, c.text(1)+end)
	c.check(err)
}

func eof(c *call) { c.check(c.program().in.Close()) }

func expect(c *call) {
	a := c.actor()
	if a.term != nil {
		c.fail("%s is on a terminal: use screen", a.name)
	}
	c.await(a, a.out, c.text(1))
}

func expectErr(c *call) {
	a := c.program()
	c.await(a, a.errs, c.text(1))
}

func never(c *call) {
	a, unwanted := c.actor(), pattern(c.text(1))
	lines, _, _ := a.out.now()
	if a.errs != nil {
		errs, _, _ := a.errs.now()
		lines = append(lines, errs...)
	}
	if a.term != nil {
		lines = append(lines, a.term.screen.rows()...)
	}
	for _, l := range lines {
		if unwanted.MatchString(l) {
			c.fail("%s printed %.200q", a.name, l)
		}
	}
}

// barrier relies on the order of the server's answers: they follow everything that it sent the client before.
func barrier(c *call) {
	a := c.actor()
	question, answer := "/who", "... here: ..."
	if a.conn != nil {
		question, answer = "PING 0", "PONG"
	}
	if a.term != nil {
		c.fail("%s is on a terminal: use screen", a.name)
	}
	_, err := io.WriteString(a.in, question+"\n")
	c.check(err)
	c.await(a, a.out, answer)
}

func printed(c *call) {
	a, wanted := c.actor(), pattern("...")
	if len(c.args) > 2 {
		wanted = pattern(c.text(2))
	}
	lines, _, _ := a.out.now()
	var b strings.Builder
	for _, l := range lines {
		// how the server splits a file is its own business
		pieces := a.conn != nil && strings.HasPrefix(l, "DATA ")
		if !pieces && wanted.MatchString(l) {
			b.WriteString(l + "\n")
		}
	}
	c.check(os.WriteFile(c.ts.MkAbs(c.args[1]), []byte(steady(b.String())), 0o666))
}

func crash(c *call) {
	a := c.program()
	c.check(a.cmd.Process.Kill())
	c.awaitEnd(a)
}

var signals = map[string]syscall.Signal{
	"INT": syscall.SIGINT, "TERM": syscall.SIGTERM, "HUP": syscall.SIGHUP, "QUIT": syscall.SIGQUIT,
}

// signalOf returns the signal of that name.
func (c *call) signalOf(name string) syscall.Signal {
	sig, ok := signals[name]
	if !ok {
		c.fail("there is no signal %s here, only INT, TERM, HUP and QUIT", name)
	}
	return sig
}

func signal(c *call) { c.check(c.program().cmd.Process.Signal(c.signalOf(c.args[1]))) }

func ignore(c *call) {
	for _, name := range c.args {
		c.signalOf(name)
		c.ignore = append(c.ignore, name)
	}
}

func ends(c *call) {
	a := c.program()
	want, err := strconv.Atoi(c.args[1])
	c.check(err)
	c.awaitEnd(a)
	if got := a.cmd.ProcessState.ExitCode(); got != want {
		c.fail("%s ended with status %d, not %d\n%s", a.name, got, want, a.describe())
	}
}

// awaitEnd waits until a has ended or was closed.
func (c *call) awaitEnd(a *actor) {
	select {
	case <-a.done:
	case <-time.After(patience()):
		c.fail("%s goes on\n%s", a.name, a.describe())
	}
}

func limit(c *call) {
	n, err := bytesOf(c.args[0])
	c.check(err)
	c.limit = n
}
