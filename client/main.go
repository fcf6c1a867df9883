// Command client joins a parley server: it shows what others say, and sends what is typed. README.txt is its guide.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/term"

	"parley/client/internal/chat"
	"parley/client/internal/link"
	"parley/client/internal/plain"
	"parley/client/internal/terminal"
	"parley/server/wire"
)

const usage = `usage: client [flags] NAME HOST PORT

Join the server at HOST and PORT as NAME, for example: client alice 127.0.0.1 12000

A line that is typed goes to everyone. /help shows what else can be done. Ctrl-D leaves.
Where standard input or output is not a terminal, lines are read and written as they are, and the
end of the input leaves once every message is sent and every download is done.

  -dir DIR        save downloads in DIR/NAME (default: the current directory)
  -history N      ask for the newest N messages on joining, 0 to 1000 (default 100)
  -idle TIME      take a connection for lost when nothing comes for TIME (default 45s)
  -reconnect TIME try for TIME to come back when it is lost, 0s for not at all (default 2m0s)
  -h              show this

Status: 0 all is well, 1 something failed, 2 wrong usage.
`

// minIdle keeps the heartbeats, three in an idle time, from becoming a flood.
const minIdle = 30 * time.Millisecond

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// options is what the command line says.
type options struct {
	dir  string
	link link.Config
}

// run is the client: it returns the exit status.
func run(args []string, in io.Reader, out, errs io.Writer) int {
	o, err := parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(out, usage)
		return 0
	case err != nil:
		fmt.Fprintln(errs, chat.Complaint(err.Error()+": see client -h"))
		return 2
	}
	joining, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	l, err := link.Open(joining, o.link)
	if err != nil {
		fmt.Fprintln(errs, chat.Complaint(err.Error()))
		return 1
	}
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)
	cfg := chat.Config{Name: o.link.Name, Folder: filepath.Join(o.dir, o.link.Name)}
	ttyIn, ttyOut := terminalOf(in), terminalOf(out)
	if ttyIn == nil || ttyOut == nil || os.Getenv("TERM") == "dumb" {
		return chat.Run(cfg, plain.New(out, errs), l, plain.Read(in), signals)
	}
	cfg.Person = true
	return converse(cfg, terminal.New(ttyIn, ttyOut), errs, l, signals)
}

// converse chats on a terminal, which is given back whatever happens.
func converse(cfg chat.Config, face *terminal.Face, errs io.Writer, l *link.Link, signals <-chan os.Signal) (status int) {
	defer func() {
		if err := face.Close(); err != nil {
			fmt.Fprintln(errs, chat.Complaint(err.Error()))
			status = 1
		}
	}()
	return chat.Run(cfg, face, l, face.Input(), signals)
}

// terminalOf returns the terminal that stream is, or nil.
func terminalOf(stream any) *os.File {
	if f, ok := stream.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return f
	}
	return nil
}

// parse reads the command line.
func parse(args []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("client", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&o.dir, "dir", "", "")
	flags.IntVar(&o.link.History, "history", 100, "")
	flags.DurationVar(&o.link.Idle, "idle", 45*time.Second, "")
	flags.DurationVar(&o.link.Reconnect, "reconnect", 2*time.Minute, "")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() != 3 {
		return o, fmt.Errorf("NAME, HOST and PORT are needed, there are %d arguments", flags.NArg())
	}
	host, port := flags.Arg(1), flags.Arg(2)
	o.link.Address = net.JoinHostPort(host, port)
	var err error
	if o.link.Name, err = wire.CheckName(flags.Arg(0)); err != nil {
		return o, err
	}
	switch n, err := strconv.ParseUint(port, 10, 16); {
	case err != nil || n == 0:
		return o, fmt.Errorf("port %q is not a number from 1 to 65535", port)
	case host == "":
		return o, errors.New("the host is empty")
	case o.link.History < 0 || o.link.History > wire.MaxHistory:
		return o, fmt.Errorf("-history %d is not from 0 to %d", o.link.History, wire.MaxHistory)
	case o.link.Idle < minIdle:
		return o, fmt.Errorf("-idle %v is less than %v", o.link.Idle, minIdle)
	case o.link.Reconnect < 0:
		return o, fmt.Errorf("-reconnect %v is less than 0s", o.link.Reconnect)
	}
	return o, nil
}
