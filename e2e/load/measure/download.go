//go:build linux

package measure

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

const (
	bigSize  = 1 << 30 // bytes of the file that is downloaded
	bigName  = "big"
	download = "download of 1 GiB"
)

// bigFolder returns a folder with the big file, which is in the system's cache from then on.
func (r *run) bigFolder() (string, error) {
	dir := filepath.Join(r.Dir, "shared")
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", err
	}
	f, err := os.Create(filepath.Join(dir, bigName))
	if err != nil {
		return "", err
	}
	defer f.Close()
	block := make([]byte, 1<<20)
	for n := range bigSize / len(block) {
		for i := range block {
			block[i] = byte(i*i + n)
		}
		if _, err := f.Write(block); err != nil {
			return "", err
		}
	}
	return dir, f.Sync()
}

// download measures a file that one client gets, to nowhere and to disk.
func (r *run) download(p *peer) error {
	if p.fetch == nil {
		return nil
	}
	dir, err := r.bigFolder()
	if err != nil {
		return err
	}
	proc, own, err := r.start(p, dir)
	if err != nil {
		return err
	}
	defer r.end(proc, own)
	for _, to := range []string{os.DevNull, filepath.Join(own, "saved")} {
		begun := time.Now()
		if err := p.fetch(proc, to); err != nil {
			return fmt.Errorf("to %s: %w", to, err)
		}
		took := time.Since(begun)
		if to != os.DevNull {
			os.RemoveAll(to) // which takes as long again
		}
		where := "to disk"
		if to == os.DevNull {
			where = "to /dev/null"
		}
		r.add(p, download, where+", MB/s", bigSize/1e6/took.Seconds())
	}
	return nil
}

// fetchParley gets the big file: to nowhere as the protocol has it, to disk with parley's client, which
// verifies it.
func (r *run) fetchParley(proc *process, to string, config *tls.Config) error {
	if to != os.DevNull && config == nil {
		return r.client(proc, to, "-plain")
	}
	if to != os.DevNull {
		return r.client(proc, to, "-home", filepath.Join(r.Dir, "home"))
	}
	nc, err := net.Dial("tcp", proc.addr.String())
	if err != nil {
		return err
	}
	if config != nil {
		nc = tls.Client(nc, config)
	}
	defer nc.Close()
	fmt.Fprintf(nc, "HELLO parley/1 fetcher 0\nGET 0 - %s\n", bigName)
	buf := make([]byte, 1<<20)
	for total := 0; ; {
		n, err := nc.Read(buf)
		if err != nil {
			return err
		}
		total += n
		if total >= bigSize && bytes.HasSuffix(buf[:n], []byte(" "+bigName+"\n")) {
			return nil
		}
	}
}

// client has parley's client get the big file into a folder.
func (r *run) client(proc *process, dir string, flags ...string) error {
	cmd := exec.Command(r.Client, append(flags, "-dir", dir, "downloader", proc.addr.Addr().String(),
		fmt.Sprint(proc.addr.Port()))...)
	cmd.Stdin = strings.NewReader("/get " + bigName + "\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// fetchCurl gets the big file with curl, and has it reach the disk, as parley's client does.
func fetchCurl(proc *process, to string) error {
	url := fmt.Sprintf("http://%s/%s", proc.addr, bigName)
	if out, err := exec.Command("curl", "-sS", "-f", "-o", to, url).CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	if to == os.DevNull {
		return nil
	}
	f, err := os.OpenFile(to, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

// chatAndDownload measures the latency of 20 messages a second to n clients without and with a download at
// the same time.
func (r *run) chatAndDownload(p *peer, n int) error {
	if p.fetch == nil || p.say == nil {
		return nil
	}
	dir, err := r.bigFolder()
	if err != nil {
		return err
	}
	return r.with(p, n, func(proc *process, s *swarm) error {
		alone, _, err := r.latencies(p, proc, s)
		if err != nil {
			return err
		}
		stop, ended := make(chan struct{}), make(chan error, 1)
		go func() {
			to := filepath.Join(r.Dir, "chatting")
			for {
				err := p.fetch(proc, to)
				os.RemoveAll(to)
				select {
				case <-stop:
				default:
					if err == nil {
						continue
					}
				}
				ended <- err
				return
			}
		}()
		title := fmt.Sprintf("20 messages/s, %d clients", n)
		busy, _, err := r.latencies(p, proc, s)
		close(stop)
		if e := <-ended; err == nil {
			err = e
		}
		if err != nil {
			return err
		}
		r.add(p, title, "p99 alone, ms", alone.percentile(99))
		r.add(p, title, "p99 during a download, ms", busy.percentile(99))
		return nil
	}, dir)
}

// loopback measures one stream of bytes from this program to itself.
func (r *run) loopback(p *peer) error {
	if p.name != bareName {
		return nil
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer l.Close()
	out, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		return err
	}
	in, err := l.Accept()
	if err != nil {
		return err
	}
	defer in.Close()
	go func() {
		defer out.Close()
		end, block := time.Now().Add(r.Time), make([]byte, 1<<20)
		for time.Now().Before(end) {
			if _, err := out.Write(block); err != nil {
				return
			}
		}
	}()
	begun := time.Now()
	n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{in}, make([]byte, 1<<20))
	r.add(p, "one stream over loopback", "MB/s", float64(n)/1e6/time.Since(begun).Seconds())
	return err
}
