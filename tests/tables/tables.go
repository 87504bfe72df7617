// Package tables keeps what a program has measured in the document that shows it.
package tables

import (
	"bytes"
	"fmt"
	"os"
)

const end = "<!-- end of the tables -->"

// Write replaces what stands in the document at path between the line that says who makes its tables,
// such as "make bench", and the line that ends them.
func Write(path, maker, tables string) error {
	begin := fmt.Sprintf("<!-- tables: made by %s -->", maker)
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, ok := bytes.Cut(text, []byte(begin))
	_, after, also := bytes.Cut(rest, []byte(end))
	if !ok || !also {
		return fmt.Errorf("%s has no lines %q and %q", path, begin, end)
	}
	return os.WriteFile(path, fmt.Appendf(nil, "%s%s\n\n%s\n%s%s", before, begin, tables, end, after), 0o644)
}
