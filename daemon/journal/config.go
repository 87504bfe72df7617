package journal

import (
	"fmt"
	"log/slog"
	"strings"
)

// Config is the section [log].
type Config struct {
	// Level is the least level that is logged: debug, info, warning, error, or critical, which is
	// the same as error. Default info.
	Level string `toml:"level"`
}

// DefaultConfig returns the section as it is when the file does not have it.
func DefaultConfig() Config { return Config{Level: "info"} }

// Validate reports a value that cannot be used.
func (c Config) Validate() error {
	if _, err := Level(c.Level); err != nil {
		return fmt.Errorf("log.level: %w", err)
	}
	return nil
}

// Threshold returns the level, which must be valid.
func (c Config) Threshold() slog.Level {
	level, _ := Level(c.Level)
	return level
}

// Level returns the level of a name, in any case.
func Level(name string) (slog.Level, error) {
	switch strings.ToLower(name) {
	case "debug":
		return slog.LevelDebug, nil
	case "info":
		return slog.LevelInfo, nil
	case "warning", "warn":
		return slog.LevelWarn, nil
	case "error", "critical":
		return slog.LevelError, nil
	default:
		return 0, fmt.Errorf("must be debug, info, warning, error or critical, got %q", name)
	}
}
