package files

import "time"

const TimeStep = timeStep

// SetClock has the folder take the time from now.
func (f *Folder) SetClock(now func() time.Time) { f.now = now }

// Hashed returns how much of the file was read for its digest.
func (t *Transfer) Hashed() int64 { return t.hashed }
