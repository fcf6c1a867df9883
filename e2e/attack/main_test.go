//go:build linux

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestMain is the process that attacks when an attack starts it.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "-at" {
		os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// An attack ends with a row of the table, and says how far it came. What is no attack harms nobody.
func TestAttack(t *testing.T) {
	t.Chdir(filepath.Join("..", ".."))
	for name, note := range map[string]string{"none": "nothing was done", "half": `[1-9]\d* begun`} {
		var out, errs strings.Builder
		status := run([]string{"-time", "500ms", "-only", name}, &out, &errs)
		if name == "none" && status != 0 {
			t.Errorf("status %d:\n%s%s", status, out.String(), errs.String())
		}
		for _, want := range []string{name + `.*\d MiB .*\d ms`, name + ".*: " + note} {
			if !regexp.MustCompile(want).MatchString(out.String()) {
				t.Errorf("no %q in\n%s%s", want, out.String(), errs.String())
			}
		}
	}
}

// The list says what every attack is, and wrong usage is told with the usage.
func TestUsage(t *testing.T) {
	var out, errs strings.Builder
	status := run([]string{"-list"}, &out, &errs)
	if status != 0 || strings.Count(out.String(), "\n") != len(attacks) {
		t.Errorf("status %d, %q", status, out.String())
	}
	for _, args := range [][]string{{"-time", "0s"}, {"more"}, {"-nonsense"}} {
		var out, errs strings.Builder
		if status := run(args, &out, &errs); status != 2 || !strings.HasPrefix(errs.String(), "attack: ") ||
			!strings.Contains(errs.String(), usage) {
			t.Errorf("%q: status %d, %q", args, status, errs.String())
		}
	}
}
