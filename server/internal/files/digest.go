package files

import "time"

// timeStep is the coarsest timestamp granularity of common file systems: a file may change twice within it
// and show one time.
const timeStep = 2 * time.Second

// maxUsers is the number of users who get a cached digest before the file is read again: bounded memory, and
// a hundredth of the work.
const maxUsers = 100

// A cachedDigest is the digest of a version of a file, which saves reading the file for it at each download:
// a quarter of the time, and more than half of the CPU. A file that is written through a memory mapping may
// keep its version, and then the digest is wrong: a client that gets it sees a mismatch and asks again. So no
// user gets a cached digest twice. For the second download the file is read again, which costs little,
// because hardly anyone downloads a file again that is right.
type cachedDigest struct {
	version, digest string
	users           map[string]bool // who got it
}

// recall returns the digest of a version of a file for a user, or "" if the file has to be read.
func (f *Folder) recall(name, version, user string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	cached := f.digests[name]
	if cached == nil || cached.version != version || cached.users[user] || len(cached.users) == maxUsers {
		delete(f.digests, name)
		return ""
	}
	cached.users[user] = true
	return cached.digest
}

// remember caches a digest.
func (f *Folder) remember(name, version, digest string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.digests[name] = &cachedDigest{version, digest, map[string]bool{}}
}
