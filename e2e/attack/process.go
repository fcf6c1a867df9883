//go:build linux

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// A process attacks apart from the honest ones, who would otherwise wait for the attack's goroutines.
type process struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser // its end lets go of what the attack holds
	out   *bufio.Reader
}

// startAttacker starts an attack on the server at addr.
func startAttacker(a attack, o options, addr string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{cmd: exec.Command(self,
		"-at", addr, "-only", a.name, "-from", o.from, "-time", o.time.String())}
	p.cmd.Stderr = os.Stderr
	stdin, err1 := p.cmd.StdinPipe()
	out, err2 := p.cmd.StdoutPipe()
	p.stdin, p.out = stdin, bufio.NewReader(out)
	return p, errors.Join(err1, err2, p.cmd.Start())
}

// said waits until the attack is over, and returns how many honest sessions of its own were harmed, and how
// far it came.
func (p *process) said() (harmed int64, note string, err error) {
	line, err := p.out.ReadString('\n')
	if err != nil {
		return 0, "", fmt.Errorf("the attack failed: %w", err)
	}
	number, note, _ := strings.Cut(strings.TrimSpace(line), " ")
	harmed, err = strconv.ParseInt(number, 10, 64)
	return harmed, note, err
}

func (p *process) end() {
	p.stdin.Close()
	p.cmd.Wait()
}

// strike is the process that only attacks: it makes one attack, says how it went, and keeps what it holds
// until in ends.
func strike(o options, in io.Reader, out io.Writer) error {
	// Other programs come first: what is measured is not how busy this one keeps the machine.
	if err := syscall.Setpriority(syscall.PRIO_PROCESS, 0, 10); err != nil {
		return fmt.Errorf("giving way: %w", err)
	}
	if err := raiseFiles(); err != nil {
		return err
	}
	i := slices.IndexFunc(attacks, func(a attack) bool { return a.name == o.only })
	if i < 0 {
		return fmt.Errorf("no attack is called %s", o.only)
	}
	ctx, stop := context.WithTimeout(context.Background(), o.time)
	defer stop()
	by := &attacker{from: o.from, addr: o.at}
	note := attacks[i].do(ctx, by)
	fmt.Fprintln(out, by.harmed.Load(), strings.ReplaceAll(note, "\n", " "))
	io.Copy(io.Discard, in)
	by.release()
	return nil
}
