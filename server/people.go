package main

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"parley/server/internal/room"
	"parley/server/internal/serve"
	"parley/server/wire"
)

// rows is how many names, or bans, are shown at most: a few screens.
const rows = 200

func (a *app) who(string) {
	var here, away []string
	a.hub.View(func(r *room.Room) {
		for _, s := range r.Sessions() {
			if s.Away() {
				away = append(away, s.Name)
			} else {
				here = append(here, "  "+s.Name+from(s))
			}
		}
	})
	lines := []string{"nobody is here"}
	if len(here) > 0 {
		lines = append([]string{fmt.Sprintf("%d here:", len(here))}, here...)
	}
	if len(away) > 0 {
		lines = append(lines, fmt.Sprintf("%d away: %s", len(away), strings.Join(away, ", ")))
	}
	a.show(strings.Join(lines, "\n"))
}

// from says from where and since when someone is here. It is not known of a session from before version 2 of
// the event log.
func from(s *room.Session) string {
	if s.Addr == "" {
		return ""
	}
	return " from " + s.Addr + " since " + s.Since
}

// list shows rows of something, or says that there is none.
func (a *app) list(lines []string, none, more string) {
	if len(lines) == 0 {
		lines = []string{none}
	}
	if n := len(lines) - rows; n > 0 {
		lines = append(lines[:rows], fmt.Sprintf("and %d more%s", n, more))
	}
	a.show(strings.Join(lines, "\n"))
}

func (a *app) names(name string) {
	var lines []string
	a.hub.View(func(r *room.Room) {
		for _, o := range r.Owners() {
			if name != "" && wire.NameKey(o.Name) != wire.NameKey(name) {
				continue
			}
			line := o.Name
			for _, device := range o.Devices {
				line += " " + wire.Fingerprint([]byte(device))
			}
			if !o.Kept() {
				line += " (a claim)"
			}
			lines = append(lines, line)
		}
	})
	none := "no name belongs to anyone"
	if name != "" {
		none = fmt.Sprintf("%s belongs to nobody", name)
	}
	a.list(lines, none, ": /names NAME shows one")
}

func (a *app) bans(string) {
	var lines []string
	a.hub.View(func(r *room.Room) {
		for _, b := range r.Bans() {
			line := serve.Target(b)
			if b.Of != "" {
				line += " of " + b.Of
			}
			lines = append(lines, line)
		}
	})
	a.list(lines, "nobody is banned", "")
}

func (a *app) ban(whom string) { a.target(room.Ban, whom) }

func (a *app) unban(whom string) { a.target(room.Unban, whom) }

func (a *app) target(kind room.Kind, whom string) {
	e, err := target(whom)
	if err != nil {
		a.warn(err.Error())
		return
	}
	e.Kind = kind
	a.order(e)
}

// target returns an entry with the name, address or key that the operator wrote.
func target(whom string) (e room.Entry, err error) {
	if strings.HasPrefix(whom, "SHA256:") {
		e.Device, err = wire.ParseFingerprint(whom)
		return e, err
	}
	network, err := netip.ParsePrefix(whom)
	if err == nil && (network.Addr().Is4() || network.Bits() != 64) {
		return e, errors.New("write one address: an IPv6 address stands for its whole /64")
	}
	if _, notAddress := netip.ParseAddr(whom); err == nil || notAddress == nil {
		e.Addr = []byte(serve.Address(whom))
	} else {
		e.Name = []byte(whom)
	}
	return e, nil
}

func (a *app) invite(name string) {
	normal, err := wire.CheckName(name)
	if err != nil {
		a.warn(err.Error())
		return
	}
	if !a.writable() {
		return
	}
	if code := a.serve.Invite(normal); code != "" {
		i := wire.Invitation{Name: normal, Code: code, Fingerprint: a.fingerprint}
		a.show(fmt.Sprintf("for %s, within 7 days: client -invite %s HOST PORT", normal, i))
	}
}
