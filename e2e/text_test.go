package e2e

import (
	"regexp"
	"strings"
)

// wildcard matches the parts of an expected text that do not stand for themselves.
var wildcard = regexp.MustCompile(`\.\.\.|\{[A-Za-z]\w*\}`)

// pattern returns the expression that matches the lines which text describes, see the package comment. Its
// named groups are the words to keep.
func pattern(text string) *regexp.Regexp {
	var b strings.Builder
	b.WriteString("^")
	for text != "" {
		at := wildcard.FindStringIndex(text)
		if at == nil {
			b.WriteString(regexp.QuoteMeta(text))
			break
		}
		b.WriteString(regexp.QuoteMeta(text[:at[0]]))
		if w := text[at[0]:at[1]]; w == "..." {
			b.WriteString(".*")
		} else {
			b.WriteString("(?P<" + w[1:len(w)-1] + `>\S+)`)
		}
		text = text[at[1]:]
	}
	b.WriteString("$")
	return regexp.MustCompile(b.String())
}

// variable lists the texts that differ from run to run, and the words that replace them before a comparison.
// The first that matches at a place wins.
var variable = []struct {
	expr *regexp.Regexp
	word string
}{
	{regexp.MustCompile(`(?m)^(WELCOME) \S+`), `$1 TOKEN`},
	{regexp.MustCompile(`(?m)^(SENDING \d+ \d+) \S+`), `$1 VERSION`},
	{regexp.MustCompile(`\b(127\.0\.0\.1|\[::1\]):\d+\b`), `$1:PORT`},
	{regexp.MustCompile(`\btime=\S+`), `time=TIME`},
	{regexp.MustCompile(`\bSHA256:[\w+/]{43}`), `KEY`},
	{regexp.MustCompile(`=\d+(\.\d+)?(ns|µs|ms|s|m\d+(\.\d+)?s)\b`), `=DURATION`},
	{regexp.MustCompile(`\b1\d{12}\b`), `MS`},
	{regexp.MustCompile(`\b\d{4}-\d\d-\d\d \d\d:\d\d\b`), `DATE`},
	{regexp.MustCompile(`\b[0-9a-f]{64}\b`), `DIGEST`},
}

// steady replaces the texts that differ from run to run by words in capitals.
func steady(text string) string {
	for _, v := range variable {
		text = v.expr.ReplaceAllString(text, v.word)
	}
	return text
}
