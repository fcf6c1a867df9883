package eventlog

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
)

const damagedSuffix = ".damaged"

// A stored segment is one that was read.
type stored struct {
	path     string
	index    uint64
	data     []byte
	snapshot []byte // nil if it is damaged
	right    int    // bytes that were checked and are right
}

// A damageError tells where a segment does not hold what was written.
type damageError struct{ segment *stored }

func (e *damageError) Error() string {
	return fmt.Sprintf("%s is damaged at byte %d: choose another folder with -state, "+
		"or keep all up to the damage with -repair", e.segment.path, e.segment.right)
}

// replay gives the empty state what the folder holds: the oldest snapshot, and all groups.
func (f *file) replay() error {
	indexes, err := f.indexes()
	if err != nil {
		return unusable(err)
	}
	indexes, err = f.restore(indexes)
	if err != nil {
		return err
	}
	for i := range indexes {
		err := f.replaySegment(indexes[i:])
		damage := (*damageError)(nil)
		if f.opt.Repair && errors.As(err, &damage) {
			return f.repair(damage.segment, indexes[i+1:])
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

// read reads a segment and checks all before its groups.
func (f *file) read(index uint64) (*stored, error) {
	s := &stored{path: f.path(index), index: index}
	var err error
	s.data, err = os.ReadFile(s.path)
	if err != nil {
		return nil, unusable(err)
	}
	if !bytes.HasPrefix(s.data, []byte(header)) {
		newer := 0 // stays so if it is something else
		fmt.Sscanf(string(s.data[:min(len(s.data), 2*len(header))]), "parley events, version %d\n", &newer)
		if newer > version {
			return nil, fmt.Errorf("%s is of version %d, this server knows versions up to %d: "+
				"use a newer server, or choose another folder with -state", s.path, newer, version)
		}
		return s, nil
	}
	s.right = len(header)
	if snapshot, ok := recordAt(s.data, index, s.right); ok {
		s.snapshot = snapshot
		s.right += prefixSize + len(snapshot)
	}
	return s, nil
}

// restore restores the oldest snapshot, and returns the segments from there on. If it is damaged, Repair lets
// the state begin with the oldest that is not.
func (f *file) restore(indexes []uint64) ([]uint64, error) {
	var damage error
	for i, index := range indexes {
		s, err := f.read(index)
		if err != nil {
			return nil, err
		}
		if s.snapshot != nil {
			if err := f.state.Restore(s.snapshot); err != nil {
				return nil, fmt.Errorf("%s: %w: choose another folder with -state", s.path, err)
			}
			f.next = index
			if i > 0 {
				f.opt.Notice(fmt.Sprintf("%v: dropped it and goes on from %s", damage, s.path))
			}
			return indexes[i:], f.setAside(indexes[:i])
		}
		if damage == nil {
			damage = &damageError{s}
		}
		if !f.opt.Repair {
			break
		}
	}
	return nil, damage
}

// replaySegment applies the groups of the first of these segments, up to the index where the second begins.
func (f *file) replaySegment(indexes []uint64) error {
	s, err := f.read(indexes[0])
	if err != nil {
		return err
	}
	newest, end := len(indexes) == 1, uint64(math.MaxUint64)
	if !newest {
		end = indexes[1]
	}
	start := s.right
	if s.snapshot != nil {
		err = f.applyGroups(s, end)
	}
	f.segments = append(f.segments, segment{s.index, int64(s.right - start)})
	if err != nil || f.next == end {
		return err
	}
	if !newest || !torn(s.data, s.index, s.right) {
		return &damageError{s}
	}
	if cut := len(s.data) - s.right; cut > 0 {
		f.opt.Notice(fmt.Sprintf("%s: cut off %d bytes of an unfinished write", s.path, cut))
	}
	if s.snapshot == nil {
		return nil // Open puts a new segment in its place
	}
	return unusable(errors.Join(os.Truncate(s.path, int64(s.right)), f.resume(s.right)))
}

// applyGroups applies the groups of a segment as far as they are right, and up to an index.
func (f *file) applyGroups(s *stored, end uint64) error {
	for f.next < end {
		group, ok := recordAt(s.data, s.index, s.right)
		if !ok {
			return nil
		}
		if f.state.Apply(group) != nil {
			return &damageError{s}
		}
		s.right += prefixSize + len(group)
		f.next++
	}
	return nil
}

// repair sets aside a damaged segment, but for its right part, and all later ones. Open begins a new one.
func (f *file) repair(damaged *stored, later []uint64) error {
	if err := f.setAside(later); err != nil {
		return err
	}
	err := f.write(damaged.path+damagedSuffix, damaged.data)
	if err == nil && f.next > damaged.index { // else the new one has its name
		err = f.write(damaged.path, damaged.data[:damaged.right])
	}
	if err != nil {
		return unusable(err)
	}
	f.opt.Notice(fmt.Sprintf("%s was damaged at byte %d: dropped %d bytes and %d later segments, kept as *%s",
		damaged.path, damaged.right, len(damaged.data)-damaged.right, len(later), damagedSuffix))
	return nil
}

// setAside renames segments, the newest first, so that what stays has no gap.
func (f *file) setAside(indexes []uint64) error {
	for _, index := range slices.Backward(indexes) {
		if err := os.Rename(f.path(index), f.path(index)+damagedSuffix); err != nil {
			return unusable(err)
		}
	}
	return nil
}
