package wire

import (
	"fmt"
	"runtime/debug"
)

// Build says which build of the two programs this is, as the go command recorded it: their version, and of
// the commit the hash and the day, as in "parley v1.2.0 (abcdef123456, 2026-11-25)".
func Build() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "parley (unknown version)"
	}
	return build(info)
}

func build(info *debug.BuildInfo) string {
	var hash, day string
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			hash = s.Value[:min(len(s.Value), 12)]
		case "vcs.time":
			day = s.Value[:min(len(s.Value), len("2006-01-02"))]
		}
	}
	text := "parley " + info.Main.Version
	if hash != "" && day != "" {
		text += fmt.Sprintf(" (%s, %s)", hash, day)
	}
	return text
}
