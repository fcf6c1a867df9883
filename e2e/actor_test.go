package e2e

import (
	"bytes"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// An actor plays a part in a scenario: a program with its pipes or its terminal, or a raw connection.
type actor struct {
	name string
	in   io.WriteCloser // for typed text, or lines to send
	out  *stream        // its output; on a terminal, with escape sequences
	errs *stream        // its standard error; nil for a connection and on a terminal

	cmd  *exec.Cmd // of a program
	conn net.Conn  // of a connection
	term *terminal // of a program on a terminal
	// closed when the program has ended and its output has been read, or the connection was closed
	done chan struct{}

	mu   sync.Mutex
	data bytes.Buffer // the bytes after DATA lines; mu guards it
}

// reaping is how long output is awaited after a program has ended: a child process may still hold the pipes.
const reaping = 5 * time.Second

// newProgram starts cmd with pipes.
func newProgram(name string, cmd *exec.Cmd) (*actor, error) {
	a := &actor{name: name, cmd: cmd, out: newStream(), errs: newStream(), done: make(chan struct{})}
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	a.in = in
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = a.out, a.errs, reaping
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = cmd.Wait() // its status is in cmd.ProcessState
		a.out.end()
		a.errs.end()
		close(a.done)
	}()
	return a, nil
}

// hasEnded reports whether the program has ended or the connection was closed.
func (a *actor) hasEnded() bool {
	select {
	case <-a.done:
		return true
	default:
		return false
	}
}

// reap ends the actor if it still runs, and waits for that.
func (a *actor) reap() {
	if a.cmd != nil && !a.hasEnded() {
		_ = a.cmd.Process.Kill() // fails when it ends by itself at this moment
	}
	if a.conn != nil {
		a.conn.Close()
	}
	<-a.done
}

// describe returns what a failed expectation shows of the actor.
func (a *actor) describe() string {
	var b strings.Builder
	if a.term != nil {
		b.WriteString("screen of " + a.name + ":\n" + a.term.screen.String())
	} else {
		b.WriteString("unread from " + a.name + ":\n" + a.out.unread())
	}
	if a.errs != nil {
		if lines, _, _ := a.errs.now(); len(lines) > 0 {
			b.WriteString("standard error of " + a.name + ":\n" + indent(lines))
		}
	}
	if a.cmd != nil && a.hasEnded() {
		b.WriteString(a.name + " has ended: " + a.cmd.ProcessState.String() + "\n")
	}
	return b.String()
}

// troubles are beginnings of lines that no program may print, whatever a scenario does to it.
var troubles = []string{"panic:", "fatal error:", "WARNING: DATA RACE"}

// trouble returns the output from the first of the troubles on, or "".
func (a *actor) trouble() string {
	streams := []*stream{a.out, a.errs}
	for _, s := range streams {
		if s == nil {
			continue
		}
		lines, _, _ := s.now()
		for i, l := range lines {
			for _, t := range troubles {
				if strings.HasPrefix(l, t) {
					return strings.Join(lines[i:], "\n")
				}
			}
		}
	}
	return ""
}

// programEnv returns the environment of a program: the scenario's, and that of the loader for Windows.
func programEnv(getenv func(string) string, names []string) []string {
	var env []string
	for _, name := range names {
		if v := getenv(name); v != "" {
			env = append(env, name+"="+v)
		}
	}
	if !*windows {
		return env
	}
	for _, kv := range os.Environ() {
		if strings.HasPrefix(kv, "WINE") {
			env = append(env, kv)
		}
	}
	// else arguments lose characters that are not ASCII
	return append(env, "HOME="+os.Getenv("HOME"), "LC_ALL=C.UTF-8")
}
