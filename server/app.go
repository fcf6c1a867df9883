package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"parley/server/internal/files"
	"parley/server/internal/room"
	"parley/server/internal/serve"
	"parley/server/wire"
)

// spare is how many connections may be open beyond those that -max-clients allows to join: they are about to
// join, or have left and are about to close.
const spare = 4096

// quiet is how long a goroutine waits for a client's next line before it ends and the client rests: long
// enough for those who talk without a pause, even when the server is slow, and far below the time between two
// heartbeats.
const quiet = time.Second

// endTime is the longest that an orderly end may take; the room needs less, unless it is what crashed.
const endTime = 10 * time.Second

// A crash is a panic that a goroutine recovered.
type crash struct{ reason, stack string }

// report hands a panic to the main goroutine; the first one ends the server.
func report(crashed chan<- crash, p any) {
	select {
	case crashed <- crash{fmt.Sprint(p), string(debug.Stack())}:
	default:
	}
}

// An app is a running server.
type app struct {
	// set at construction
	log      *slog.Logger
	terminal io.Writer
	guard    func()
	room     *room.Room
	serve    *serve.Server
	slots    chan struct{} // holds an element for each open connection
	quit     chan struct{} // closed by /quit on the terminal

	// set by start
	listener    net.Listener
	stopWatch   func()
	connections sync.WaitGroup // and the accept loop
}

func newApp(opt options, folder *files.Folder, lines, terminal io.Writer, guard func()) *app {
	log := slog.New(slog.NewTextHandler(lines, nil))
	a := &app{log: log, terminal: terminal, guard: guard, slots: make(chan struct{}, opt.maxClients+spare), quit: make(chan struct{})}
	a.room = room.New(room.Config{
		MaxSessions: opt.maxClients, Grace: opt.grace, Idle: opt.idle, Guard: guard,
		Joined: func(name string, from net.Addr) {
			log.Info("joined", "name", name, "addr", from.String())
			a.show(name + " has joined")
		},
		Left: func(name, reason string) {
			if reason == "" {
				log.Info("left", "name", name)
				a.show(name + " has left")
			} else {
				log.Info("left", "name", name, "reason", reason)
				a.show(fmt.Sprintf("%s has left (%s)", name, reason))
			}
		},
	})
	a.serve = &serve.Server{Room: a.room, Folder: folder, Log: log, Lines: lines, Guard: guard, Text: opt.logText, Show: a.show,
		Idle: opt.idle, Quiet: quiet, Rate: opt.rate}
	a.serve.Ended = func() {
		<-a.slots
		a.connections.Done()
	}
	return a
}

// show prints a line for the operator.
func (a *app) show(line string) { io.WriteString(a.terminal, line+"\n") }

// sharing tells the operator what is shared, or that the folder takes its time, for which the server does not
// wait.
func (a *app) sharing() string {
	const most = 500 * time.Millisecond
	folder := a.serve.Folder
	ctx, cancel := context.WithTimeout(context.Background(), most)
	defer cancel()
	list, err := a.serve.List(ctx.Done())
	switch {
	case errors.Is(err, files.ErrStopped):
		return fmt.Sprintf("sharing %s, whose disk does not answer yet", folder.Path)
	case err != nil:
		return fmt.Sprintf("sharing %s: %v", folder.Path, err)
	case folder.Created:
		return fmt.Sprintf("sharing %s, which was missing and has been created", folder.Path)
	}
	return fmt.Sprintf("sharing %s, %v", folder.Path, list)
}

// start begins to accept connections and to read what the operator types.
func (a *app) start(listener net.Listener, stdin io.Reader, stderr io.Writer) {
	a.listener, a.stopWatch = listener, a.serve.Watch()
	a.log.Info("listening", "addr", listener.Addr().String())
	a.show(a.sharing())
	a.show("listening on " + listener.Addr().String())
	a.connections.Go(func() {
		defer a.guard()
		a.accept()
	})
	go func() {
		defer a.guard()
		a.console(stdin, stderr)
	}()
}

// accept serves connections until the listener is closed.
func (a *app) accept() {
	for pause := time.Duration(0); ; {
		nc, err := a.listener.Accept()
		switch {
		case err == nil:
			pause = 0
		case errors.Is(err, net.ErrClosed):
			return
		default: // such as too many open files: wait for some to be closed
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			a.log.Error("cannot accept a connection", "error", err)
			time.Sleep(pause)
			continue
		}
		select {
		case a.slots <- struct{}{}:
		default:
			a.log.Warn("refused", "addr", nc.RemoteAddr().String(), "code", wire.CodeFull)
			nc.Close()
			continue
		}
		a.connections.Add(1)
		go a.serve.Serve(nc)
	}
}

// end tells everyone that the server ends, sends what is still to be sent, and waits for the connections.
func (a *app) end(reason string) {
	a.log.Info("shutdown", "reason", reason)
	a.show("shutting down")
	a.listener.Close()
	text := "the server is shutting down"
	if reason == "crash" {
		text = "the server crashed and is shutting down"
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer a.guard()
		a.serve.End()
		a.room.Close(text)
		a.connections.Wait()
		a.stopWatch()
	}()
	select {
	case <-ended:
	case <-time.After(endTime):
		a.log.Error("some connections did not end in time")
	}
	a.log.Info("ended")
}

// console carries out what the operator types. The end of input is no command: a server in the background has
// none.
func (a *app) console(stdin io.Reader, stderr io.Writer) {
	lines := bufio.NewReader(stdin)
	for end := error(nil); end == nil; {
		var line string
		line, end = lines.ReadString('\n')
		line = strings.TrimSpace(line)
		command, rest, _ := strings.Cut(line, " ")
		rest = strings.TrimSpace(rest)
		switch {
		case command == "":
		case command == "/who" && rest == "":
			who := "nobody is here"
			if names := a.room.Users(); len(names) > 0 {
				who = fmt.Sprintf("%d here: %s", len(names), strings.Join(names, ", "))
			}
			a.show(who)
		case command == "/say" && rest != "":
			a.log.Info("notice", "text", rest)
			a.room.Notice(rest)
		case command == "/kick" && rest != "":
			if !a.room.Kick(rest) {
				fmt.Fprintf(stderr, "server: nobody here is called %s: /who shows who is\n", rest)
			}
		case command == "/quit" && rest == "":
			close(a.quit)
			return
		default:
			fmt.Fprintf(stderr, "server: unknown command %q: use /who, /say TEXT, /kick NAME or /quit\n", line)
		}
	}
}
