//go:build linux

package measure

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// A process is a running server.
type process struct {
	cmd  *exec.Cmd
	addr netip.AddrPort
}

// freePort returns a port of this machine that nothing listens on.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// launch starts a server that listens on port of 127.0.0.1, in dir, and waits until it does.
func launch(dir string, port int, argv ...string) (*process, error) {
	p := &process{addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(port))}
	out, err := os.Create(filepath.Join(dir, "output"))
	if err != nil {
		return nil, err
	}
	defer out.Close()
	p.cmd = exec.Command(argv[0], argv[1:]...)
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = dir, out, out
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	for begun := time.Now(); time.Since(begun) < 10*time.Second; time.Sleep(10 * time.Millisecond) {
		if nc, err := net.Dial("tcp", p.addr.String()); err == nil {
			nc.Close()
			return p, nil
		}
	}
	p.stop()
	printed, _ := os.ReadFile(out.Name())
	return nil, fmt.Errorf("%s does not listen: %s", argv[0], bytes.TrimSpace(printed))
}

func (p *process) stop() {
	p.cmd.Process.Kill()
	p.cmd.Wait()
}

func (p *process) cpu() (time.Duration, error) { return CPU(p.cmd.Process.Pid) }

func (p *process) memory() (int64, error) { return Memory(p.cmd.Process.Pid) }

// CPU returns the processor time that a process has used.
func CPU(pid int) (time.Duration, error) {
	const tick = 10 * time.Millisecond // USER_HZ is 100 on every Linux that Go runs on
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// the third field of proc(5) is the first here
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	user, err1 := strconv.Atoi(fields[11])
	system, err2 := strconv.Atoi(fields[12])
	if err1 != nil || err2 != nil {
		return 0, fmt.Errorf("no times in %s", b)
	}
	return time.Duration(user+system) * tick, nil
}

// Memory returns the bytes of a process that are in memory.
func Memory(pid int) (int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0, err
	}
	pages, err := strconv.ParseInt(strings.Fields(string(b))[1], 10, 64)
	return pages * int64(os.Getpagesize()), err
}
