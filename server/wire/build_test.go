package wire_test

import (
	"runtime/debug"
	"testing"

	"parley/server/wire"
)

func TestBuild(t *testing.T) {
	tests := []struct {
		version, hash, time string
		want                string
	}{
		{"v1.2.0", "abcdef1234567890", "2026-11-25T20:52:36Z", "parley v1.2.0 (abcdef123456, 2026-11-25)"},
		{"v1.2.0+dirty", "abcdef1234567890", "2026-11-25T20:52:36Z",
			"parley v1.2.0+dirty (abcdef123456, 2026-11-25)"},
		{"(devel)", "", "", "parley (devel)"}, // as go run builds it
	}
	for _, tt := range tests {
		info := &debug.BuildInfo{Main: debug.Module{Version: tt.version}}
		if tt.hash != "" {
			info.Settings = []debug.BuildSetting{{Key: "vcs", Value: "git"},
				{Key: "vcs.revision", Value: tt.hash},
				{Key: "vcs.time", Value: tt.time}}
		}
		if got := wire.BuildOf(info); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}
