package journal

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
)

// written is what a format makes of a line of a task's.
func written(t *testing.T, format string) string {
	t.Helper()
	var out bytes.Buffer
	handler, err := New(format, &out, slog.LevelInfo)
	if err != nil {
		t.Fatal(err)
	}
	slog.New(handler).With("part", "worker").Warn("two\x1b[2J\nlines\r", "worker", 3, "stream", "stderr", "uuid", "u-1")
	return out.String()
}

func TestTextIsForPeople(t *testing.T) {
	t.Parallel()
	got := written(t, Text)
	stamp, rest := got[:len("2006-01-02 15:04:05.000")], got[len("2006-01-02 15:04:05.000"):]
	if want := " WARN  worker: two\\x1b[2J  worker=3 stream=stderr uuid=u-1\n    lines\\r\n"; rest != want {
		t.Errorf("text is %q behind %q, want %q", rest, stamp, want)
	}
}

func TestJSONIsALineAnObject(t *testing.T) {
	t.Parallel()
	for _, format := range []string{JSON, Auto} { // a buffer is neither the journal nor a terminal
		got := written(t, format)
		var line map[string]any
		if err := json.Unmarshal([]byte(got), &line); err != nil || strings.Count(got, "\n") != 1 {
			t.Fatalf("%s is %q, want one JSON object: %v", format, got, err)
		}
		delete(line, "time")
		for key, want := range map[string]any{
			"level": "WARN", "msg": "two\x1b[2J\nlines\r", "part": "worker", "worker": 3.0, "stream": "stderr", "uuid": "u-1",
		} {
			if line[key] != want {
				t.Errorf("%s: %s is %v, want %v", format, key, line[key], want)
			}
		}
	}
}

func TestLogfmtIsALineEach(t *testing.T) {
	t.Parallel()
	_, got, _ := strings.Cut(written(t, Logfmt), " ")
	if want := `level=WARN msg="two\x1b[2J\nlines\r" part=worker worker=3 stream=stderr uuid=u-1` + "\n"; got != want {
		t.Errorf("logfmt is %q, want %q", got, want)
	}
}

func TestOtherFormatsAreRefused(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"", "xml", "JSON", "text:x", "auto:/run/x", "journal:"} {
		if h, err := New(format, nil, slog.LevelInfo); err == nil || !strings.HasPrefix(err.Error(), "must be auto, journal, text, logfmt or json, got ") {
			t.Errorf("format %q: %v, %v", format, h, err)
		}
	}
}
