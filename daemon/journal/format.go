package journal

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/coreos/go-systemd/v22/journal"
	"golang.org/x/sys/unix"
)

// The forms that a log may have.
const (
	Auto    = "auto"    // the journal if standard error is its stream, else text on a terminal, else json
	Journal = "journal" // native entries; "journal:PATH" for a socket that is not DefaultSocket
	Text    = "text"    // lines for people
	Logfmt  = "logfmt"  // key=value lines
	JSON    = "json"    // a JSON object a line
)

// Formats lists them for people.
const Formats = "auto, journal, text, logfmt or json"

// New returns the handler of a format. What is no entry of the journal goes to stderr.
// The lines are those of level and above.
func New(format string, stderr io.Writer, level slog.Leveler) (slog.Handler, error) {
	options := &slog.HandlerOptions{Level: level, ReplaceAttr: clip}
	name, path, hasPath := strings.Cut(format, ":")
	if name == Auto {
		name = choose(stderr)
	}
	switch {
	case hasPath && (name != Journal || path == ""):
		return nil, fmt.Errorf("must be %s, got %q", Formats, format)
	case name == Journal:
		if !hasPath {
			path = DefaultSocket
		}
		return newHandler(&native{socket: socket{path: path}, plain: &console{stderr}, flood: flood{burst: floodBurst}}, level), nil
	case name == Text:
		return newHandler(&console{stderr}, level), nil
	case name == Logfmt:
		return slog.NewTextHandler(stderr, options), nil
	case name == JSON:
		return slog.NewJSONHandler(stderr, options), nil
	default:
		return nil, fmt.Errorf("must be %s, got %q", Formats, format)
	}
}

// choose returns the format for where standard error goes. JOURNAL_STREAM names the
// device and inode of a stream of the journal; a program that inherits the variable and
// has its standard error elsewhere does not write to the journal (systemd.exec(5)).
func choose(stderr io.Writer) string {
	if stderr != io.Writer(os.Stderr) {
		return JSON
	}
	if ours, err := journal.StderrIsJournalStream(); err == nil && ours {
		return Journal
	}
	if _, err := unix.IoctlGetTermios(int(os.Stderr.Fd()), unix.TCGETS); err == nil {
		return Text
	}
	return JSON
}

// Structured says whether a log is read by programs: entries of the journal, or JSON.
func Structured(log *slog.Logger) bool {
	switch h := log.Handler().(type) {
	case *Handler:
		_, native := h.shared.out.(*native)
		return native
	case *slog.JSONHandler:
		return true
	default:
		return false
	}
}
