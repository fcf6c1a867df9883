package measure

import (
	"fmt"
	"html"
	"io"
)

// WriteSVG draws a bar for every median, each row to a scale of its own.
func (r *Report) WriteSVG(w io.Writer) error {
	const width, label, bar, gap, right = 900, 200, 18, 44, 90
	colours := []string{"#d1495b", "#9aa5b1", "#2e86ab", "#3b8e5a", "#8f6bb3", "#e09f3e", "#5b6770"}
	y := 40
	var body []byte
	text := func(x int, style, s string) {
		body = fmt.Appendf(body, `<text x="%d" y="%d" %s>%s</text>`+"\n", x, y, style, html.EscapeString(s))
	}
	text(10, `font-size="13"`, r.Machine)
	for _, row := range r.Rows {
		most := 0.0
		for _, p := range r.Peers {
			m, _ := row.Median(p.Name)
			most = max(most, m)
		}
		y += gap
		text(10, `font-weight="bold"`, row.Title+": "+row.Unit)
		for i, p := range r.Peers {
			m, ok := row.Median(p.Name)
			if !ok {
				continue
			}
			y += bar + 2
			text(label-10, `text-anchor="end"`, p.Name+" "+p.Version)
			long := int(m / max(most, 1e-9) * (width - label - right))
			body = fmt.Appendf(body, `<rect x="%d" y="%d" width="%d" height="%d" fill="%s"/>`+"\n",
				label, y-bar+4, max(long, 1), bar, colours[i%len(colours)])
			text(label+long+6, "", figure(m))
		}
	}
	_, err := fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d"
	font-family="sans-serif" font-size="12">
<rect width="100%%" height="100%%" fill="white"/>
%s</svg>
`, width, y+gap, body)
	return err
}
