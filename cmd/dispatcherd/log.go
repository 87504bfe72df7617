package main

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// newLogger returns the log of both processes, readable lines on w, and the least level
// that it writes, which may be changed.
func newLogger(level string, w io.Writer) (*slog.Logger, *slog.LevelVar, error) {
	var l slog.Level
	switch strings.ToLower(level) {
	case "debug":
		l = slog.LevelDebug
	case "info":
		l = slog.LevelInfo
	case "warning", "warn":
		l = slog.LevelWarn
	case "error", "critical":
		l = slog.LevelError
	default:
		return nil, nil, fmt.Errorf("--log-level must be debug, info, warning, error or critical, got %q", level)
	}
	threshold := &slog.LevelVar{}
	threshold.Set(l)
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: threshold, ReplaceAttr: clip})), threshold, nil
}
