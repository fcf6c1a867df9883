package main

import (
	"bytes"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"parley/server/wire"
)

func TestUsage(t *testing.T) {
	tests := []struct {
		args   string
		status int
		out    string
		errs   string
	}{
		{"-h", 0, usage, ""},
		{"-version", 0, wire.Build() + "\n", ""},
		{"alice localhost 1 -version", 0, wire.Build() + "\n", ""},
		{"", 2, "", "client: missing: NAME, HOST, PORT: see client -h\n"},
		{"alice", 2, "", "client: missing: HOST, PORT: see client -h\n"},
		{"alice localhost -history 5", 2, "", "client: missing: PORT: see client -h\n"},
		{"alice localhost 1 2 3", 2, "",
			"client: unexpected argument \"2\" after NAME, HOST and PORT: see client -h\n"},
		{"alice -history 1001 localhost 1", 2, "",
			"client: -history 1001 is not from 0 to 1000: see client -h\n"},
		{"alice localhost 1 -idle 1ms", 2, "", "client: -idle 1ms is less than 30ms: see client -h\n"},
		{"-- -x localhost 0", 2, "", "client: port \"0\" is not a number from 1 to 65535: see client -h\n"},
		{"alice localhost abc", 2, "",
			"client: port \"abc\" is not a number from 1 to 65535: see client -h\n"},
		{"alice localhost 0", 2, "", "client: port \"0\" is not a number from 1 to 65535: see client -h\n"},
		{"alice localhost 65536", 2, "",
			"client: port \"65536\" is not a number from 1 to 65535: see client -h\n"},
		{"al,ice@b/c localhost 1", 2, "",
			`client: "al,ice@b/c" cannot name a folder on every system: "al,ice@b_c" could: ` +
				"see client -h\n"},
		{"-history 1001 alice localhost 1", 2, "",
			"client: -history 1001 is not from 0 to 1000: see client -h\n"},
		{"-idle 1ms alice localhost 1", 2, "", "client: -idle 1ms is less than 30ms: see client -h\n"},
		{"-reconnect -1s alice localhost 1", 2, "",
			"client: -reconnect -1s is less than 0s: see client -h\n"},
		{"-x", 2, "", "client: flag provided but not defined: -x: see client -h\n"},
	}
	for _, tt := range tests {
		t.Run(tt.args, func(t *testing.T) {
			var out, errs bytes.Buffer
			if status := run(strings.Fields(tt.args), strings.NewReader(""), &out,
				&errs); status != tt.status {
				t.Errorf("status %d, want %d", status, tt.status)
			}
			if diff := cmp.Diff(tt.out, out.String()); diff != "" {
				t.Errorf("standard output (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.errs, errs.String()); diff != "" {
				t.Errorf("standard error (-want +got):\n%s", diff)
			}
		})
	}
}

// A terminal that has no name, or one that says nothing of it, only prints.
func TestControllable(t *testing.T) {
	tests := map[string]bool{"xterm-256color": true, "linux": true, "vt100": true, "dumb": false,
		"unknown": false,
		"network": false, "": runtime.GOOS == "windows"}
	for name, want := range tests {
		if got := controllable(name); got != want {
			t.Errorf("%q: %v, want %v", name, got, want)
		}
	}
}

// A signal that is ignored when the client starts, as under nohup, stays ignored.
func TestHeeded(t *testing.T) {
	signal.Ignore(syscall.SIGHUP)
	defer signal.Reset(syscall.SIGHUP)
	want := []os.Signal{syscall.SIGTERM, os.Kill}
	if diff := cmp.Diff(want, heeded(syscall.SIGHUP, syscall.SIGTERM)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
