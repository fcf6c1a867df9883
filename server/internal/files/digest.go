package files

import (
	"encoding/base64"
	"time"
)

// timeStep is the coarsest that a file system counts time: a file may change twice within it and show one
// time.
const timeStep = 2 * time.Second

// maxGiven is after how many downloads a file is read again for its digest: bounded memory, and a hundredth
// of the work.
const maxGiven = 100

// A known is the digest of a version of a file, and the users who were sent it with that version. A file that
// is written through a memory mapping may keep its version, and then the digest is wrong: who got it finds
// that the file does not match, and asks again. So nobody is sent one twice: the file is read again instead,
// which is certain, and costs little because hardly anyone downloads a file again that is right.
type known struct {
	version, digest string
	given           map[string]bool
}

// recall returns the digest of a version of a file for a user, "" when the file has to be read. held is what
// the user says the whole file's digest is: who knows the digest holds the right file.
func (f *Folder) recall(name, version, user, held string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	k := f.digests[name]
	switch {
	case k == nil || k.version != version:
		return ""
	case held == digestVersion(k.digest):
		return k.digest
	case k.given[user] || len(k.given) == maxGiven:
		delete(f.digests, name)
		return ""
	}
	k.given[user] = true
	return k.digest
}

// remember takes note of a digest.
func (f *Folder) remember(name, version, digest string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.digests[name] = &known{version, digest, map[string]bool{}}
}

// digestPrefix begins a GET's version that is a digest.
const digestPrefix = "sha256:"

// digestVersion returns a digest as the version of a GET.
func digestVersion(digest string) string {
	return digestPrefix + base64.RawURLEncoding.EncodeToString([]byte(digest))
}
