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

// An actor is who has a part in a scenario: a program with its pipes or its terminal, or a raw connection.
type actor struct {
	name string
	in   io.WriteCloser // takes what is typed or sent
	out  *stream        // what it prints; of a terminal, nothing
	errs *stream        // what it prints on standard error; of a connection or a terminal, nothing

	cmd  *exec.Cmd // of a program
	conn net.Conn  // of a connection
	term *terminal // of a program on a terminal
	// closed when the program has ended and all that it printed has been read, or the connection was closed
	done chan struct{}

	mu   sync.Mutex
	data bytes.Buffer // what came after DATA lines; mu guards it
}

// reaping is how long output may keep coming after a program has ended: a child of it may have the pipes too.
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

// hasEnded tells whether the program has ended or the connection was closed.
func (a *actor) hasEnded() bool {
	select {
	case <-a.done:
		return true
	default:
		return false
	}
}

// reap ends what still runs, and waits for it.
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

// troubles are the begins of lines that no program may print, whatever a scenario does to it.
var troubles = []string{"panic:", "fatal error:", "WARNING: DATA RACE"}

// trouble returns what the program printed from the first of the troubles on, or nothing.
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

// programEnv returns the environment of a program: the scenario's, and what a Windows program's loader needs.
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
	return append(env, "HOME="+os.Getenv("HOME"), "LC_ALL=C.UTF-8") // else arguments lose what is not ASCII
}
