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

// A panic in what goes on beside Run comes out of Run, whose caller can give the terminal back then.
func TestPanic(t *testing.T) {
	dials := 0
	cfg := Config{Config: link.Config{Name: "alice", Idle: time.Hour, Reconnect: time.Minute}}
	cfg.Dial = func(context.Context, string, string) (net.Conn, error) {
		if dials++; dials > 1 {
			panic("out of cheese")
		}
		client, server := net.Pipe()
		go func() {
			r := wire.NewReader(server, wire.MaxLine, wire.MaxLine)
			r.ReadLine()
			server.Write([]byte("WELCOME tok 10 hi\n"))
			server.Close()
		}()
		return client, nil
	}
	conn, welcome, err := link.Join(t.Context(), cfg.Config)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if why, _ := recover().(string); !strings.HasPrefix(why, "out of cheese\n") || !strings.Contains(why, "TestPanic") {
			t.Errorf("Run panics with %q", why)
		}
	}()
	Run(cfg, new(record), conn, welcome, make(chan Input), make(chan os.Signal))
	t.Error("Run returns")
}
