//go:build !linux

package serve

import (
	"errors"
	"net"
)

// A watcher does not exist here: every client keeps its goroutine.
type watcher struct{}

func newWatcher(func()) *watcher { return nil }

func (*watcher) close() {}

func (*watcher) socket(net.Conn) int { return 0 }

func (*watcher) watch(*client, bool) error { return errors.ErrUnsupported }

func (*watcher) forget(*client) {}
