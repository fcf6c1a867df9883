//go:build linux

package main

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"parley/e2e/load/measure"
)

// A server is a running server, and what it took.
type server struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser // stays open
	dir   string
	addr  string

	watching sync.WaitGroup
	stop     chan struct{}
	peak     int64 // bytes of memory; for who has waited for watching
}

// startServer starts a server in dir, which must not exist, with empty files to share.
func startServer(o options, dir string, files int) (*server, error) {
	shared := filepath.Join(dir, "shared")
	if err := os.MkdirAll(shared, 0o700); err != nil {
		return nil, err
	}
	for i := range files {
		name := fmt.Sprintf("a file with quite a long name, as files have them, number %d", i)
		if err := os.WriteFile(filepath.Join(shared, name), nil, 0o600); err != nil {
			return nil, err
		}
	}
	out, err := os.Create(filepath.Join(dir, "output"))
	if err != nil {
		return nil, err
	}
	defer out.Close()
	s := &server{dir: dir, stop: make(chan struct{})}
	args := append([]string{"-files", "shared"}, strings.Fields(o.flags)...)
	s.cmd = exec.Command(o.server, append(args, "127.0.0.1:0")...)
	s.cmd.Dir, s.cmd.Stdout, s.cmd.Stderr = dir, out, out
	s.stdin, err = s.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	listening := regexp.MustCompile(`listening on (\S+)`)
	for begun := time.Now(); time.Since(begun) < patience; time.Sleep(10 * time.Millisecond) {
		text, _ := os.ReadFile(out.Name())
		if found := listening.FindSubmatch(text); found != nil {
			s.addr = string(found[1])
			return s, nil
		}
	}
	text, _ := os.ReadFile(out.Name())
	s.end()
	return nil, fmt.Errorf("the server does not listen: %s", bytes.TrimSpace(text))
}

func (s *server) end() {
	s.cmd.Process.Kill()
	s.cmd.Wait()
	os.RemoveAll(s.dir)
}

// watch notes the most memory that the server has, until unwatch is called.
func (s *server) watch() {
	s.watching.Go(func() {
		for tick := time.Tick(50 * time.Millisecond); ; {
			if now, err := measure.Memory(s.cmd.Process.Pid); err == nil {
				s.peak = max(s.peak, now)
			}
			select {
			case <-tick:
			case <-s.stop:
				return
			}
		}
	})
}

func (s *server) unwatch() (peak int64) {
	close(s.stop)
	s.watching.Wait()
	return s.peak
}

// A use is what the server has used so far.
type use struct {
	at                   time.Time
	cpu                  time.Duration
	log, state, terminal int64 // bytes
}

func (s *server) used() (u use, err error) {
	u.at = time.Now()
	u.cpu, err = measure.CPU(s.cmd.Process.Pid)
	if err != nil {
		return u, fmt.Errorf("the server has died: %w", err)
	}
	err = filepath.WalkDir(s.dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return nil
		}
		info, err := entry.Info()
		if err != nil {
			return nil // it is deleted already
		}
		switch name := entry.Name(); {
		case filepath.Base(filepath.Dir(path)) == "ServerState":
			u.state += info.Size()
		case strings.HasPrefix(name, "server.log"):
			u.log += info.Size()
		case name == "output":
			u.terminal += info.Size()
		}
		return nil
	})
	return u, err
}
