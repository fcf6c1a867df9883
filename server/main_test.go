package main

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"parley/server/wire"
	"parley/server/wire/wiretest"
)

// patience is how long a test waits for what must come.
const patience = time.Minute

// An output collects what a program prints, for tests that wait for it.
type output struct {
	mu   sync.Mutex
	more chan struct{} // closed and replaced when text grows
	text strings.Builder
}

func newOutput() *output { return &output{more: make(chan struct{})} }

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	close(o.more)
	o.more = make(chan struct{})
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// wait returns what pattern matches once it does.
func (o *output) wait(t *testing.T, pattern string) []string {
	t.Helper()
	limit := time.After(patience)
	for {
		o.mu.Lock()
		text, more := o.text.String(), o.more
		o.mu.Unlock()
		if found := regexp.MustCompile(pattern).FindStringSubmatch(text); found != nil {
			return found
		}
		select {
		case <-more:
		case <-limit:
			t.Fatalf("%q does not come after\n%s", pattern, text)
		}
	}
}

// A program is a run of the server in this process.
type program struct {
	t              *testing.T
	dir            string // holds its log and its folder
	addr           string
	stdin          *io.PipeWriter
	stdout, stderr *output
	status         chan int
}

// launch runs a server on a free port, with what stdin gives.
func launch(t *testing.T, stdin io.Reader, flags ...string) *program {
	t.Helper()
	p := &program{t: t, dir: t.TempDir(), stdout: newOutput(), stderr: newOutput(), status: make(chan int, 1)}
	r, w := io.Pipe()
	p.stdin = w
	t.Cleanup(func() { w.Close() })
	if stdin == nil {
		stdin = r
	}
	args := append([]string{"-log", filepath.Join(p.dir, "log"), "-files", filepath.Join(p.dir, "shared"),
		"-state", filepath.Join(p.dir, "state")}, flags...)
	go func() { p.status <- run(append(args, "127.0.0.1:0"), stdin, p.stdout, p.stderr) }()
	p.addr = p.stdout.wait(t, `listening on (\S+)\n`)[1]
	return p
}

// ended waits for the end of the program and checks its status, and what it printed for errors.
func (p *program) ended(status int, stderr string) {
	p.t.Helper()
	select {
	case got := <-p.status:
		if got != status {
			p.t.Errorf("status %d, want %d", got, status)
		}
	case <-time.After(patience):
		p.t.Fatal("the server does not end")
	}
	if diff := cmp.Diff(stderr, p.stderr.String()); diff != "" {
		p.t.Errorf("stderr (-want +got):\n%s", diff)
	}
}

// log returns what the log holds, without the times.
func (p *program) log() []string {
	p.t.Helper()
	text, err := os.ReadFile(filepath.Join(p.dir, "log"))
	if err != nil {
		p.t.Fatal(err)
	}
	if !strings.HasSuffix(string(text), "\n") {
		p.t.Errorf("the log ends with half a line")
	}
	var lines []string
	for line := range strings.Lines(string(text)) {
		when, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if _, err := time.Parse("time="+time.RFC3339Nano, when); err != nil {
			p.t.Errorf("%q begins with no time", line)
		}
		lines = append(lines, rest)
	}
	return lines
}

func (p *program) dial() *wiretest.Peer {
	p.t.Helper()
	nc, err := net.Dial("tcp", p.addr)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { nc.Close() })
	return wiretest.NewClient(p.t, nc)
}

// join connects and says HELLO.
func (p *program) join(name string) *wiretest.Peer {
	p.t.Helper()
	c := p.dial()
	c.Send("HELLO parley/1 " + name + " 0")
	c.Expect("WELCOME ...", "JOINED "+name)
	return c
}

func TestWrongUsage(t *testing.T) {
	const outOfRange = "-max-clients and -idle must be above 0, -per-address, -rate and -grace not below"
	tests := []struct {
		args []string
		want string // on stderr
	}{
		{nil, "missing: PORT"},
		{[]string{"-log", "x"}, "missing: PORT"},
		{[]string{"12000", "13000"}, `unexpected argument "13000" after PORT`},
		{[]string{"12000", "-log", "x", "13000"}, `unexpected argument "13000" after PORT`},
		{[]string{"12000", "--", "-log"}, `unexpected argument "-log" after PORT`},
		{[]string{"12000", "-rate", "-1"}, outOfRange},
		{[]string{""}, `port "" is not a number from 0 to 65535`},
		{[]string{"x"}, `port "x" is not a number from 0 to 65535`},
		{[]string{"65536"}, `port "65536" is not a number from 0 to 65535`},
		{[]string{"--", "-1"}, `port "-1" is not a number from 0 to 65535`},
		{[]string{"-1"}, "flag provided but not defined: -1"},
		{[]string{"1.5"}, `port "1.5" is not a number from 0 to 65535`},
		{[]string{"localhost"}, `port "localhost" is not a number from 0 to 65535`},
		{[]string{"localhost:"}, `port "" is not a number from 0 to 65535`},
		{[]string{"localhost:99999999999999999999"},
			`port "99999999999999999999" is not a number from 0 to 65535`},
		{[]string{"::1:12000"}, `port "::1:12000" is not a number from 0 to 65535`},
		{[]string{"-max-clients", "0", "0"}, outOfRange},
		{[]string{"-max-clients", "x", "0"}, `invalid value "x" for flag -max-clients: parse error`},
		{[]string{"-rate", "-1", "0"}, outOfRange},
		{[]string{"-grace", "-1s", "0"}, outOfRange},
		{[]string{"-idle", "0", "0"}, outOfRange},
		{[]string{"-idle", "5", "0"}, `invalid value "5" for flag -idle: parse error`},
		{[]string{"-log"}, "flag needs an argument: -log"},
		{[]string{"-what", "0"}, "flag provided but not defined: -what"},
	}
	t.Chdir(t.TempDir())
	for _, test := range tests {
		var stdout, stderr strings.Builder
		if status := run(test.args, strings.NewReader(""), &stdout, &stderr); status != 2 {
			t.Errorf("%q: status %d, want 2", test.args, status)
		}
		want := []string{"", "server: " + test.want + "; server -h tells more\n"}
		if diff := cmp.Diff(want, []string{stdout.String(), stderr.String()}); diff != "" {
			t.Errorf("%q: stdout, stderr (-want +got):\n%s", test.args, diff)
		}
	}
	if entries, err := os.ReadDir("."); len(entries) > 0 || err != nil {
		t.Errorf("wrong usage left %v behind, %v", entries, err)
	}
}

// Numbers that no limit can be made of are wrong usage too, and neither crash the server nor make its clients
// wait for ever.
func TestNumbersOutOfRange(t *testing.T) {
	for _, args := range [][]string{
		{"-rate", "NaN"}, {"-rate", "Inf"}, {"-rate", "1e300"}, {"-max-clients", "9223372036854775807"},
		{"-per-address", "-1"}, {"-per-address", "100001"},
	} {
		opt, err := parse(append(args, "0"))
		if err == nil {
			t.Errorf("%q is accepted, as rate %v and %d clients", args, opt.rate, opt.limits.Sessions)
		}
	}
}

func TestManual(t *testing.T) {
	for _, flag := range []string{"-h", "-help", "--help"} {
		var stdout, stderr strings.Builder
		if status := run([]string{flag}, strings.NewReader(""), &stdout, &stderr); status != 0 {
			t.Errorf("%s: status %d, want 0", flag, status)
		}
		want, got := []string{usage(), ""}, []string{stdout.String(), stderr.String()}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: stdout, stderr (-want +got):\n%s", flag, diff)
		}
	}
}

// Flags mean the same before the port and after it.
func TestFlagsAfterPort(t *testing.T) {
	want, err := parse([]string{"-log", "x", "-rate", "5", "12000"})
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"12000", "-log", "x", "-rate", "5"}, {"-log", "x", "12000", "-rate", "5"},
	} {
		if got, err := parse(args); got != want || err != nil {
			t.Errorf("%q: %+v, %v, want %+v", args, got, err, want)
		}
	}
}

func TestVersion(t *testing.T) {
	for _, args := range [][]string{{"-version"}, {"12000", "-version"}} {
		var stdout, stderr strings.Builder
		if status := run(args, strings.NewReader(""), &stdout, &stderr); status != 0 {
			t.Errorf("%q: status %d, want 0", args, status)
		}
		want := []string{wire.Build() + "\n", ""}
		if diff := cmp.Diff(want, []string{stdout.String(), stderr.String()}); diff != "" {
			t.Errorf("%q: stdout, stderr (-want +got):\n%s", args, diff)
		}
	}
}

// The folder to share comes from the flag, else the environment, else it has its usual name.
func TestSharedFolder(t *testing.T) {
	t.Setenv("SERVER_SHARED_FILES", "")
	check := func(want string, args ...string) {
		t.Helper()
		if opt, err := parse(append(args, "0")); opt.files != want || err != nil {
			t.Errorf("folder %q, %v, want %q", opt.files, err, want)
		}
	}
	check("SharedFiles")
	t.Setenv("SERVER_SHARED_FILES", "elsewhere")
	check("elsewhere")
	check("here", "-files", "here")
	home, err := os.UserHomeDir()
	if err != nil {
		t.Fatal(err)
	}
	check(home, "-files", "~")
	check(filepath.Join(home, "a", "b"), "-files", "~/a/b")
	check("~bob", "-files", "~bob")
	t.Setenv("SERVER_SHARED_FILES", "~/share")
	check(filepath.Join(home, "share"))
}
