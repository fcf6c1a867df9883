package files

import "time"

const TimeStep = timeStep

// SetClock has the folder take the time from now.
func (f *Folder) SetClock(now func() time.Time) { f.now = now }

// SetDisk has the folder call hook before it uses the disk.
func (f *Folder) SetDisk(hook func()) { f.beforeIO = hook }

// Hashed returns how much of the file was read for its digest because of this transfer.
func (t *Transfer) Hashed() int64 {
	if t.hashes {
		return t.digest.hashed
	}
	return t.hashed
}
