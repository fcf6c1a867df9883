package fault

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"time"
)

// patience is how long to wait for an expected line: several times a client's longest pause between two
// attempts to reconnect. A run that passes never waits so long.
const patience = time.Minute

// reaping is how long output is awaited after a program has ended.
const reaping = 5 * time.Second

// A program is one of the two programs with its pipes.
type program struct {
	cmd  *exec.Cmd
	in   io.WriteCloser
	done chan struct{} // closed when it has ended and all its output was handled
	shot atomic.Bool   // it was killed

	mu   sync.Mutex    // guards the following field
	more chan struct{} // closed when a line is printed or it ends; nil when nobody waits
}

// startProgram starts a command line in a folder. Out and errs are called with each line that it prints, from
// two goroutines.
func startProgram(line []string, dir string, out, errs func(line string)) (*program, error) {
	p := &program{cmd: exec.Command(line[0], line[1:]...), done: make(chan struct{})}
	p.cmd.Dir, p.cmd.WaitDelay = dir, reaping
	p.cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_CONFIG_HOME=") // where clients keep their keys
	stdout, stderr := &lines{f: out, p: p}, &lines{f: errs, p: p}
	p.cmd.Stdout, p.cmd.Stderr = stdout, stderr
	var err error
	p.in, err = p.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = p.cmd.Wait() // its status is in cmd.ProcessState
		stdout.end()
		stderr.end()
		close(p.done)
		p.changed()
	}()
	return p, nil
}

// kill ends the program as a power failure does, and waits until it is gone.
func (p *program) kill() {
	p.shot.Store(true)
	_ = p.cmd.Process.Kill() // fails when it has ended by itself
	<-p.done
}

// hasEnded reports whether the program has ended.
func (p *program) hasEnded() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

func (p *program) changed() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.more != nil {
		close(p.more)
		p.more = nil
	}
}

func (p *program) change() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.more == nil {
		p.more = make(chan struct{})
	}
	return p.more
}

// await calls f after every printed line until it returns true. It reports false if the program ends before,
// or patience is over.
func (p *program) await(f func() bool) bool {
	over := time.NewTimer(patience)
	defer over.Stop()
	for {
		change, ended := p.change(), p.hasEnded()
		if f() {
			return true
		}
		if ended {
			return false
		}
		select {
		case <-change:
		case <-over.C:
			return f()
		}
	}
}

// awaitEnd waits until the program ends, and reports whether it did.
func (p *program) awaitEnd() bool {
	p.await(func() bool { return false })
	return p.hasEnded()
}

// lines splits a program's output into lines. One goroutine writes to it.
type lines struct {
	f    func(line string)
	p    *program
	part []byte // an incomplete line
}

func (l *lines) Write(b []byte) (int, error) {
	l.part = append(l.part, b...)
	rest := l.part
	for {
		line, after, found := bytes.Cut(rest, []byte("\n"))
		if !found {
			break
		}
		l.f(string(bytes.TrimSuffix(line, []byte("\r"))))
		rest = after
	}
	l.part = append(l.part[:0], rest...)
	l.p.changed()
	return len(b), nil
}

// end handles a last line without LF, unless the program was killed while it wrote it.
func (l *lines) end() {
	if len(l.part) > 0 && !l.p.shot.Load() {
		l.f(string(l.part))
	}
}
