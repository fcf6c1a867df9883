//go:build unix

package main

import (
	"net"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The end of the operator's input is not the end of the server; a signal is.
func TestSignals(t *testing.T) {
	for signal, reason := range map[syscall.Signal]string{syscall.SIGTERM: "terminated", syscall.SIGINT: "interrupt"} {
		p := launch(t, nil)
		p.stdin.Close()
		alice := p.join("alice")
		if err := syscall.Kill(os.Getpid(), signal); err != nil {
			t.Fatal(err)
		}
		alice.ExpectEnd("NOTICE the server is shutting down: the conversation goes on when it is back")
		alice.Close()
		p.ended(0, "")
		log := p.log()
		if diff := cmp.Diff([]string{"level=INFO msg=shutdown reason=" + reason, "level=INFO msg=ended"}, log[len(log)-2:]); diff != "" {
			t.Errorf("the end of the log (-want +got):\n%s", diff)
		}
	}
}

// Why it cannot start is said in the system's words, and what to do in ours.
func TestServerThatCannotStart(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	taken := listener.Addr().String()
	t.Chdir(t.TempDir())
	if err := os.WriteFile("file", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		args []string
		want string // on stderr
	}{
		{[]string{taken}, "cannot listen on " + taken + ": the port is in use: end the program that has it, or choose another port"},
		{[]string{"192.0.2.1:0"}, "cannot listen on 192.0.2.1:0: bind: cannot assign requested address: choose an address of this machine"},
		{[]string{"-log", ".", "0"}, "cannot write the log: open .: is a directory: choose another place with -log"},
		{[]string{"-files", "file", "0"}, "cannot create the shared folder file: not a directory: choose another with -files"},
	}
	if runtime.GOOS == "linux" { // others have another error for it
		socket, err := net.Listen("unix", "socket")
		if err != nil {
			t.Fatal(err)
		}
		defer socket.Close()
		tests = append(tests, struct {
			args []string
			want string
		}{[]string{"-log", "socket", "0"},
			"cannot write the log: open socket: no such device or address: -log - writes it to standard output"})
	}
	for _, test := range tests {
		var stdout, stderr strings.Builder
		if status := run(test.args, strings.NewReader(""), &stdout, &stderr); status != 1 {
			t.Errorf("%q: status %d, want 1", test.args, status)
		}
		if diff := cmp.Diff([]string{"", "server: " + test.want + "\n"}, []string{stdout.String(), stderr.String()}); diff != "" {
			t.Errorf("%q: stdout, stderr (-want +got):\n%s", test.args, diff)
		}
	}
}
