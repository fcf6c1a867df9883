package serve_test

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"parley/server/internal/serve"
	"parley/server/wire"
)

// heap returns how much memory is in use.
func heap() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc + m.StackInuse)
}

// Lists are made once for all who ask for them and do not read them: each costs little more than to be here.
func TestUnreadLists(t *testing.T) {
	const (
		readers, people = 300, 1000
		most            = 20 << 10 // bytes for each reader, of a list of 90 KiB and more
	)
	for _, ask := range []string{"WHO", "FILES"} {
		bubble(t, ask, nil, func(s *server) {
			for i := range people {
				name := fmt.Sprintf("%04d%s", i, strings.Repeat("語", 28))
				near, far := newPipe(s.t)
				if _, err := join(s.Server, near, name); err != nil {
					s.t.Fatal(err)
				}
				go io.Copy(io.Discard, far)
				file := filepath.Join(s.folder, name)
				if err := os.WriteFile(file, nil, 0o644); err != nil {
					s.t.Fatal(err)
				}
			}
			synctest.Wait()
			var all []io.Writer
			for i := range readers {
				nc := s.connect()
				io.WriteString(nc, fmt.Sprintf("HELLO parley/1 reader%d 0\n", i))
				all = append(all, nc)
			}
			synctest.Wait()
			before := heap()
			for _, nc := range all {
				go io.WriteString(nc, ask+"\n"+ask+"\n")
			}
			synctest.Wait()
			if each := (heap() - before) / readers; each > most {
				s.t.Errorf("%d bytes for each who does not read, want at most %d", each, most)
			}
		})
	}
}

// A list is as new as the question, however short ago another one was made.
func TestListsAreNew(t *testing.T) {
	s := start(t, nil)
	for i := range 20 {
		c := s.join(fmt.Sprint("user", i))
		c.send("WHO")
		for c.next().Verb != wire.Users {
		}
		var names []string
		for range i + 1 {
			names = append(names, string(c.next().Name))
		}
		if !slices.Contains(names, fmt.Sprint("user", i)) || !slices.IsSorted(names) {
			t.Errorf("user%d is shown %v", i, names)
		}
	}
}

// What an answer costs is waited for with the next line, and no more than five seconds of it.
func TestPriceOfAnswers(t *testing.T) {
	const rate, burst = 10, 50
	bubble(t, "", func(s *serve.Server) { s.Rate = rate }, func(s *server) {
		for i := range 2000 {
			near, far := newPipe(s.t)
			if _, err := join(s.Server, near, fmt.Sprintf("%04d%s", i, strings.Repeat("語", 28))); err != nil {
				s.t.Fatal(err)
			}
			go io.Copy(io.Discard, far)
		}
		c := s.join("alice")
		const price = 2001 * (len("USER \n") + 4 + 28*3) / wire.MaxLine // of a list
		began := time.Now()
		for range 10 {
			c.send("WHO")
			for c.next().Verb != wire.Users {
			}
			for range 2001 {
				c.next()
			}
		}
		c.send("PING 0")
		c.next()
		took, least := time.Since(began), time.Duration(10*price-burst)*time.Second/rate
		if took < least || took > least*3/2 {
			s.t.Errorf("10 lists for the price of %d lines each took %v, want %v", price, took, least)
		}
	})
}
