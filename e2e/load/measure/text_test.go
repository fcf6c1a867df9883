//go:build linux

package measure

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Texts are found in what comes, wherever it is split.
func TestMarks(t *testing.T) {
	type seen struct{ Sender, Count, Sent int }
	var all []byte
	var want []seen
	for i := range 3 {
		all = append(all, "SAID 17 0 u00001 "...)
		all = append(appendText(all, i, 1000*i, 77), "\r\n"...)
		want = append(want, seen{i, 1000 * i, 77})
	}
	for split := range len(all) {
		var m member
		var got []seen
		for _, part := range [][]byte{all[:split], all[split:]} {
			if err := m.marks(part, func(h head) error {
				got = append(got, seen{h.sender(), h.count(), int(h.sent())})
				return nil
			}); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("split at %d (-want +got):\n%s", split, diff)
		}
	}
}

// The checker passes what is complete and in order, and nothing else.
func TestChecker(t *testing.T) {
	for _, test := range []struct {
		name  string
		texts [][2]int // sender, count
		good  bool
	}{
		{"complete", [][2]int{{1, 0}, {2, 0}, {1, 1}}, true},
		{"lost", [][2]int{{1, 0}, {1, 2}}, false},
		{"doubled", [][2]int{{1, 0}, {1, 0}}, false},
		{"misordered", [][2]int{{1, 1}, {1, 0}}, false},
		{"its own", [][2]int{{0, 0}}, false},
		{"of a stranger", [][2]int{{3, 0}}, false},
	} {
		c := checker{self: 0, next: make([]int, 3)}
		var err error
		for _, text := range test.texts {
			if err == nil {
				err = c.check(appendText(nil, text[0], text[1], 0))
			}
		}
		if good := err == nil; good != test.good {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

// The median is the middle one, or between the two in the middle.
func TestMedian(t *testing.T) {
	r := &Report{}
	for _, x := range []float64{5, 1, 3} {
		r.add("odd", "title", "unit", x)
	}
	r.add("even", "title", "unit", 1)
	r.add("even", "title", "unit", 2)
	for peer, want := range map[string]float64{"odd": 3, "even": 1.5} {
		if got, ok := r.Rows[0].Median(peer); got != want || !ok {
			t.Errorf("%s: %v, want %v", peer, got, want)
		}
	}
	if _, ok := r.Rows[0].Median("nobody"); ok {
		t.Error("a median of nothing")
	}
}
