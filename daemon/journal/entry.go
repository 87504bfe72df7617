package journal

import (
	"encoding/binary"
	"log/slog"
	"strconv"
	"strings"

	"github.com/coreos/go-systemd/v22/journal"
)

// identifier is what journalctl shows before each line, and takes with -t.
const identifier = "dispatcherd"

// appendEntry adds a line as the journal's native protocol has it
// (https://systemd.io/JOURNAL_NATIVE_PROTOCOL).
func appendEntry(b []byte, l *line) []byte {
	message := l.record.Message
	if !l.spoken && l.attrs != "" {
		message += " " + l.attrs
	}
	b = appendField(b, "MESSAGE", message)
	b = appendField(b, "PRIORITY", strconv.Itoa(int(priority(l.record.Level))))
	b = appendField(b, "SYSLOG_IDENTIFIER", identifier)
	for _, f := range l.fields {
		b = appendField(b, f.name, f.value)
	}
	return b
}

// appendField adds a field. A value of several lines has its length before it.
func appendField(b []byte, name, value string) []byte {
	b = append(b, name...)
	if !strings.Contains(value, "\n") {
		b = append(b, '=')
	} else {
		b = append(b, '\n')
		b = binary.LittleEndian.AppendUint64(b, uint64(len(value)))
	}
	b = append(b, value...)
	return append(b, '\n')
}

// priority is syslog's number for a level.
func priority(level slog.Level) journal.Priority {
	switch {
	case level < slog.LevelInfo:
		return journal.PriDebug
	case level < slog.LevelWarn:
		return journal.PriInfo
	case level < slog.LevelError:
		return journal.PriWarning
	case level < Critical:
		return journal.PriErr
	default:
		return journal.PriCrit
	}
}

// Critical is the level of Python's logging that slog has no name for.
const Critical = slog.LevelError + 4
