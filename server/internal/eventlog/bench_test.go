package eventlog

import (
	"bytes"
	"slices"
	"testing"
	"time"
)

// logs returns a log of each kind, by its name, in a folder of the size that the server uses.
func logs(b *testing.B) map[string]*Log {
	opt := options(b)
	opt.Retention = 16 << 20
	l, err := Open(b.TempDir(), &counter{}, opt)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { l.Close() })
	return map[string]*Log{"memory": Memory(&counter{}), "file": l}
}

func BenchmarkPropose(b *testing.B) {
	entry := bytes.Repeat([]byte("x"), 100)
	for kind, l := range logs(b) {
		b.Run(kind+"/single", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := l.Propose(entry); err != nil {
					b.Fatal(err)
				}
			}
		})
		for name, goroutines := range map[string]int{"2": 1, "200": 100} {
			b.Run(kind+"/parallel-"+name, func(b *testing.B) {
				b.SetParallelism(goroutines)
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						if err := l.Propose(entry); err != nil {
							b.Error(err)
						}
					}
				})
			})
		}
	}
}

// BenchmarkIdle reports the median time of one proposal in ten milliseconds.
func BenchmarkIdle(b *testing.B) {
	entry := bytes.Repeat([]byte("x"), 100)
	l := logs(b)["file"]
	took := make([]time.Duration, 0, 200)
	for len(took) < cap(took) {
		time.Sleep(10 * time.Millisecond)
		start := time.Now()
		if err := l.Propose(entry); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Nanoseconds()), "median-ns")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkStart opens a folder with 32 MiB of entries, each in a group of its own.
func BenchmarkStart(b *testing.B) {
	dir, opt := b.TempDir(), options(b)
	opt.Retention = 32 << 20
	entry := bytes.Repeat([]byte("x"), 100)
	const entries = 32 << 20 / 100
	l, err := Open(dir, &counter{}, opt)
	if err != nil {
		b.Fatal(err)
	}
	for range entries {
		if err := l.Propose(entry); err != nil {
			b.Fatal(err)
		}
	}
	l.Close()
	for b.Loop() {
		c := &counter{}
		l, err := Open(dir, c, opt)
		if err != nil {
			b.Fatal(err)
		}
		if c.groups != entries {
			b.Fatalf("%d of %d entries came back", c.groups, entries)
		}
		l.Close()
	}
}
