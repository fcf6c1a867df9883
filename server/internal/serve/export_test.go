package serve

import "time"

// A test of a client at rest waits until it rests.
func init() { quiet = 100 * time.Millisecond }
