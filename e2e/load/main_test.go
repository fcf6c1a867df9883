//go:build linux

package main

import (
	"encoding/json"
	"encoding/xml"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"parley/e2e/load/measure"
)

// TestMain is the bare loop when a measurement starts it.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "-bare" {
		os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// A measurement ends with a table, JSON and a drawing that agree on what was measured of whom.
func TestMeasure(t *testing.T) {
	files := t.TempDir()
	t.Chdir(filepath.Join("..", ".."))
	figures, drawing := filepath.Join(files, "json"), filepath.Join(files, "svg")
	var out, errs strings.Builder
	args := []string{"-rounds", "1", "-time", "500ms", "-among", "parley bare", "-json", figures, "-svg",
		drawing}
	if status := run(append(args, "-only", "paced"), &out, &errs); status != 0 {
		t.Fatalf("status %d:\n%s%s", status, out.String(), errs.String())
	}
	text, err := os.ReadFile(figures)
	if err != nil {
		t.Fatal(err)
	}
	var report measure.Report
	if err := json.Unmarshal(text, &report); err != nil {
		t.Fatal(err)
	}
	var units []string
	for _, row := range report.Rows {
		units = append(units, row.Unit)
		for _, peer := range []string{"parley", "bare write(2) loop"} {
			if n := len(row.Of[peer]); n != 1 || slices.Min(row.Of[peer]) <= 0 {
				t.Errorf("%s of %s: %v, want one figure above 0", row.Unit, peer, row.Of[peer])
			}
		}
		if !strings.Contains(out.String(), row.Unit) {
			t.Errorf("no %s in the table:\n%s", row.Unit, out.String())
		}
	}
	if diff := cmp.Diff([]string{"server CPU, µs/delivery", "latency p50, ms", "latency p99, ms",
		"latency p99.9, ms"}, units); diff != "" {
		t.Errorf("units (-want +got):\n%s", diff)
	}
	f, err := os.Open(drawing)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for d := xml.NewDecoder(f); err == nil; {
		_, err = d.Token()
	}
	if err != io.EOF {
		t.Errorf("the drawing: %v", err)
	}
}

// Wrong usage is told with the usage.
func TestUsage(t *testing.T) {
	for _, args := range [][]string{{"-rounds", "0"}, {"-time", "0s"}, {"-soak", "-1s"}, {"more"},
		{"-nonsense"}} {
		var out, errs strings.Builder
		if status := run(args, &out, &errs); status != 2 || !strings.HasPrefix(errs.String(), "load: ") ||
			!strings.Contains(errs.String(), usage) {
			t.Errorf("%q: status %d, %q", args, status, errs.String())
		}
	}
}
