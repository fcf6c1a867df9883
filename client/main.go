// Command client joins a parley server, shows messages and sends typed lines. README.txt is its guide.
package main

import (
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/term"

	"parley/client/internal/chat"
	"parley/client/internal/link"
	"parley/client/internal/plain"
	"parley/client/internal/terminal"
	"parley/server/wire"
)

//go:embed usage.txt
var usage string

// minIdle keeps the heartbeats, three in an idle time, from becoming a flood.
const minIdle = 30 * time.Millisecond

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// run is the program: it returns the exit status.
func run(args []string, in io.Reader, out, errs io.Writer) (status int) {
	cfg, err := parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(out, usage)
		return 0
	case errors.Is(err, wire.ErrVersion):
		fmt.Fprintln(out, wire.Build())
		return 0
	case err != nil:
		fmt.Fprintln(errs, chat.Complaint(err.Error()+": see client -h"))
		return 2
	}
	joining, stop := signal.NotifyContext(context.Background(), heeded(os.Interrupt, syscall.SIGTERM)...)
	defer stop()
	conn, welcome, err := link.Join(joining, cfg.Config)
	if err != nil {
		fmt.Fprintln(errs, chat.Complaint(err.Error()))
		return 1
	}
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, heeded(os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)...)
	defer signal.Stop(signals)
	ttyIn, ttyOut := terminalOf(in), terminalOf(out)
	if ttyIn == nil || ttyOut == nil || !controllable(os.Getenv("TERM")) {
		return chat.Run(cfg, plain.New(out, errs), conn, welcome, plain.Read(in), signals)
	}
	cfg.Person = true
	face, typed := terminal.New(ttyIn, ttyOut, cfg.Name)
	defer func() { // whatever happens, the terminal is restored
		unsent, err := face.Close()
		for _, line := range unsent {
			status = 1
			if _, err := fmt.Fprintln(ttyOut, line); err != nil { // its window was closed
				fmt.Fprintln(errs, line)
			}
		}
		if err != nil {
			fmt.Fprintln(errs, chat.Complaint(err.Error()))
			status = 1
		}
	}()
	return chat.Run(cfg, face, conn, welcome, typed, signals)
}

// heeded returns the signals that were not ignored when the program started, as nohup ignores SIGHUP and a
// shell SIGINT in the background of a script. It adds SIGKILL, which nobody can catch, because package signal
// takes an empty list for all signals.
func heeded(signals ...os.Signal) []os.Signal {
	return append(slices.DeleteFunc(signals, signal.Ignored), os.Kill)
}

// controllable reports whether a terminal with this $TERM obeys control sequences. Windows sets no $TERM.
func controllable(name string) bool {
	switch name {
	case "dumb", "unknown", "network", "dialup", "plugboard":
		return false
	}
	return name != "" || runtime.GOOS == "windows"
}

// terminalOf returns stream if it is a terminal, else nil.
func terminalOf(stream any) *os.File {
	if f, ok := stream.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return f
	}
	return nil
}

// parse reads the command line. Flags may stand anywhere in it.
func parse(args []string) (cfg chat.Config, err error) {
	flags := flag.NewFlagSet("client", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&cfg.Folder, "dir", "", "")
	flags.IntVar(&cfg.History, "history", 100, "")
	flags.DurationVar(&cfg.Idle, "idle", 45*time.Second, "")
	flags.DurationVar(&cfg.Reconnect, "reconnect", 2*time.Minute, "")
	words, err := wire.Arguments(flags, args)
	if err != nil {
		return cfg, err
	}
	needed := []string{"NAME", "HOST", "PORT"}
	if len(words) < len(needed) {
		return cfg, fmt.Errorf("missing: %s", strings.Join(needed[len(words):], ", "))
	}
	if len(words) > len(needed) {
		return cfg, fmt.Errorf("unexpected argument %q after NAME, HOST and PORT", words[len(needed)])
	}
	cfg.Name, err = wire.CheckName(words[0])
	if err != nil {
		return cfg, err
	}
	cfg.Folder = filepath.Join(cfg.Folder, cfg.Name)
	host, port := strings.Trim(words[1], "[]"), words[2] // as in [::1]
	cfg.Address, cfg.Dial = net.JoinHostPort(host, port), new(net.Dialer).DialContext
	switch n, err := strconv.ParseUint(port, 10, 16); {
	case err != nil || n == 0:
		return cfg, fmt.Errorf("port %q is not a number from 1 to 65535", port)
	case host == "":
		return cfg, errors.New("the host is empty")
	case cfg.History < 0 || cfg.History > wire.MaxHistory:
		return cfg, fmt.Errorf("-history %d is not from 0 to %d", cfg.History, wire.MaxHistory)
	case cfg.Idle < minIdle:
		return cfg, fmt.Errorf("-idle %v is less than %v", cfg.Idle, minIdle)
	case cfg.Reconnect < 0:
		return cfg, fmt.Errorf("-reconnect %v is less than 0s", cfg.Reconnect)
	}
	return cfg, nil
}
