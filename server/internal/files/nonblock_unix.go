//go:build unix

package files

import "syscall"

const nonblock = syscall.O_NONBLOCK // opening a named pipe does not wait for its other end
