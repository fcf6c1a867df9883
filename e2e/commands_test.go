package e2e

import (
	_ "embed"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/tools/txtar"
)

// A command is the first word of a scenario's line.
type command struct {
	least, most int // how many arguments it takes; most < 0 is any number
	run         func(c *call)
}

// commands holds all of them; the package comment documents each.
var commands = map[string]command{
	"serve":     {0, -1, serve},
	"join":      {1, -1, join},
	"start":     {2, -1, start},
	"type":      {2, -1, typeLine},
	"eof":       {1, 1, eof},
	"expect":    {2, -1, expect},
	"expecterr": {2, -1, expectErr},
	"never":     {2, -1, never},
	"barrier":   {1, 1, barrier},
	"printed":   {2, -1, printed},
	"crash":     {1, 1, crash},
	"signal":    {2, 2, signal},
	"ends":      {2, 2, ends},
	"rests":     {1, 1, rests},
	"limit":     {1, 1, limit},
	"ignore":    {1, -1, ignore},

	"term":   {2, -1, term},
	"press":  {2, -1, press},
	"paste":  {2, 2, paste},
	"screen": {2, -1, screenRow},
	"look":   {3, -1, lookOf},
	"bells":  {2, 2, bells},
	"prompt": {2, -1, prompt},
	"resize": {2, 2, resize},

	"connect":   {1, 2, connect},
	"crowd":     {2, -1, crowd},
	"send":      {2, -1, send},
	"sendbytes": {2, 2, sendBytes},
	"data":      {2, 2, data},
	"hangup":    {1, 1, hangup},
	"closed":    {1, 1, closed},

	"cut":    {1, 3, cut},
	"unplug": {1, 3, unplug},
	"plug":   {1, 1, plug},
	"tap":    {1, 1, tap},

	"nats":   {1, -1, nats},
	"member": {1, -1, member},

	"same":    {2, 2, same},
	"sparse":  {2, 3, sparse},
	"journal": {1, 1, journal},
	"repeat":  {3, -1, repeat},
	"certify": {1, 1, certify},
}

// scripted returns the commands as testscript takes them, with a check of the arguments before each.
func scripted() map[string]func(*testscript.TestScript, bool, []string) {
	usage := documented()
	funcs := make(map[string]func(*testscript.TestScript, bool, []string))
	for name, cmd := range commands {
		funcs[name] = func(ts *testscript.TestScript, neg bool, args []string) {
			if neg {
				ts.Fatalf("%s cannot be negated", name)
			}
			if len(args) < cmd.least || cmd.most >= 0 && len(args) > cmd.most {
				ts.Fatalf("usage: %s", usage[name])
			}
			sc, _ := ts.Value(scenarioKey{}).(*scenario)
			cmd.run(&call{scenario: sc, ts: ts, name: name, args: args})
		}
	}
	return funcs
}

//go:embed doc.go
var doc string

// documented returns the commands' usage as the package comment has it, by name.
func documented() map[string]string {
	_, list, _ := strings.Cut(doc, "// # Commands\n")
	usage := make(map[string]string)
	for line := range strings.Lines(list) {
		entry, ok := strings.CutPrefix(line, "//\t")
		if !ok {
			continue
		}
		if strings.HasPrefix(entry, " ") {
			continue // the entry before goes on
		}
		synopsis, _, _ := strings.Cut(entry, "  ")
		name, _, _ := strings.Cut(synopsis, " ")
		usage[name] = synopsis
	}
	return usage
}

// TestCommandsDocumented: the package comment documents exactly the commands that exist, and scenarios use
// each.
func TestCommandsDocumented(t *testing.T) {
	used := make(map[string]bool)
	files, err := filepath.Glob(filepath.Join(scenarios, "*.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	word := regexp.MustCompile(`(?m)^(?:\[[^]]*\] *)*(\w+)`)
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range word.FindAllSubmatch(archive.Comment, -1) {
			used[string(m[1])] = true
		}
	}
	var want, inDoc, inUse []string
	for name := range commands {
		want = append(want, name)
		if used[name] {
			inUse = append(inUse, name)
		}
	}
	for name := range documented() {
		inDoc = append(inDoc, name)
	}
	slices.Sort(want)
	slices.Sort(inDoc)
	slices.Sort(inUse)
	if diff := cmp.Diff(want, inDoc); diff != "" {
		t.Errorf("the package comment documents other commands than there are (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, inUse); diff != "" {
		t.Errorf("commands that no scenario uses (-want +got):\n%s", diff)
	}
}

// TestScenarioNames: every scenario's name begins with its category, so that a listing is a table of
// contents.
func TestScenarioNames(t *testing.T) {
	const categories = "start|cluster|join|leave|say|tell|mode|file|command|log|error|console|pipe|resume|" +
		"restart|secure|term|wire"
	good := regexp.MustCompile(`^(` + categories + `)_[a-z0-9_]+\.txtar$`)
	entries, err := os.ReadDir(scenarios)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !e.IsDir() && e.Name() != "README" && !good.MatchString(e.Name()) {
			t.Errorf("%s: want category_what_happens.txtar with one of the categories %s", e.Name(),
				categories)
		}
	}
}
