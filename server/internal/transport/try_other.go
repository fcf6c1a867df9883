//go:build !linux && !darwin

package transport

import "syscall"

// A tryWriter writes nothing: this system has no write that returns instead of blocking, so every connection
// that has something to be sent gets a goroutine.
type tryWriter struct{}

func newTryWriter() *tryWriter { return &tryWriter{} }

func (*tryWriter) write(_ syscall.RawConn, bufs [][]byte) ([][]byte, error) { return bufs, nil }
