package files

import (
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"sync"
	"time"
)

const (
	// timeStep is the coarsest timestamp granularity of common file systems: a file may change twice
	// within it and show one time.
	timeStep = 2 * time.Second
	// maxUsers is the number of users who get a digest before the file is read again: bounded memory, and
	// a hundredth of the work.
	maxUsers = 100
	// maxDigests is the number of files whose digests are kept: a few MiB, also if all have so many
	// users.
	maxDigests = 1000
	// hashPart is how many bytes are read and hashed at a time: what takes part of a millisecond, so that
	// all who hash take turns.
	hashPart = 256 << 10
	// doubtShare is how many times as long as a file was read again, because a user asked again, no other
	// is.
	doubtShare = 9
)

// A digest is that of a version of a file that has not changed for a while. It is computed once for all who
// get that: a download takes three quarters of the time without, and less than half of the CPU. A file that
// is written through a memory mapping may keep its version, and then the digest is wrong: a client that gets
// it sees a mismatch and asks again. So when a user asks a second time, the file is read again, which costs
// little, because hardly anyone downloads a file again that is right; those who do it all the time cost a
// tenth of a core.
type digest struct {
	// set at construction
	name, version string
	doubted       bool          // there was one of the same version
	stop          chan struct{} // closed when nobody waits any more

	progress sync.Mutex    // guards the following fields
	hashed   int64         // bytes of the file that have been read
	more     chan struct{} // closed when there are more

	done chan struct{}
	// set before done is closed
	sum string
	err error // why there is none, as that of readParts

	// guarded by the folder's mutex
	users   map[string]bool // who got it after it was started
	waiting int             // transfers that may still need it
}

// digest returns the digest of a file for a user, which may still be computed. Each must be released. started
// reports whether the file is read for it. The file's version is stable.
func (f *Folder) digest(name string, file *File, user string) (d *digest, started bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	old := f.digests[name]
	if old != nil && old.version != file.Version {
		old = nil
	}
	if old != nil && f.believesLocked(old, user) {
		if f.unwanted == old {
			f.unwanted = nil
		}
		if len(old.users) < maxUsers {
			old.users[user] = true
		}
		old.waiting++
		return old, false
	}
	d = &digest{name: name, version: file.Version, doubted: old != nil, stop: make(chan struct{}),
		more: make(chan struct{}), done: make(chan struct{}), users: map[string]bool{}, waiting: 1}
	f.doubting = f.doubting || d.doubted
	f.keepLocked(d)
	file.users.Add(1)
	f.work.Go(func() { f.compute(d, file) })
	return d, true
}

// believesLocked reports whether a user gets a digest of the version that the file has.
func (f *Folder) believesLocked(d *digest, user string) bool {
	doubts := d.isDone() && (d.users[user] || len(d.users) == maxUsers)
	return !doubts || f.doubting || f.now().Before(f.nextDoubt)
}

func (d *digest) isDone() bool {
	select {
	case <-d.done:
		return true
	default:
		return false
	}
}

func (f *Folder) keepLocked(d *digest) {
	for name := range f.digests {
		if len(f.digests) < maxDigests {
			break
		}
		delete(f.digests, name)
	}
	f.digests[d.name] = d
}

// release is called when a transfer does not need its digest any more.
func (f *Folder) release(d *digest) {
	f.mu.Lock()
	defer f.mu.Unlock()
	d.waiting--
	switch {
	case d.waiting > 0 || d.isDone():
	case f.unwanted == nil || f.unwanted == d:
		// Those who get and stop again and again have it computed once.
		f.unwanted = d
	default:
		close(d.stop)
		f.forgetLocked(d)
	}
}

func (f *Folder) forgetLocked(d *digest) {
	if f.digests[d.name] == d {
		delete(f.digests, d.name)
	}
}

// compute computes a digest.
func (f *Folder) compute(d *digest, file *File) {
	defer f.guard()
	defer file.release()
	began := time.Now()
	sum := sha256.New()
	d.err = f.readParts(file, 0, file.Size, d.stop, func(part []byte) {
		f.hashing <- struct{}{}
		sum.Write(part)
		<-f.hashing
		d.advance(len(part))
	})
	if d.err == nil {
		d.sum = string(sum.Sum(nil))
		d.err = f.use(d.stop, func() error {
			now, err := f.stat(file.File)
			if err == nil && now.Version != d.version {
				err = errChanged
			}
			return err
		})
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	close(d.done)
	if d.err != nil {
		f.forgetLocked(d)
	}
	if f.unwanted == d {
		f.unwanted = nil
	}
	if d.doubted {
		f.doubting, f.nextDoubt = false, f.now().Add(doubtShare*time.Since(began))
	}
}

func (d *digest) advance(n int) {
	d.progress.Lock()
	defer d.progress.Unlock()
	d.hashed += int64(n)
	close(d.more)
	d.more = make(chan struct{})
}

// await waits until the file was read up to an offset, if it is read there soon. It reports whether it was.
func (d *digest) await(end int64, stop <-chan struct{}) bool {
	const soon = 4 * maxPiece
	for {
		d.progress.Lock()
		hashed, more := d.hashed, d.more
		d.progress.Unlock()
		if hashed >= end || end-hashed > soon {
			return hashed >= end
		}
		select {
		case <-more:
		case <-d.done:
			return false
		case <-stop:
			return false
		}
	}
}

// check has sum go on with the bytes of a file from one offset to another, for one transfer. All that do take
// one core half of the time, because who asks for it can ask again and again.
func (f *Folder) check(sum hash.Hash, file *File, from, to int64, stop <-chan struct{}) error {
	return f.readParts(file, from, to, stop, func(part []byte) {
		f.checking <- struct{}{}
		began := time.Now()
		sum.Write(part)
		time.Sleep(time.Since(began))
		<-f.checking
	})
}

// errChanged reports that a file has changed.
var errChanged = errors.New("changed")

// readParts reads the bytes of a file from one offset to another. The error is ErrStopped, errChanged if the
// file is shorter, or the system's.
func (f *Folder) readParts(file *File, from, to int64, stop <-chan struct{}, each func(part []byte)) error {
	buf := make([]byte, min(to-from, hashPart))
	for at := from; at < to; {
		part := buf[:min(to-at, hashPart)]
		err := f.use(stop, func() error {
			got, err := file.ReadAt(part, at)
			if got == len(part) {
				return nil
			}
			if err == io.EOF {
				return errChanged
			}
			return err
		})
		if err != nil {
			return err
		}
		each(part)
		at += int64(len(part))
	}
	return nil
}

// use calls do, which uses the disk, as soon as not too many others do. The error is that of do, or
// ErrStopped.
func (f *Folder) use(stop <-chan struct{}, do func() error) error {
	select {
	case f.uses <- struct{}{}:
		defer func() { <-f.uses }()
		f.beforeIO()
		return do()
	case <-stop:
		return ErrStopped
	}
}
