package commands

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"dispatcherd/daemon/message"
)

func TestSetLogLevelAnswersAsTheOriginalDoes(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	threshold := &slog.LevelVar{}
	threshold.Set(slog.LevelWarn)
	logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: threshold}))
	f := &fake{level: NewLogLevel(threshold, logger)}
	previous := "NOTSET"
	for _, tt := range []struct {
		level, want string
		slog        slog.Level
	}{
		{`"DEBUG"`, "DEBUG", slog.LevelDebug},
		{`" info\n"`, "INFO", slog.LevelInfo},
		{`"warn"`, "WARNING", slog.LevelWarn},
		{`"Warning"`, "WARNING", slog.LevelWarn},
		{`"error"`, "ERROR", slog.LevelError},
		{`"FATAL"`, "CRITICAL", slog.LevelError + 4},
		{`"critical"`, "CRITICAL", slog.LevelError + 4},
		{`15`, "Level 15", slog.LevelInfo - 2},
		{`11`, "Level 11", slog.LevelDebug + 1},
		{`21`, "Level 21", slog.LevelInfo + 1},
		{`31`, "Level 31", slog.LevelWarn + 1},
		{`10`, "DEBUG", slog.LevelDebug},
		{`40`, "ERROR", slog.LevelError},
		{`-5`, "Level -5", -10},
		{`123456789012345678901234567890`, "Level 123456789012345678901234567890", 3992},
		{`-123456789012345678901234567890`, "Level -123456789012345678901234567890", -4008},
		{`"notset"`, "NOTSET", slog.LevelWarn},
		{`50`, "CRITICAL", slog.LevelError + 4},
		{`-0`, "NOTSET", slog.LevelWarn},
		{`20`, "INFO", slog.LevelInfo},
		{`0`, "NOTSET", slog.LevelWarn},
	} {
		answer := newTable(f).Do(t.Context(), "set_log_level", Call{Data: []byte(`{"level": ` + tt.level + `}`)})
		want := `{"level": "` + tt.want + `", "logger": "dispatcherd", "previous_level": "` + previous + `"}`
		if got := string(message.Encode(answer.Object())); got != want || threshold.Level() != tt.slog {
			t.Errorf("level %s answered %s and set %v, want %s and %v", tt.level, got, threshold.Level(), want, tt.slog)
		}
		previous = tt.want
	}
	if n := strings.Count(log.String(), `msg="log level has changed"`); n == 0 || !strings.Contains(log.String(), "from=NOTSET to=DEBUG") {
		t.Errorf("the log does not tell of the change:\n%s", &log)
	}
}

func TestBadLogLevelsAreRefusedInTheOriginalsWords(t *testing.T) {
	t.Parallel()
	threshold := &slog.LevelVar{}
	f := &fake{level: NewLogLevel(threshold, slog.New(slog.DiscardHandler))}
	const missing = `Log level must be provided as a string or int via the "level" key.`
	for _, tt := range []struct{ data, want string }{
		{`{"level": "bogus"}`, "Unknown log level 'bogus'."},
		{`{"level": "  "}`, "Unknown log level '  '."},
		{`{"level": ""}`, "Unknown log level ''."},
		{`{"level": "15"}`, "Unknown log level '15'."},
		{`{}`, missing}, {`{"level": null}`, missing}, {`{"level": true}`, missing}, {`{"level": []}`, missing},
		{`{"level": 10.0}`, missing}, {`{"level": 1e1}`, missing}, {`{"level": NaN}`, missing},
		{`{"level": ` + strings.Repeat("9", 4301) + `}`, missing},
	} {
		answer := newTable(f).Do(t.Context(), "set_log_level", Call{Data: []byte(tt.data)})
		if answer.Reply["error"] != tt.want || answer.BadData || len(answer.Reply) != 1 {
			t.Errorf("%.50s answered %v, want %s", tt.data, answer.Reply, tt.want)
		}
	}
	if threshold.Level() != slog.LevelInfo {
		t.Errorf("the level is %v after them", threshold.Level())
	}
}
