//go:build unix

package serve_test

import (
	"os"
	"testing"
)

// A folder that went is said, and nothing else is disturbed.
func TestFolderThatWent(t *testing.T) {
	s := start(t, nil)
	c := s.join("alice")
	if err := os.RemoveAll(s.folder); err != nil {
		t.Fatal(err)
	}
	c.send("FILES")
	c.expect("ERROR FILES file-failed the shared folder cannot be read: no such file or directory")
	c.roundTrip()
}
