package fault

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

// A sample is what the server uses at one moment.
type sample struct {
	rss     int // bytes of memory
	threads int
	files   int // open descriptors, sockets among them
}

// How much more the server may use in the last third of a run than in the first: a fraction, and memory that
// the garbage collector may not have freed yet.
const (
	slackPart = 0.15
	slackRSS  = 8 << 20 // bytes
)

// sample records what the server uses, on systems with /proc.
func (r *run) sample() {
	proc := fmt.Sprintf("/proc/%d/", r.hosts[0].server.cmd.Process.Pid)
	status, err := os.ReadFile(proc + "status")
	if err != nil {
		return
	}
	files, err := os.ReadDir(proc + "fd")
	if err != nil {
		return
	}
	r.samples = append(r.samples, sample{field(status, "VmRSS:") << 10, field(status, "Threads:"),
		len(files)})
}

// field returns the number in a line of a status file.
func field(status []byte, key string) int {
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, key); ok {
			n, _ := strconv.Atoi(strings.Fields(rest + " 0")[0]) // 0 if it is not a number
			return n
		}
	}
	return 0
}

// thirds returns the medians of the first and the last third of the samples, and the maximum.
func thirds(samples []sample, of func(sample) int) (first, last, most int) {
	var all []int
	for _, s := range samples {
		all = append(all, of(s))
	}
	median := func(list []int) int {
		list = slices.Sorted(slices.Values(list))
		return list[len(list)/2]
	}
	third := len(all) / 3
	return median(all[:third]), median(all[len(all)-third:]), slices.Max(all)
}

// enough is the number of samples that a verdict needs.
const enough = 9

func rss(s sample) int     { return s.rss }
func threads(s sample) int { return s.threads }
func files(s sample) int   { return s.files }

// grew reports whether the server used more at the end than at the start.
func grew(samples []sample) bool {
	if len(samples) < enough {
		return false
	}
	first, last, _ := thirds(samples, rss)
	return float64(last) > float64(first)*(1+slackPart)+slackRSS
}

// judge describes what the server used; without samples, "".
func judge(samples []sample) string {
	if len(samples) < enough {
		return ""
	}
	var parts []string
	for _, p := range []struct {
		what string
		of   func(sample) int
		unit int
	}{{"MB of memory", rss, 1 << 20}, {"threads", threads, 1}, {"open files", files, 1}} {
		first, last, most := thirds(samples, p.of)
		parts = append(parts, fmt.Sprintf("%d, %d, %d %s", first/p.unit, last/p.unit, most/p.unit, p.what))
	}
	return "server, median of the first third, of the last third, and most: " + strings.Join(parts, "; ")
}
