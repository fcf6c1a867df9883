//go:build !linux && !darwin

package deliver

import (
	"net"
	"syscall"
)

// rawConn returns nil: this system has no write that returns instead of blocking, so every connection that
// has something to be sent gets a goroutine.
func rawConn(net.Conn) syscall.RawConn { return nil }

type tryWriter struct{}

func newTryWriter() *tryWriter { return &tryWriter{} }

func (*tryWriter) write(_ *Conn, bufs [][]byte) ([][]byte, error) { return bufs, nil }
