package fault

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// A Flaw turns the server's event log into one that breaks its promise whenever the server is killed. Tests
// of the checker use it: a run with a flaw has to fail.
type Flaw int

const (
	Flawless    Flaw = iota
	LosesLast        // the last group that was committed is gone
	AnswersSoon      // groups are written down a moment after they were answered
)

// unwritten is how old the newest group is that a log with the flaw AnswersSoon has written down.
const unwritten = 20 * time.Millisecond

// kill kills the server and leaves in its state folder what the log would have left there.
func (f Flaw) kill(r *run, h *host) error {
	if f != AnswersSoon {
		h.server.kill()
		if f == LosesLast {
			return cutLast(h.state())
		}
		return nil
	}
	earlier := filepath.Join(r.cfg.Dir, "earlier")
	if err := CopyState(earlier, h.state()); err != nil {
		return err
	}
	time.Sleep(unwritten)
	h.server.kill()
	if err := os.RemoveAll(h.state()); err != nil {
		return err
	}
	return os.Rename(earlier, h.state())
}

// CopyState copies a server's state folder to a new one. Only its owner can read the key in it, as the server
// demands.
func CopyState(to, from string) error {
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		return err
	}
	err := os.Chmod(filepath.Join(to, "key"), 0o600) // which CopyFS opens for all
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// cutLast removes the last record of the newest segment in a state folder, unless it is its snapshot. Package
// eventlog in the server says what a segment looks like.
func cutLast(state string) error {
	segments, err := filepath.Glob(filepath.Join(state, "*.events"))
	if err != nil || len(segments) == 0 {
		return err
	}
	const prefix = 8 // bytes before the payload of a record, which begin with its length
	newest := slices.Max(segments)
	data, err := os.ReadFile(newest)
	if err != nil {
		return err
	}
	var records []int // where they begin
	for at := bytes.IndexByte(data, '\n') + 1; at+prefix <= len(data); {
		records = append(records, at)
		at += prefix + int(binary.LittleEndian.Uint32(data[at:]))
	}
	if len(records) < 2 {
		return nil
	}
	return os.Truncate(newest, int64(records[len(records)-1]))
}
