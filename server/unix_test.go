//go:build unix

package main

import (
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The end of the operator's input is not the end of the server; a signal is.
func TestSignals(t *testing.T) {
	for signal, reason := range map[syscall.Signal]string{
		syscall.SIGTERM: "terminated", syscall.SIGINT: "interrupt",
	} {
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
		want := []string{"level=INFO msg=shutdown reason=" + reason, "level=INFO msg=ended"}
		if diff := cmp.Diff(want, log[len(log)-2:]); diff != "" {
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
	socket, err := net.Listen("unix", "socket")
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	for _, err := range []error{
		os.MkdirAll("shared/sub", 0o755), os.Symlink("shared/new.log", "linked"),
		os.Symlink("shared", "other"), os.Symlink("circle", "circle"), syscall.Mkfifo("pipe", 0o600),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	const another = ": choose another with -log; - is standard output"
	tests := []struct {
		args []string
		want string // on stderr
	}{
		{[]string{taken}, "cannot listen on " + taken +
			": the port is in use: end the program that has it, or choose another port"},
		{[]string{"192.0.2.1:0"}, "cannot listen on 192.0.2.1:0: bind: cannot assign requested address: " +
			"choose an address of this machine"},
		{[]string{"-log", ".", "0"},
			"cannot write the log: open .: neither a regular file nor a device" + another},
		{[]string{"-log", "pipe", "0"},
			"cannot write the log: open pipe: neither a regular file nor a device" + another},
		{[]string{"-log", "socket", "0"},
			"cannot write the log: open socket: neither a regular file nor a device" + another},
		{[]string{"-log", "circle", "0"}, "cannot write the log: open circle: too many links" + another},
		{[]string{"-log", "shared/server.log", "-files", "shared", "0"},
			"the log shared/server.log is in the shared folder: choose another with -log"},
		// the file that a link leads to need not exist
		{[]string{"-log", "linked", "-files", "shared", "0"},
			"the log linked is in the shared folder: choose another with -log"},
		{[]string{"-log", "other/sub/server.log", "-files", "shared", "0"},
			"the log other/sub/server.log is in the shared folder: choose another with -log"},
		{[]string{"-state", "other/a/b/c", "-files", "shared", "0"},
			"the state folder other/a/b/c is in the shared folder: choose another with -state"},
		{[]string{"-files", "file", "0"},
			"cannot create the shared folder file: not a directory: choose another with -files"},
	}
	for _, test := range tests {
		var stdout, stderr strings.Builder
		if status := run(test.args, strings.NewReader(""), &stdout, &stderr); status != 1 {
			t.Errorf("%q: status %d, want 1", test.args, status)
		}
		want := []string{"", "server: " + test.want + "\n"}
		if diff := cmp.Diff(want, []string{stdout.String(), stderr.String()}); diff != "" {
			t.Errorf("%q: stdout, stderr (-want +got):\n%s", test.args, diff)
		}
	}
}
