package fault

import (
	"bytes"
	"io"
	"os/exec"
	"sync"
	"sync/atomic"
	"time"
)

// patience is how long to wait for what must come: several times a client's longest pause between two
// attempts to come back. A run in which all is well never waits it out.
const patience = time.Minute

// reaping is how long a program's output is waited for after its end.
const reaping = 5 * time.Second

// A program is one of the two programs with its pipes.
type program struct {
	cmd  *exec.Cmd
	in   io.WriteCloser
	done chan struct{} // closed when it has ended and all that it printed was handed on
	shot atomic.Bool   // it was killed

	mu   sync.Mutex    // guards the following field
	more chan struct{} // closed when something is printed or it ends; nil when nobody waits for that
}

// startProgram starts a command line in a folder. Out and errs are called with each line that it prints, from
// two goroutines.
func startProgram(line []string, dir string, out, errs func(line string)) (*program, error) {
	p := &program{cmd: exec.Command(line[0], line[1:]...), done: make(chan struct{})}
	p.cmd.Dir, p.cmd.WaitDelay = dir, reaping
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

// hasEnded tells whether the program has ended.
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

// await waits until f says yes, which it may when something is printed, and tells whether it did: not when
// the program ends before, or patience is over.
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

// awaitEnd waits until the program ends, and tells whether it did.
func (p *program) awaitEnd() bool {
	p.await(func() bool { return false })
	return p.hasEnded()
}

// lines takes what a program prints apart. One goroutine writes to it.
type lines struct {
	f    func(line string)
	p    *program
	part []byte // the begin of a line whose end has not come
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

// end hands on a last line without an end, unless the program was killed while it wrote it.
func (l *lines) end() {
	if len(l.part) > 0 && !l.p.shot.Load() {
		l.f(string(l.part))
	}
}
