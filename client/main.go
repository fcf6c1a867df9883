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
	"parley/client/internal/trust"
	"parley/server/wire"
)

//go:embed usage.txt
var usage string

// minIdle keeps the heartbeats, three in an idle time, from becoming a flood.
const minIdle = 30 * time.Millisecond

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// run is the program: it returns the exit status.
func run(args []string, in io.Reader, out, errs io.Writer) (status int) {
	opt, err := parse(args)
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
	ttyIn, ttyOut := terminalOf(in), terminalOf(out)
	opt.Person = ttyIn != nil && ttyOut != nil && controllable(os.Getenv("TERM"))
	joining, stop := signal.NotifyContext(context.Background(), heeded(os.Interrupt, syscall.SIGTERM)...)
	defer stop()
	var conn *link.Conn
	var welcome wire.Message
	err = opt.meetAll(joining, in, out)
	if err == nil {
		conn, welcome, err = link.Join(joining, opt.Config.Config)
	}
	if unknown, ok := errors.AsType[*trust.UnknownError](err); ok && (opt.trust || opt.Person) {
		err = opt.meet(joining, unknown, in, out)
		if err == nil {
			conn, welcome, err = link.Join(joining, opt.Config.Config)
		}
	}
	if err == nil {
		err = opt.pin(conn.Address())
	}
	if err != nil {
		fmt.Fprintln(errs, chat.Complaint(err.Error()))
		return 1
	}
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, heeded(os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)...)
	defer signal.Stop(signals)
	if !opt.Person {
		return chat.Run(opt.Config, plain.New(out, errs), conn, welcome, plain.Read(in), signals)
	}
	face, typed := terminal.New(ttyIn, ttyOut, opt.Name)
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
	return chat.Run(opt.Config, face, conn, welcome, typed, signals)
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

// options are what the command line says.
type options struct {
	chat.Config
	home        trust.Home
	fingerprint string
	trust       bool // a server that is not known yet
	plain       bool // speak plain text
}

// parse reads the command line. Flags may stand anywhere in it.
func parse(args []string) (opt options, err error) {
	var home, invite string
	flags := flag.NewFlagSet("client", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&opt.Folder, "dir", "", "")
	flags.IntVar(&opt.History, "history", 100, "")
	flags.BoolVar(&opt.EveryJoin, "every-join", false, "")
	flags.DurationVar(&opt.Idle, "idle", 45*time.Second, "")
	flags.DurationVar(&opt.Reconnect, "reconnect", 2*time.Minute, "")
	flags.StringVar(&home, "home", "", "")
	flags.StringVar(&invite, "invite", "", "")
	flags.StringVar(&opt.fingerprint, "fingerprint", "", "")
	flags.BoolVar(&opt.trust, "trust", false, "")
	flags.BoolVar(&opt.Takeover, "takeover", false, "")
	flags.BoolVar(&opt.plain, "plain", false, "")
	words, err := wire.Arguments(flags, args)
	if err != nil {
		return opt, err
	}
	if invite != "" {
		invitation, err := wire.ParseInvitation(invite)
		if err != nil {
			return opt, err
		}
		opt.Invite, opt.fingerprint = invitation.Code, invitation.Fingerprint
		if len(words) < 3 {
			words = append([]string{invitation.Name}, words...)
		}
	}
	err = opt.where(words)
	if err != nil {
		return opt, err
	}
	switch {
	case opt.History < 0 || opt.History > wire.MaxHistory:
		return opt, fmt.Errorf("-history %d is not from 0 to %d", opt.History, wire.MaxHistory)
	case opt.Idle < minIdle:
		return opt, fmt.Errorf("-idle %v is less than %v", opt.Idle, minIdle)
	case opt.Reconnect < 0:
		return opt, fmt.Errorf("-reconnect %v is less than 0s", opt.Reconnect)
	case opt.plain && (opt.fingerprint != "" || opt.trust || opt.Takeover):
		return opt, errors.New("-plain shows no keys: leave it out, or leave out the flags about keys")
	}
	return opt, opt.secure(home)
}

// where takes NAME, HOST and PORT.
func (opt *options) where(words []string) (err error) {
	needed := []string{"NAME", "HOST", "PORT"}
	if len(words) < len(needed) {
		return fmt.Errorf("missing: %s", strings.Join(needed[len(words):], ", "))
	}
	if len(words) > len(needed) {
		return fmt.Errorf("unexpected argument %q after NAME, HOST and PORT", words[len(needed)])
	}
	opt.Name, err = wire.CheckName(words[0])
	if err != nil {
		return err
	}
	opt.Folder = filepath.Join(opt.Folder, opt.Name)
	opt.Dial = new(net.Dialer).DialContext
	for place := range strings.SplitSeq(words[1], ",") {
		host, port, err := net.SplitHostPort(place)
		if err != nil { // without a port of its own
			host, port = strings.Trim(place, "[]"), words[2] // as in [::1]
		}
		if host == "" {
			return errors.New("the host is empty")
		}
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return fmt.Errorf("port %q is not a number from 1 to 65535", port)
		}
		opt.Addresses = append(opt.Addresses, net.JoinHostPort(strings.ToLower(host), port))
	}
	return nil
}
