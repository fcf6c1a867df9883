package main

import (
	"expvar"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"runtime"
	"strings"
	"time"

	"parley/server/internal/deliver"
)

// serveDebug shows a running server from inside until stop is called: profiles as net/http/pprof has them,
// and counters as expvar does. The handlers are not those that the packages register, which all servers of a
// process would share.
func serveDebug(listener net.Listener, stats func() deliver.Stats) (stop func()) {
	runtime.SetMutexProfileFraction(100) // one wait in a hundred, which costs nothing to speak of
	mux := http.NewServeMux()
	mux.HandleFunc("GET /debug/pprof/", pprof.Index) // which knows most others by their names
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	mux.HandleFunc("GET /debug/vars", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		parley := expvar.Func(func() any { return stats() })
		fmt.Fprintf(w, "{\"parley\": %s, \"memstats\": %s}\n", parley, expvar.Get("memstats"))
	})
	server := &http.Server{Handler: local(mux), ReadHeaderTimeout: 10 * time.Second}
	done := make(chan struct{})
	go func() {
		defer close(done)
		server.Serve(listener)
	}()
	return func() {
		server.Close()
		<-done
	}
}

// local serves who asks for the address of the machine, not what a web page in a browser there asks for: a
// page may have a name of its own lead to this address.
func local(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host
		}
		address := net.ParseIP(strings.Trim(host, "[]")) != nil || host == "localhost"
		site := r.Header.Get("Sec-Fetch-Site")
		if !address || site != "" && site != "none" && site != "same-origin" {
			http.Error(w, "open it by its address, not from another page", http.StatusForbidden)
			return
		}
		handler.ServeHTTP(w, r)
	})
}

// debugAddress returns where -debug serves: on this machine alone, unless the address names another host.
func debugAddress(address string) string {
	if _, _, err := net.SplitHostPort(address); err != nil {
		return net.JoinHostPort("127.0.0.1", address)
	}
	return address
}
