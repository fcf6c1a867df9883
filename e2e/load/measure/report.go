package measure

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// A Report is what was measured.
type Report struct {
	Machine string   `json:"machine"`
	Peers   []Peer   `json:"peers"`
	Rows    []*Row   `json:"rows"`
	Notes   []string `json:"notes"` // what went wrong
}

// A Peer is a server that was measured.
type Peer struct {
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
	Lifted  string `json:"lifted"` // how it was set up, its own limits lifted
}

// A Row is one thing that was measured of every peer.
type Row struct {
	Title string               `json:"title"`
	Unit  string               `json:"unit"`
	Of    map[string][]float64 `json:"of"` // by peer, a figure for each round
}

// Median returns the middle one of a peer's figures, and false if there are none.
func (r *Row) Median(peer string) (float64, bool) {
	of := slices.Sorted(slices.Values(r.Of[peer]))
	if len(of) == 0 {
		return 0, false
	}
	return (of[(len(of)-1)/2] + of[len(of)/2]) / 2, true
}

// WriteJSON writes the report with the figures of every round.
func (r *Report) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// WriteTable writes the medians for people to read, how the servers were set up, and what went wrong.
func (r *Report) WriteTable(w io.Writer) error {
	fmt.Fprintln(w, r.Machine)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "\t")
	for _, p := range r.Peers {
		fmt.Fprintf(t, "%s\t", strings.TrimSpace(p.Name+" "+p.Version))
	}
	fmt.Fprintln(t)
	for _, row := range r.Rows {
		fmt.Fprintf(t, "%s: %s\t", row.Title, row.Unit)
		for _, p := range r.Peers {
			if m, ok := row.Median(p.Name); ok {
				fmt.Fprint(t, figure(m))
			}
			fmt.Fprint(t, "\t")
		}
		fmt.Fprintln(t)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, p := range r.Peers {
		fmt.Fprintf(w, "%s: %s\n", p.Name, p.Lifted)
	}
	for _, n := range r.Notes {
		fmt.Fprintln(w, n)
	}
	return nil
}

// figure writes x with three digits that count.
func figure(x float64) string {
	switch {
	case x >= 1e7:
		return fmt.Sprintf("%.1f M", x/1e6)
	case x >= 1e6:
		return fmt.Sprintf("%.2f M", x/1e6)
	case x >= 100:
		return fmt.Sprintf("%.0f", x)
	case x >= 10:
		return fmt.Sprintf("%.1f", x)
	}
	return fmt.Sprintf("%.2f", x)
}

// OK reports whether parley could be measured in everything.
func (r *Report) OK() bool {
	return !slices.ContainsFunc(r.Notes, func(n string) bool { return strings.HasPrefix(n, "parley") })
}
