//go:build linux

package measure

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"parley/server/wire"
)

// stormers is how many handshakes a storm makes at a time.
const stormers = 64

// Storm makes TLS handshakes with the server on addr until in ends, and writes to out how many it made. It
// gives way to other programs, because most of the work that it makes is the server's to do.
func Storm(addr string, in io.Reader, out io.Writer) error {
	if err := syscall.Setpriority(syscall.PRIO_PROCESS, 0, 10); err != nil {
		return fmt.Errorf("giving way: %w", err)
	}
	config := clientConfig()
	var ending atomic.Bool
	var made, failed atomic.Int64
	var running sync.WaitGroup
	for range stormers {
		running.Go(func() {
			for !ending.Load() {
				if err := shake(addr, config); err != nil {
					failed.Add(1)
				} else {
					made.Add(1)
				}
			}
		})
	}
	io.Copy(io.Discard, in)
	ending.Store(true)
	running.Wait()
	fmt.Fprintln(out, made.Load(), failed.Load())
	return nil
}

// clientConfig is what parley's client says, with a new key, but that it lets every server be the right one.
func clientConfig() *tls.Config {
	key, err := wire.NewKey()
	if err != nil {
		panic(err) // no random numbers, which is fatal in package rand already
	}
	return &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13,
		NextProtos: []string{wire.Version}, Certificates: []tls.Certificate{key}}
}

// shake makes one handshake and breaks the connection.
func shake(addr string, config *tls.Config) error {
	nc, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		return err
	}
	defer nc.Close()
	nc.(*net.TCPConn).SetLinger(0) // else the ports are used up
	nc.SetDeadline(time.Now().Add(patience))
	return tls.Client(nc, config).Handshake()
}

// handshakes measures what 20 broadcasts a second to n clients have to wait while others make handshakes, and
// while they do not.
func (r *run) handshakes(p *peer, n int) error {
	if p.tls == nil || p.say == nil {
		return nil
	}
	return r.with(p, n, func(proc *process, s *swarm) error {
		title := fmt.Sprintf("20 messages/s, %d clients, ", n)
		quiet, _, err := r.latencies(p, proc, s)
		if err != nil {
			return err
		}
		r.add(p, title+"no handshakes", "latency p50, ms", quiet.percentile(50))
		r.add(p, title+"no handshakes", "latency p99, ms", quiet.percentile(99))
		storm := exec.Command(r.Self, "-storm", proc.addr.String())
		storm.Stderr = os.Stderr
		stop, err := storm.StdinPipe()
		if err != nil {
			return err
		}
		said, err := storm.StdoutPipe()
		if err != nil {
			return err
		}
		if err := storm.Start(); err != nil {
			return err
		}
		begun := time.Now()
		stormy, _, err := r.latencies(p, proc, s)
		stop.Close()
		var made, failed int64
		if _, e := fmt.Fscan(said, &made, &failed); err == nil {
			err = e
		}
		took := time.Since(begun)
		if e := storm.Wait(); err == nil {
			err = e
		}
		if err == nil && made == 0 {
			err = fmt.Errorf("all %d handshakes failed", failed)
		}
		if err != nil {
			return err
		}
		r.add(p, title+"with a storm of handshakes", "latency p50, ms", stormy.percentile(50))
		r.add(p, title+"with a storm of handshakes", "latency p99, ms", stormy.percentile(99))
		r.add(p, title+"with a storm of handshakes", "handshakes/s", float64(made)/took.Seconds())
		return nil
	})
}
