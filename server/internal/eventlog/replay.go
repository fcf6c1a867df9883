package eventlog

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const damagedSuffix = ".damaged"

// A damageError tells where a segment does not hold what was written: at its end.
type damageError struct {
	*segment
	path string
	data []byte
}

func (e *damageError) Error() string {
	return fmt.Sprintf("%s is damaged at byte %d: choose another folder with -state, "+
		"or keep all up to the damage with -repair", e.path, e.end)
}

// replay gives the empty state what the folder holds: the oldest snapshot, and all groups.
func (f *file) replay() error {
	_, err := os.Stat(f.repairMark())
	f.repairing = err == nil
	if f.repairing && !f.opt.Repair {
		return fmt.Errorf("the repair of the state folder %s was cut short: start with -repair again", f.dir)
	}
	indexes, err := f.indexes()
	if err != nil {
		return unusable(err)
	}
	for i, index := range indexes {
		later := indexes[i+1:]
		err := f.replaySegment(index, later)
		damage := (*damageError)(nil)
		if f.opt.Repair && errors.As(err, &damage) {
			return f.repair(damage, later)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// indexes returns the indexes of the segments, in order.
func (f *file) indexes() (found []uint64, err error) {
	entries, err := os.ReadDir(f.dir) // sorted
	for _, e := range entries {
		index, err := strconv.ParseUint(strings.TrimSuffix(e.Name(), ".events"), 16, 64)
		if err == nil && segmentName(index) == e.Name() {
			found = append(found, index)
		}
	}
	return found, err
}

// replaySegment applies the groups of a segment, up to the index where the next begins. If nothing was
// restored yet, it restores the snapshot before.
func (f *file) replaySegment(index uint64, later []uint64) error {
	path := f.path(index)
	data, err := os.ReadFile(path)
	if err != nil {
		return unusable(err)
	}
	s := &segment{index: index}
	fmt.Sscanf(string(data[:min(len(data), 2*len(header))]), formatted, &s.version)
	if s.version > version {
		return fmt.Errorf("%s is of version %d, this server knows versions up to %d: "+
			"use a newer server, or choose another folder with -state", path, s.version, version)
	}
	damage := &damageError{s, path, data}
	snapshot, sound := s.readSnapshot(data)
	if len(f.segments) == 0 {
		if !sound {
			return damage
		}
		if err := f.state.Restore(snapshot); err != nil {
			return fmt.Errorf("%s: %w: choose another folder with -state", path, err)
		}
		f.next = index
	}
	f.segments = append(f.segments, s)
	end := uint64(math.MaxUint64)
	if len(later) > 0 {
		end = later[0]
	}
	for sound && f.next < end {
		group, ok := recordAt(data, index, s.end)
		if !ok {
			break
		}
		if f.state.Apply(group) != nil {
			return damage
		}
		s.end += prefixSize + len(group)
		f.next++
	}
	if f.next == end {
		return nil
	}
	if len(later) > 0 || !torn(data, index, s.end) {
		return damage
	}
	if cut := len(data) - s.end; cut > 0 {
		f.opt.Notice(fmt.Sprintf("%s: cut off %d bytes of an unfinished write", path, cut))
	}
	if !sound || s.version < version {
		return nil // Open begins a new segment, for the former in its place
	}
	if err := os.Truncate(path, int64(s.end)); err != nil {
		return unusable(err)
	}
	return unusable(f.resume())
}

// readSnapshot returns the snapshot before the groups of a segment, and whether all up to there is right.
func (s *segment) readSnapshot(data []byte) (snapshot []byte, sound bool) {
	if first := fmt.Sprintf(formatted, s.version); s.version > 0 && bytes.HasPrefix(data, []byte(first)) {
		s.end = len(first)
		snapshot, sound = recordAt(data, s.index, s.end)
	}
	if sound {
		s.end += prefixSize + len(snapshot)
	}
	s.start = s.end
	return snapshot, sound
}

// repair keeps all up to the damage. If that is in the oldest snapshot, it goes on from the next, which has
// all that followed. Otherwise it drops the rest, which it keeps under other names, and endRepair comes next.
func (f *file) repair(damage *damageError, later []uint64) error {
	aside := damage.path + damagedSuffix
	if len(f.segments) == 0 {
		if len(later) == 0 {
			return fmt.Errorf("%s is damaged at byte %d, and no later segment can take its place: "+
				"choose another folder with -state", damage.path, damage.end)
		}
		if err := f.rename(damage.path, aside); err != nil {
			return unusable(err)
		}
		f.opt.Notice(fmt.Sprintf("%s was damaged at byte %d: dropped its %d bytes, kept as %s",
			damage.path, damage.end, len(damage.data), aside))
		return f.replay()
	}
	err := errors.Join(f.write(f.repairMark(), nil), f.write(aside, damage.data))
	for _, index := range slices.Backward(later) {
		if err == nil {
			err = f.rename(f.path(index), f.path(index)+damagedSuffix)
		}
	}
	f.repairing = true
	f.opt.Notice(fmt.Sprintf("%s was damaged at byte %d: dropped %d bytes and %d later segments, kept as *%s",
		damage.path, damage.end, len(damage.data)-damage.end, len(later), damagedSuffix))
	return unusable(err)
}

// repairMark returns the path of the file that is there while a repair drops groups. Without it, a start
// after a repair that was cut short could take the rest of the folder for all that there was.
func (f *file) repairMark() string { return filepath.Join(f.dir, "repairing") }

// endRepair has the entries Dropped follow those that are left, and then ends the repair.
func (f *file) endRepair() error {
	if len(f.opt.Dropped) > 0 {
		if err := f.append(append(make([]byte, prefixSize), f.opt.Dropped...)); err != nil {
			return err
		}
		if err := f.state.Apply(f.opt.Dropped); err != nil {
			return err
		}
	}
	f.repairing = false
	return errors.Join(os.Remove(f.repairMark()), f.keepNames())
}
