package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"parley/server/internal/deliver"
	"parley/server/wire/wiretest"
)

// fetch returns what HTTP has at a place of the server.
func fetch(t *testing.T, addr, place string) string {
	t.Helper()
	r, err := http.Get("http://" + addr + place)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v: %s", place, r.Status, err, text)
	}
	return string(text)
}

// A web page cannot read it: not from another site, and not by a name that leads to this machine.
func TestDebugIsLocal(t *testing.T) {
	handler := local(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "profile")
	}))
	tests := []struct {
		host, site string
		want       int
	}{
		{"127.0.0.1:6060", "", http.StatusOK},
		{"127.0.0.1", "none", http.StatusOK},
		{"[::1]:6060", "same-origin", http.StatusOK},
		{"[::1]", "", http.StatusOK},
		{"localhost:6060", "none", http.StatusOK},
		{"evil.example:6060", "", http.StatusForbidden},
		{"evil.example", "same-origin", http.StatusForbidden},
		{"127.0.0.1.evil.example:6060", "", http.StatusForbidden},
		{"", "", http.StatusForbidden},
		{"127.0.0.1:6060", "cross-site", http.StatusForbidden},
		{"localhost:6060", "same-site", http.StatusForbidden},
	}
	for _, test := range tests {
		r := httptest.NewRequest("GET", "/debug/vars", nil)
		r.Host = test.host
		if test.site != "" {
			r.Header.Set("Sec-Fetch-Site", test.site)
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		served := w.Body.String() == "profile"
		if w.Code != test.want || served != (test.want == http.StatusOK) {
			t.Errorf("host %q, site %q: %d %q, want %d", test.host, test.site, w.Code, w.Body, test.want)
		}
	}
}

// -debug counts what happens, and has profiles, on this machine alone.
func TestDebug(t *testing.T) {
	p := launch(t, nil, "-debug", "0")
	addr := p.stdout.wait(t, `debugging on http://(127\.0\.0\.1:\d+)/debug/pprof/ and /debug/vars\n`)[1]
	alice, bob, carol := p.join("alice"), p.join("bob"), p.join("carol")
	alice.Send("SAY hello", "TELL bob hello", "TELL nobody hello", "PING 0")
	alice.Expect("JOINED bob", "JOINED carol", "OK", "OK", "REFUSED no-user ...", "PONG")
	bob.Expect("JOINED carol", "SAID alice hello", "TOLD alice hello")
	carol.Expect("SAID alice hello")
	var vars struct {
		Parley   deliver.Stats
		Memstats struct{ HeapAlloc uint64 }
	}
	if err := json.Unmarshal([]byte(fetch(t, addr, "/debug/vars")), &vars); err != nil {
		t.Fatal(err)
	}
	if vars.Parley.Bytes < 300 || vars.Memstats.HeapAlloc == 0 {
		t.Errorf("%d bytes sent, %d in memory, which is too few", vars.Parley.Bytes, vars.Memstats.HeapAlloc)
	}
	vars.Parley.Bytes = 0
	if diff := cmp.Diff(deliver.Stats{Sessions: 3, Messages: 2, Deliveries: 3}, vars.Parley); diff != "" {
		t.Errorf("counters (-want +got):\n%s", diff)
	}
	goroutines := fetch(t, addr, "/debug/pprof/goroutine?debug=1")
	if !strings.Contains(goroutines, "deliver.(*flusher).run") {
		t.Errorf("no flusher among the goroutines:\n%s", goroutines)
	}
	r, err := http.NewRequest("GET", "http://"+addr+"/debug/vars", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "evil.example"
	if answer, err := http.DefaultClient.Do(r); err != nil || answer.StatusCode != http.StatusForbidden {
		t.Errorf("to a page of another host: %v, %v, want 403", answer, err)
	} else {
		answer.Body.Close()
	}
	fmt.Fprintln(p.stdin, "/quit")
	for _, c := range []*wiretest.Peer{alice, bob, carol} {
		c.Close()
	}
	p.ended(0, "")
}
