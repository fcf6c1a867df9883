package link

import (
	"net"
	"strings"
	"testing"
	"time"
)

// A panic in reading comes out of Close, not of a goroutine that nobody can catch it in.
func TestPanic(t *testing.T) {
	client, server := net.Pipe()
	defer server.Close()
	c := newConn(t.Context(), panicking{client}, time.Hour)
	c.start()
	defer func() {
		if why, _ := recover().(string); !strings.HasPrefix(why, "out of cheese\n") {
			t.Errorf("Close panics with %q", why)
		}
	}()
	c.Close()
	t.Error("Close returns")
}

// panicking is a connection from which nothing can be read.
type panicking struct{ net.Conn }

func (panicking) Read([]byte) (int, error) { panic("out of cheese") }
