package e2e

import (
	"fmt"
	"net"
	"os/exec"
	"strings"

	"parley/e2e/natstest"
)

// hasNATS reports whether NATS can be run here.
func hasNATS() (bool, error) {
	if onWindows() {
		return false, nil
	}
	_, err := natstest.Program()
	if err != nil && !natstest.Needed() {
		return false, nil
	}
	return err == nil, err
}

// nats starts nodes that have not run before, as a cluster if they are several, or starts one again.
func nats(c *call) {
	off := c.flag("-off")
	if _, again := c.nodes[c.args[0]]; !again {
		c.planNodes(off)
	}
	for _, name := range c.args {
		c.free(name)
		line := c.nodes[name]
		if line == nil {
			c.fail("%s was not started with the others", name)
		}
		cmd := exec.Command(line[0], line[1:]...)
		cmd.Dir = c.ts.MkAbs(".")
		a, err := newProgram(name, cmd)
		c.check(err)
		c.add(a)
	}
	for _, name := range c.args {
		a := c.actors[name]
		c.await(a, a.errs, "...Server is ready")
	}
}

// planNodes makes the command lines of nodes, and sets $NATS to their URLs.
func (c *call) planNodes(off bool) {
	path, err := natstest.Program()
	c.check(err)
	var urls, routes []string
	for range c.args {
		port, err := natstest.FreePort()
		c.check(err)
		route, err := natstest.FreePort()
		c.check(err)
		urls = append(urls, fmt.Sprint("nats://127.0.0.1:", port))
		routes = append(routes, fmt.Sprint("nats://127.0.0.1:", route))
	}
	for i, name := range c.args {
		_, port, _ := strings.Cut(strings.TrimPrefix(urls[i], "nats://"), ":")
		line := []string{path, "-n", name, "-a", "127.0.0.1", "-p", port}
		if !off {
			line = append(line, "-js", "-sd", c.ts.MkAbs(name+"-store"))
		}
		if len(c.args) > 1 {
			line = append(line, "-cluster_name", "nodes", "-cluster", routes[i], "-routes",
				strings.Join(routes, ","), "-no_advertise")
		}
		c.nodes[name] = line
	}
	c.ts.Setenv("NATS", strings.Join(urls, ","))
}

// member starts one of the servers of a conversation.
func member(c *call) {
	cable := c.flag("-cable")
	if len(c.args) == 0 {
		c.fail("which?")
	}
	name, at := c.args[0], c.ts.Getenv("NATS")
	if cable {
		w, err := newCable(strings.TrimPrefix(at, "nats://"))
		c.check(err)
		c.cables[name] = w
		at = "nats://" + w.addr()
	}
	flags := []string{"-cluster", at, "-state", name + "-state", "-log", name + ".log",
		"-files", name + "-files"}
	a := c.run(name, "server", append(append(flags, c.args[1:]...), "127.0.0.1:0")...)
	c.await(a, a.out, "listening on {ADDR}")
	c.ts.Setenv(name, c.ts.Getenv("ADDR"))
	c.ts.Setenv("HOST", c.ts.Getenv("ADDR"))
	_, port, err := net.SplitHostPort(c.ts.Getenv("ADDR"))
	c.check(err)
	c.ts.Setenv("PORT", port)
}
