package policy

import (
	"regexp"
	"strings"
)

// pattern makes a regular expression of a shell pattern, as Python's fnmatchcase reads it:
// a [ without its ] is a character like any other.
func pattern(text string) *regexp.Regexp {
	var b strings.Builder
	b.WriteString(`(?s)\A`)
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case '*':
			b.WriteString(`.*`)
		case '?':
			b.WriteString(`.`)
		case '[':
			set, end := charSet(text, i)
			b.WriteString(set)
			i = end
		default:
			b.WriteString(regexp.QuoteMeta(text[i : i+1]))
		}
	}
	b.WriteString(`\z`)
	compiled, err := regexp.Compile(b.String())
	if err != nil { // a range that runs backwards, or text that is not UTF-8: it matches itself
		return regexp.MustCompile(`\A` + regexp.QuoteMeta(strings.ToValidUTF8(text, "\uFFFD")) + `\z`)
	}
	return compiled
}

// charSet translates the [...] that begins at i, and returns where it ends.
func charSet(text string, i int) (set string, end int) {
	start := i + 1
	if strings.HasPrefix(text[start:], "!") {
		start++
	}
	n := -1
	if start < len(text) {
		n = strings.IndexByte(text[start+1:], ']') // the first character is never the end
	}
	if n < 0 {
		return `\[`, i
	}
	end = start + 1 + n
	inner := strings.NewReplacer(`\`, `\\`, `[`, `\[`, `]`, `\]`, `^`, `\^`).Replace(text[start:end])
	if start > i+1 {
		inner = "^" + inner
	}
	return "[" + inner + "]", end
}
