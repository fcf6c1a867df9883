package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
)

func connect(c *call) {
	var from net.Dialer
	if len(c.args) > 1 {
		from.LocalAddr = &net.TCPAddr{IP: net.ParseIP(c.args[1])}
	}
	c.connect(c.args[0], from)
}

func (c *call) connect(name string, from net.Dialer) *actor {
	c.free(name)
	conn, err := from.Dial("tcp", c.ts.Getenv("ADDR"))
	c.check(err)
	a := &actor{name: name, in: conn, conn: conn, out: newStream(), done: make(chan struct{})}
	go a.listen()
	c.add(a)
	return a
}

// crowd makes the floods of joins and leaves for which a person's screen has no room.
func crowd(c *call) {
	n, err := strconv.Atoi(c.args[1])
	if err != nil || n < 1 {
		c.check(fmt.Errorf("%q is no count", c.args[1]))
	}
	then := ""
	if len(c.args) > 2 {
		then = c.text(2) + "\n"
	}
	people := make([]*actor, n)
	for i := range people {
		people[i] = c.connect(fmt.Sprint(c.args[0], i+1), net.Dialer{})
	}
	for _, a := range people {
		_, err := fmt.Fprintf(a.in, "HELLO parley/1 %s 0\n%s", a.name, then)
		c.check(err)
	}
	for _, a := range people {
		c.await(a, a.out, "WELCOME ...")
	}
}

// listen separates the lines that a connection brings from the bytes after DATA lines.
func (a *actor) listen() {
	defer close(a.done)
	defer a.out.end()
	defer a.conn.Close()
	r := bufio.NewReader(a.conn)
	for {
		line, err := r.ReadString('\n')
		_, _ = a.out.Write([]byte(line)) // it never fails
		if err != nil {
			return
		}
		if n, ok := strings.CutPrefix(line, "DATA "); ok {
			size, err := strconv.ParseInt(strings.TrimRight(n, "\r\n"), 10, 64)
			if err != nil {
				return
			}
			a.mu.Lock()
			_, err = io.CopyN(&a.data, r, size)
			a.mu.Unlock()
			if err != nil {
				return
			}
		}
	}
}

func send(c *call) {
	_, err := io.WriteString(c.connection().in, c.text(1)+"\n")
	c.check(err)
}

func sendBytes(c *call) {
	raw, err := strconv.Unquote(`"` + c.args[1] + `"`)
	if err != nil {
		c.fail("%q is not a Go string without its quotes", c.args[1])
	}
	_, err = io.WriteString(c.actor().in, raw)
	c.check(err)
}

func data(c *call) {
	a := c.connection()
	a.mu.Lock()
	defer a.mu.Unlock()
	c.check(os.WriteFile(c.ts.MkAbs(c.args[1]), a.data.Bytes(), 0o666))
	a.data.Reset()
}

func hangup(c *call) {
	if a := c.actor(); a.term != nil {
		c.check(a.term.pty.Close())
		return
	}
	a := c.connection()
	_ = a.conn.Close() // fails when it is closed already
	c.awaitEnd(a)
}

func closed(c *call) { c.awaitEnd(c.connection()) }

// repeat makes texts of the length that the protocol just allows, and longer.
func repeat(c *call) {
	n, err := strconv.Atoi(c.args[1])
	if err != nil || n < 0 {
		c.check(fmt.Errorf("%q is no count", c.args[1]))
	}
	c.ts.Setenv(c.args[0], strings.Repeat(c.text(2), n))
}
