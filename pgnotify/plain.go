package pgnotify

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// plain turns an error of pgx into one line that cannot hold the connection string: pgx's own
// errors carry the whole configuration for whoever asks with errors.As.
func plain(err error) error {
	if err == nil {
		return nil
	}
	p := &plainError{text: err.Error()}
	var failed *pgconn.ConnectError
	if errors.As(err, &failed) {
		p.text = fmt.Sprintf("connect to database %q as %q: %v", failed.Config.Database, failed.Config.User, failed.Unwrap())
	}
	p.text = oneLine(p.text)
	for _, end := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, end) {
			p.end = end
		}
	}
	return p
}

// plainError is an error of pgx of which only the text and the ending of a context are left.
type plainError struct {
	text string
	end  error
}

// Error returns the line.
func (p *plainError) Error() string { return p.text }

// Unwrap returns context.Canceled, context.DeadlineExceeded or nil.
func (p *plainError) Unwrap() error { return p.end }

// oneLine joins the lines of text. pgx gives one line for each address and each kind of TLS it
// tried, often the same ones.
func oneLine(text string) string {
	var lines []string
	seen := map[string]bool{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line != "" && !seen[line] {
			seen[line] = true
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "; ")
}
