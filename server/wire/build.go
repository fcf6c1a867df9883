package wire

import (
	"errors"
	"flag"
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

// ErrVersion says that the command line asks only which build it is.
var ErrVersion = errors.New("-version")

// Arguments parses the command line of either program and returns its words. Flags, to which it adds
// -version, may stand anywhere between them.
func Arguments(flags *flag.FlagSet, args []string) (words []string, err error) {
	version := flags.Bool("version", false, "")
	for {
		if err := flags.Parse(args); err != nil {
			return nil, err
		}
		if flags.NArg() == 0 {
			break
		}
		words, args = append(words, flags.Arg(0)), flags.Args()[1:]
	}
	if *version {
		return nil, ErrVersion
	}
	return words, nil
}
