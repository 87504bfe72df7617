package pgnotify

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"
)

// plain turns an error of pgx into one line that cannot hold the connection string: pgx's own
// errors carry the whole configuration for whoever asks with errors.As.
func plain(err error) error {
	if err == nil {
		return nil
	}
	p := &plainError{text: oneLine(err.Error())}
	var failed *pgconn.ConnectError
	if errors.As(err, &failed) {
		p.text = fmt.Sprintf("connect to database %q as %q: %s", failed.Config.Database, failed.Config.User, oneLine(failed.Unwrap().Error()))
		if errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ENOENT) {
			p.text += " (is Postgres running there?)"
		}
	}
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

// dialing is what stands between an address and what is wrong with it, with the address once more.
var dialing = regexp.MustCompile(`dial error: dial [a-z]+ \S+: connect: `)

// oneLine joins the lines of text. pgx gives one line for each address and each kind of TLS it
// tried, often the same ones.
func oneLine(text string) string {
	var lines []string
	seen := map[string]bool{}
	text = dialing.ReplaceAllString(text, "")
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line != "" && !seen[line] {
			seen[line] = true
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "; ")
}
