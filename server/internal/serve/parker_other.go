//go:build !linux

package serve

import (
	"time"

	"parley/server/internal/transport"
)

// A Parker does not exist here: every connection keeps its goroutine.
type Parker struct{}

// NewParker returns nil.
func NewParker(func()) *Parker { return nil }

// Close does nothing.
func (*Parker) Close() {}

// Park returns false.
func (*Parker) Park(*transport.Conn, time.Time, func()) bool { return false }

// Unpark does nothing.
func (*Parker) Unpark(*transport.Conn) {}
