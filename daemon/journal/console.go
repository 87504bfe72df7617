package journal

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
)

// console writes lines for people to read.
type console struct{ to io.Writer }

// write writes a line, and those of a message that has more of them below it.
func (c *console) write(l *line) error {
	part := ""
	if l.part != "" {
		part = l.part + ": "
	}
	first, more, _ := strings.Cut(l.record.Message, "\n")
	text := fmt.Sprintf("%s %-5s %s%s", l.record.Time.Format("2006-01-02 15:04:05.000"), l.record.Level, part, printable(first))
	if l.attrs != "" {
		text += "  " + l.attrs
	}
	text += "\n"
	for next := range strings.Lines(more) {
		text += "    " + printable(strings.TrimSuffix(next, "\n")) + "\n"
	}
	_, err := io.WriteString(c.to, text)
	return err
}

// printable escapes what would tell a terminal to do something.
func printable(text string) string {
	if strings.IndexFunc(text, isControl) < 0 {
		return text
	}
	var safe strings.Builder
	for _, r := range text {
		if isControl(r) {
			quoted := strconv.QuoteRune(r)
			safe.WriteString(quoted[1 : len(quoted)-1])
		} else {
			safe.WriteRune(r)
		}
	}
	return safe.String()
}

func isControl(r rune) bool { return r != '\t' && !unicode.IsPrint(r) && r != ' ' }
