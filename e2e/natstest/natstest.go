// Package natstest runs nodes of NATS for tests.
package natstest

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// version is that of nats-server. The server's own tests are not run with others.
const version = "v2.15.2"

// Program returns the path of nats-server, which is built once for all runs. With PARLEY_NATS=needed in the
// environment, tests that need it fail without it, rather than being skipped.
var Program = sync.OnceValues(func() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "parley-tests", "nats-server-"+version)
	path := filepath.Join(dir, "nats-server")
	if runtime.GOOS == "windows" {
		path += ".exe"
	}
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	cmd := exec.Command("go", "install", "github.com/nats-io/nats-server/v2@"+version)
	cmd.Env = append(os.Environ(), "GOBIN="+dir, "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%s: %w\n%s", cmd, err, out)
	}
	return path, nil
})

// Needed reports whether a test fails rather than being skipped where nats-server cannot be built.
func Needed() bool { return os.Getenv("PARLEY_NATS") == "needed" }

// FreePort returns a port of this machine that nobody has. It is not one of those that the system hands out,
// so it stays free until it is used, and between two uses.
func FreePort() (port int, err error) {
	for range 100 {
		port = 20000 + rand.IntN(10000)
		var l net.Listener
		l, err = net.Listen("tcp", fmt.Sprint("127.0.0.1:", port))
		if err == nil {
			return port, l.Close()
		}
	}
	return 0, err
}

// A Node is one node of NATS.
type Node struct {
	URL string

	t       testing.TB
	line    []string
	running *exec.Cmd // nil if it does not run
}

// Start starts a node, which ends with the test.
func Start(t testing.TB) *Node { return StartAll(t, 1)[0] }

// StartAll starts nodes that are a cluster if they are several. They end with the test.
func StartAll(t testing.TB, nodes int) []*Node {
	t.Helper()
	path, err := Program()
	switch {
	case err != nil && Needed():
		t.Fatal(err)
	case err != nil:
		t.Skip("nats-server cannot be built here: ", err)
	}
	port := func() int {
		port, err := FreePort()
		if err != nil {
			t.Fatal(err)
		}
		return port
	}
	var routes []string
	for range nodes {
		routes = append(routes, fmt.Sprint("nats://127.0.0.1:", port()))
	}
	var all []*Node
	for i, route := range routes {
		at := port()
		n := &Node{t: t, URL: fmt.Sprint("nats://127.0.0.1:", at)}
		n.line = []string{path, "-a", "127.0.0.1", "-p", fmt.Sprint(at), "-js", "-sd", t.TempDir()}
		if nodes > 1 {
			n.line = append(n.line, "-n", fmt.Sprint("n", i+1), "-cluster_name", "nodes", "-cluster", route,
				"-routes", strings.Join(routes, ","), "-no_advertise")
		}
		t.Cleanup(n.Kill)
		n.Start()
		all = append(all, n)
	}
	return all
}

// Start starts a node again that was killed.
func (n *Node) Start() {
	n.t.Helper()
	cmd := exec.Command(n.line[0], n.line[1:]...)
	out, err := cmd.StderrPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		n.t.Fatal(err)
	}
	n.running = cmd
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if strings.HasSuffix(lines.Text(), "Server is ready") {
			go func() {
				for lines.Scan() { // so that it can write on
				}
			}()
			return
		}
	}
	n.t.Fatal("nats-server does not become ready")
}

// Kill kills the node, if it runs.
func (n *Node) Kill() {
	if n.running != nil {
		_ = n.running.Process.Kill() // fails when it has ended
		_ = n.running.Wait()         // which tells that it was killed
		n.running = nil
	}
}
