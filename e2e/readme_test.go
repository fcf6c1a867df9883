package e2e

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// README.txt shows conversations in indented lines that say whose terminal they are on:
//
//	bob    | [all] /tell alice nice to see you
//	alice  | 14:03 bob → you: nice to see you
//
// TestReadme does what they show, from the first to the last, in one folder that has the sample files as
// SharedFiles:
//
//	$ go run ./server FLAGS 12000, $ go run ./client ...   starts the program; clients get a terminal
//	[all] TEXT, [to bob] TEXT                              waits for the prompt and types the text
//	/TEXT                                                  on the server's terminal, is typed
//	anything else                                          waits until it is shown below the lines before
//
// For 12000 a free port is used; PORT is any number, 14:03 any time, and ... is anything.
var (
	shownLine   = regexp.MustCompile(`^    (\w+) +\| (.+)$`)
	programLine = regexp.MustCompile(`^\$ go run \./(server|client)(.*)$`)
	promptLine  = regexp.MustCompile(`^(\[(?:all|to \S+)\]) (.+)$`)
	anyTime     = regexp.MustCompile(`(2026-11-22 )?14:03`)
	scriptLine  = regexp.MustCompile(`^    (printf .*\| *)go run \./client (.*)$`)
)

const (
	readmeFile = "../README.txt"
	readmePort = "12000"
)

// A reader is someone who follows the README.
type reader struct {
	dir    string
	port   string
	actors map[string]*actor
	shown  map[string]int // rows of each terminal that the README has shown
}

func TestReadme(t *testing.T) {
	if onWindows() {
		t.Skip("needs a terminal and a shell")
	}
	lines := readme(t)
	if err := build(); err != nil {
		t.Fatal(err)
	}
	r := &reader{dir: t.TempDir(), actors: make(map[string]*actor), shown: make(map[string]int)}
	if err := os.CopyFS(filepath.Join(r.dir, "SharedFiles"), os.DirFS(shared)); err != nil {
		t.Fatal(err)
	}
	defer func() {
		for _, a := range r.actors {
			a.reap()
			if trouble := a.trouble(); trouble != "" {
				t.Error(trouble)
			}
		}
	}()
	done := 0
	for i, line := range lines {
		var err error
		if m := shownLine.FindStringSubmatch(line); m != nil {
			done++
			err = r.follow(m[1], r.here(m[2]))
		} else if m := scriptLine.FindStringSubmatch(line); m != nil {
			done++
			err = r.script(m[1], r.here(m[2]))
		}
		if err != nil {
			t.Fatalf("README.txt:%d: %v", i+1, err)
		}
	}
	if done == 0 {
		t.Error("README.txt shows nothing to be done")
	}
}

func readme(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(readmeFile)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(string(text), "\n")
}

// here replaces the parts of a line that differ from run to run.
func (r *reader) here(line string) string {
	if r.port != "" {
		line = strings.ReplaceAll(line, readmePort, r.port)
	}
	return anyTime.ReplaceAllString(strings.ReplaceAll(line, "PORT", "..."), "...")
}

// follow does what a line on a person's terminal shows.
func (r *reader) follow(who, line string) (err error) {
	a := r.actors[who]
	program, prompt := programLine.FindStringSubmatch(line), promptLine.FindStringSubmatch(line)
	switch {
	case program != nil:
		err = r.start(who, program[1], strings.Fields(program[2]))
	case a == nil:
		return fmt.Errorf("%s has started nothing", who)
	case prompt != nil && a.term != nil:
		if err = a.showsPrompt(prompt[1]); err == nil {
			_, err = a.in.Write([]byte(prompt[2] + "\r"))
		}
	case a.term != nil:
		err = r.showsRow(a, line)
	case strings.HasPrefix(line, "/"):
		_, err = a.in.Write([]byte(line + "\n"))
	default:
		_, err = a.out.expect(pattern(line), patience())
	}
	if err != nil {
		err = fmt.Errorf("%q: %w\n%s", line, err, r.describe(who))
	}
	return err
}

func (r *reader) describe(who string) string {
	if a := r.actors[who]; a != nil {
		return a.describe()
	}
	return ""
}

// start starts one of the programs for who.
func (r *reader) start(who, prog string, args []string) error {
	if old := r.actors[who]; old != nil {
		old.reap()
	}
	var a *actor
	var err error
	if prog == "client" {
		a, err = newOnTerminal(who, r.command(prog, args...), 120, 60)
	} else {
		for i := range args {
			args[i] = strings.ReplaceAll(args[i], readmePort, "0")
		}
		a, err = newProgram(who, r.command(prog, args...))
	}
	if err != nil {
		return err
	}
	r.actors[who], r.shown[who] = a, 0
	if prog == "client" {
		return nil
	}
	found, err := a.out.expect(regexp.MustCompile(`^listening on .*:(\d+)$`), patience())
	if err != nil {
		return err
	}
	a.out.next = 0 // the README may show the line too
	r.port = found[1]
	return nil
}

func (r *reader) command(name string, args ...string) *exec.Cmd {
	line := program(name, args...)
	cmd := exec.Command(line[0], line[1:]...)
	r.prepare(cmd)
	return cmd
}

// prepare has a program run in the reader's folder, where it keeps its keys, too.
func (r *reader) prepare(cmd *exec.Cmd) {
	cmd.Dir = r.dir
	cmd.Env = append(os.Environ(), "SERVER_SHARED_FILES=", "TERM=xterm-256color", "HOME="+r.dir,
		"XDG_CONFIG_HOME=")
}

// script runs a line of a shell that writes to the client.
func (r *reader) script(source, args string) error {
	cmd := exec.Command("sh", "-c", source+filepath.Join(bin, "client")+" "+args)
	r.prepare(cmd)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}

// showsPrompt waits until the cursor is behind an empty prompt.
func (a *actor) showsPrompt(prompt string) error {
	return a.shows(func() bool { return a.term.screen.prompt() == prompt+" |" })
}

// showsRow waits until the terminal shows a line below what the README has shown before.
func (r *reader) showsRow(a *actor, line string) error {
	want := pattern(line)
	return a.shows(func() bool {
		i := slices.IndexFunc(a.term.screen.rows()[r.shown[a.name]:], want.MatchString)
		r.shown[a.name] += i + 1
		return i >= 0
	})
}

// shows waits until good returns true for the screen.
func (a *actor) shows(good func() bool) error {
	for deadline := time.After(patience()); ; {
		changed, ended := a.term.screen.changed(), a.hasEnded()
		switch {
		case good():
			return nil
		case ended:
			return errEnded
		}
		select {
		case <-changed:
		case <-a.done:
		case <-deadline:
			return errors.New("not shown in " + patience().String())
		}
	}
}

// TestReadmeLists: the programs have every flag that the README lists.
func TestReadmeLists(t *testing.T) {
	if onWindows() {
		t.Skip("runs the programs directly")
	}
	if err := build(); err != nil {
		t.Fatal(err)
	}
	known := make(map[string]bool)
	word := regexp.MustCompile(`(?m)^ +(-[a-z-]+|/[a-z/]+)`)
	for _, name := range []string{"server", "client"} {
		line := program(name, "-h")
		out, err := exec.Command(line[0], line[1:]...).Output()
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range word.FindAllStringSubmatch(string(out), -1) {
			known[m[1]] = true
		}
	}
	var missing []string
	for _, line := range readme(t) {
		if m := word.FindStringSubmatch(line); m != nil && m[1][0] == '-' && !known[m[1]] {
			missing = append(missing, m[1])
		}
	}
	if len(missing) > 0 {
		t.Errorf("README.txt lists flags %v, the programs have %v", missing, slices.Sorted(maps.Keys(known)))
	}
}

// TestReadmeScenario: the scenario in the README is one of those in testdata.
func TestReadmeScenario(t *testing.T) {
	_, after, _ := strings.Cut(strings.Join(readme(t), "\n"), "This is one of them:\n\n")
	var shown strings.Builder
	for line := range strings.Lines(after) {
		content, indented := strings.CutPrefix(line, "    ")
		if !indented && line != "\n" {
			break
		}
		shown.WriteString(content)
	}
	files, err := filepath.Glob(filepath.Join(scenarios, "*.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if text, err := os.ReadFile(file); err == nil &&
			string(text) == strings.TrimSpace(shown.String())+"\n" {
			return
		}
	}
	simplest, err := os.ReadFile(filepath.Join(scenarios, "say_to_everyone.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	t.Errorf("README.txt shows no scenario that is run; compared with say_to_everyone (-want +got):\n%s",
		cmp.Diff(string(simplest), strings.TrimSpace(shown.String())+"\n"))
}
