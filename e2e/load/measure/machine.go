//go:build linux

package measure

import (
	"fmt"
	"os"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// machine says in a line what is measured on.
func machine() string {
	model := "unknown processor"
	b, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(b)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			model = strings.TrimSpace(value)
			break
		}
	}
	var u unix.Utsname
	unix.Uname(&u)
	return fmt.Sprintf("%d CPUs, %s, Linux %s, %s", runtime.NumCPU(), model,
		unix.ByteSliceToString(u.Release[:]), runtime.Version())
}
