package e2e

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

var (
	update  = flag.Bool("update", false, "write what cmp finds different into the scenarios")
	windows = flag.Bool("windows", false, "build the programs for Windows and run them with $PARLEY_WINE")
)

// scenarios is the folder of the scenarios, and shared that of the sample files.
const (
	scenarios = "../testdata"
	shared    = "../testdata/shared"
)

// bin is the folder that build puts the programs into; TestMain makes it.
var bin string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	if *windows && os.Getenv("PARLEY_WINE") == "" {
		fmt.Fprintln(os.Stderr, "e2e: -windows needs the path of Wine's loader in PARLEY_WINE")
		return 2
	}
	dir, err := os.MkdirTemp("", "parley-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
	defer os.RemoveAll(dir)
	bin = dir
	atOnce()
	return m.Run()
}

// atOnce runs more scenarios in parallel than there are processors, unless -parallel sets the number: they
// wait most of the time.
func atOnce() {
	const each = 4 // scenarios for a processor
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		// fails for what is no number only
		_ = flag.Set("test.parallel", strconv.Itoa(each*runtime.GOMAXPROCS(0)))
	}
}

// build builds the programs once, with the race detector or coverage if the tests themselves were built so.
var build = sync.OnceValue(func() error {
	if err := lookAtSources(); err != nil {
		return err
	}
	args := []string{"build", "-o", bin + string(filepath.Separator)}
	if raceEnabled && !*windows {
		args = append(args, "-race")
	}
	if testing.CoverMode() != "" {
		args = append(args, "-cover", "-coverpkg=parley/...")
	}
	cmd := exec.Command("go", append(args, "./server", "./client")...)
	cmd.Dir = ".."
	cmd.Env = os.Environ()
	if *windows {
		cmd.Env = append(cmd.Env, "GOOS=windows", "GOARCH=amd64", "CGO_ENABLED=0")
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", cmd, err, out)
	}
	return nil
})

// lookAtSources asks for the state of each source file of the programs, so that the cache of go test knows
// that the result depends on them.
func lookAtSources() error {
	if _, err := os.Stat("../go.sum"); err != nil {
		return err
	}
	for _, dir := range []string{"../server", "../client"} {
		err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
			if err == nil {
				_, err = os.Stat(path)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// onWindows reports whether the programs are built for Windows.
func onWindows() bool { return *windows || runtime.GOOS == "windows" }

// program returns the command line that starts one of the two programs.
func program(name string, args ...string) []string {
	path := filepath.Join(bin, name)
	if onWindows() {
		path += ".exe"
	}
	line := append([]string{path}, args...)
	if *windows {
		line = append([]string{os.Getenv("PARLEY_WINE")}, line...)
	}
	return line
}

// patience is how long to wait for an expected text. It is long enough for a file of 4 GiB on a busy disk; a
// run that passes never waits so long.
func patience() time.Duration {
	if raceEnabled || onWindows() {
		return 4 * time.Minute
	}
	return 2 * time.Minute
}

// TestScenarios runs every scenario. After each, another server must be able to go on with the state.
func TestScenarios(t *testing.T) {
	if err := build(); err != nil {
		t.Fatal(err)
	}
	sharedFiles, err := filepath.Abs(shared)
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 scenarios,
		Setup:               func(env *testscript.Env) error { return setup(env, sharedFiles) },
		Cmds:                scripted(),
		Condition:           condition,
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
	})
}

// setup prepares a scenario: its variables, and what ends its programs when it is over.
func setup(env *testscript.Env, sharedFiles string) error {
	t, ok := env.T().(testing.TB)
	if !ok {
		return errors.New("not run by go test")
	}
	env.Setenv("SHARED", sharedFiles)
	env.Setenv("HOME", filepath.Join(env.WorkDir, ".home")) // the clients' keys, of one device
	if onWindows() {
		env.Setenv("/", `\`)
	}
	sc := &scenario{actors: make(map[string]*actor), cables: make(map[string]*cable),
		nodes: make(map[string][]string)}
	for _, kv := range env.Vars {
		name, _, _ := strings.Cut(kv, "=")
		sc.env = append(sc.env, name)
	}
	sc.env = append(sc.env, "SERVER_SHARED_FILES", "NO_COLOR", "TERM", "SSL_CERT_FILE")
	if dir := os.Getenv("GOCOVERDIR"); dir == "" && testing.CoverMode() != "" {
		env.Setenv("GOCOVERDIR", env.WorkDir) // else every program complains
		sc.env = append(sc.env, "GOCOVERDIR")
	}
	env.Values[scenarioKey{}] = sc
	env.Defer(func() {
		for _, a := range sc.all {
			a.reap()
			if trouble := a.trouble(); trouble != "" {
				t.Errorf("%s printed what no program may:\n%s", a.name, trouble)
			}
		}
		for _, c := range sc.cables {
			c.close()
		}
		if t.Failed() {
			return // perhaps where its state was damaged on purpose
		}
		if err := startsAgain(env.WorkDir, programEnv(env.Getenv, sc.env)); err != nil {
			t.Errorf("another server on the state that the scenario left: %v", err)
		}
	})
	return nil
}

// condition decides the conditions about what the programs under test can do.
func condition(name string) (bool, error) {
	switch name {
	case "windows-programs":
		return onWindows(), nil
	case "pty", "signals", "limits":
		return !onWindows(), nil
	case "nats":
		return hasNATS()
	}
	return false, fmt.Errorf("unknown condition %s", name)
}
