package journal

import (
	"log/slog"
	"testing"
)

func TestLevelsHaveTheNamesOfPythons(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]slog.Level{
		"debug": slog.LevelDebug, "INFO": slog.LevelInfo, "Warning": slog.LevelWarn, "warn": slog.LevelWarn,
		"error": slog.LevelError, "critical": slog.LevelError,
	} {
		if got, err := Level(name); got != want || err != nil {
			t.Errorf("Level(%q) = %v, %v, want %v", name, got, err, want)
		}
	}
	if err := DefaultConfig().Validate(); err != nil {
		t.Error(err)
	}
	err := Config{Level: "loud"}.Validate()
	if want := `log.level: must be debug, info, warning, error or critical, got "loud"`; err == nil || err.Error() != want {
		t.Errorf("Validate = %v, want %s", err, want)
	}
}
