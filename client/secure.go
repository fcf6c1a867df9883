package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"strings"

	"parley/client/internal/link"
	"parley/client/internal/trust"
	"parley/server/wire"
)

// secure has the client speak TLS, with the device's key and the servers that it knows.
func (opt *options) secure(home string) (err error) {
	if opt.plain {
		return nil
	}
	if opt.fingerprint != "" {
		hash, err := wire.ParseFingerprint(opt.fingerprint)
		if err != nil {
			return err
		}
		opt.fingerprint = wire.Fingerprint(hash) // however it was written
	}
	opt.home = trust.Home(home)
	if home == "" {
		opt.home, err = trust.DefaultHome()
		if err != nil {
			return fmt.Errorf("no folder for this device's key: %w: choose one with -home", err)
		}
	}
	key, err := opt.home.Key()
	if err != nil {
		return fmt.Errorf("no key for this device: %w: choose another folder with -home", err)
	}
	opt.TLS = func(address string) *tls.Config { return opt.server(address).Config(key) }
	return nil
}

// meet decides about a server that is not known yet, which it remembers if that is to be trusted. It asks a
// person, unless the command line tells.
func (opt *options) meet(ctx context.Context, unknown *trust.UnknownError, in io.Reader,
	out io.Writer) error {

	if !opt.trust {
		fmt.Fprintf(out, "The server %s is not known yet. Its key is\n%s\n"+
			"Does its operator say the same? Type yes to trust it: ", unknown.Address, unknown.Fingerprint)
		answer := make(chan string, 1)
		go func() { // which nothing can interrupt; the program ends then
			line, _ := bufio.NewReader(in).ReadString('\n')
			answer <- strings.ToLower(strings.TrimSpace(line))
		}()
		select {
		case word := <-answer:
			if word != "yes" {
				return errors.New("the server is not trusted, so nothing was sent to it")
			}
		case <-ctx.Done():
			fmt.Fprintln(out)
			return context.Cause(ctx)
		}
	}
	return opt.home.Remember(unknown.Address, unknown.Fingerprint)
}

func (opt *options) server(address string) trust.Server {
	return trust.Server{Address: address, Home: opt.home, Fingerprint: opt.fingerprint}
}

// meetAll decides about those of several servers that are there and not known yet: when the connection to one
// is lost, the client goes on with the next, and asks nothing.
func (opt *options) meetAll(ctx context.Context, in io.Reader, out io.Writer) error {
	if len(opt.Addresses) < 2 || opt.TLS == nil || !opt.trust && !opt.Person {
		return nil
	}
	for _, address := range opt.Addresses {
		if opt.server(address).Met() {
			continue
		}
		unknown, ok := errors.AsType[*trust.UnknownError](link.Look(ctx, opt.Config.Config, address))
		if !ok {
			continue
		}
		if err := opt.meet(ctx, unknown, in, out); err != nil {
			return err
		}
	}
	return nil
}

// pin remembers a server that has proved to have the key which the user gave.
func (opt *options) pin(address string) error {
	if opt.fingerprint == "" {
		return nil
	}
	known, err := opt.home.Known(address)
	if err != nil || known == opt.fingerprint {
		return err
	}
	return opt.home.Remember(address, opt.fingerprint)
}
