package main

import (
	"crypto/tls"
	"fmt"
	"path/filepath"

	"parley/server/wire"
)

// certificate returns what clients know the server by: a CA's certificate, or one for the key in the state
// folder, or without such a folder for a new key.
func (opt *options) certificate() (tls.Certificate, error) {
	switch {
	case opt.cert != "":
		cert, err := tls.LoadX509KeyPair(opt.cert, opt.key)
		if err != nil {
			err = fmt.Errorf("cannot use -cert and -key: %w", err)
		}
		return cert, err
	case opt.state == "":
		return wire.NewKey()
	}
	return wire.LoadKey(filepath.Join(opt.state, "key"))
}
