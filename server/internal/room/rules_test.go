package room_test

import (
	"go/build"
	"slices"
	"testing"
)

// The rules of the package comment hold because the package cannot break them: it imports nothing that knows
// the network, the time, the machine, or what happens at once.
func TestImports(t *testing.T) {
	allowed := []string{"bytes", "encoding/binary", "errors", "slices", "strings", "parley/server/wire"}
	p, err := build.ImportDir(".", 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range p.Imports {
		if !slices.Contains(allowed, path) {
			t.Errorf("package room imports %s; allowed are %v", path, allowed)
		}
	}
}
