package e2e

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"parley/e2e/fault"
)

// startsAgain starts the server once more, on a copy of the state that a scenario left in dir, and ends it
// with /quit: it must be able to read all that its predecessor wrote. The error says what it complained
// about.
func startsAgain(dir string, env []string) error {
	state := filepath.Join(dir, "ServerState")
	if _, err := os.Stat(state); errors.Is(err, os.ErrNotExist) {
		return nil // the scenario has no server, or one that keeps nothing
	}
	dir, err := os.MkdirTemp(dir, "again-")
	if err != nil {
		return err
	}
	if err := fault.CopyState(filepath.Join(dir, "ServerState"), state); err != nil {
		return err
	}
	line := program("server", "127.0.0.1:0")
	cmd := exec.Command(line[0], line[1:]...)
	cmd.Dir, cmd.Env = dir, env
	a, err := newProgram("server", cmd)
	if err != nil {
		return err
	}
	defer a.reap()
	if _, err := io.WriteString(a.in, "/quit\n"); err != nil {
		return err
	}
	select {
	case <-a.done:
	case <-time.After(patience()):
		return fmt.Errorf("it does not end\n%s", a.describe())
	}
	complaints, _, _ := a.errs.now()
	complaints = slices.DeleteFunc(complaints, func(s string) bool {
		// What Wine itself complains about is not the server's; nor is it a fault that the scenario's server
		// was killed while it wrote.
		return !strings.HasPrefix(s, "server: ") || strings.Contains(s, " of an unfinished write")
	})
	if len(complaints) > 0 || cmd.ProcessState.ExitCode() != 0 {
		return errors.New(a.describe())
	}
	return nil
}
