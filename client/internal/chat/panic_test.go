package chat

import (
	"context"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"parley/client/internal/link"
	"parley/server/wire"
)

// A panic in a goroutine beside Run becomes one of Run, so that its caller can restore the terminal.
func TestPanic(t *testing.T) {
	t.Run("dialing", func(t *testing.T) { testPanic(t, func(c net.Conn) net.Conn { return c }) })
	t.Run("reading", func(t *testing.T) {
		testPanic(t, func(c net.Conn) net.Conn { return &panicking{Conn: c} })
	})
}

// panicking is a connection that can be read from once, for the server's welcome.
type panicking struct {
	net.Conn
	read bool
}

func (p *panicking) Read(b []byte) (int, error) {
	if p.read {
		panic("out of cheese")
	}
	p.read = true
	return p.Conn.Read(b)
}

// testPanic has the chat find that the connection breaks, and panic when it dials again, unless it panicked
// before.
func testPanic(t *testing.T, conn func(net.Conn) net.Conn) {
	dials := 0
	cfg := Config{Config: link.Config{Addresses: []string{"chat:1"}, Name: "alice", Idle: time.Hour,
		Reconnect: time.Minute}}
	cfg.Dial = func(context.Context, string, string) (net.Conn, error) {
		dials++
		if dials > 1 {
			panic("out of cheese")
		}
		client, server := net.Pipe()
		go func() {
			r := wire.NewReader(server, wire.MaxLine, wire.MaxLine)
			r.ReadLine()
			server.Write([]byte("WELCOME tok 10 hi\n"))
			server.Close()
		}()
		return conn(client), nil
	}
	joined, welcome, err := link.Join(t.Context(), cfg.Config)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		why, _ := recover().(string)
		inTest := strings.Contains(why, "testPanic") || strings.Contains(why, "panicking")
		if !strings.HasPrefix(why, "out of cheese\n") || !inTest {
			t.Errorf("Run panics with %q", why)
		}
	}()
	Run(cfg, new(record), joined, welcome, make(chan Input), make(chan os.Signal))
	t.Error("Run returns")
}
