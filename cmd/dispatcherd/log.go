package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"dispatcherd/control"
	"dispatcherd/daemon/config"
	"dispatcherd/daemon/journal"
)

// logging is what the command line says about the log of either process.
type logging struct {
	level  string // "": what the configuration says, info until it is read
	format string // "": formatVariable, else auto
}

const formatVariable = "DISPATCHERD_LOG_FORMAT"

// flags are the options that give another process of this program the same log.
func (l logging) flags(configured string) []string {
	return []string{"--log-level", cmp.Or(l.level, configured), "--log-format", l.format}
}

// open returns the log, whose lines go to stderr where they are no entries of the
// journal, and the least level that it writes, which may be changed.
func (l *logging) open(stderr io.Writer) (*slog.Logger, *slog.LevelVar, error) {
	level, err := journal.Level(cmp.Or(l.level, journal.DefaultConfig().Level))
	if err != nil {
		return nil, nil, fmt.Errorf("--log-level %w", err)
	}
	l.format = cmp.Or(l.format, os.Getenv(formatVariable), journal.Auto)
	threshold := &slog.LevelVar{}
	threshold.Set(level)
	handler, err := journal.New(l.format, stderr, threshold)
	if err != nil {
		return nil, nil, fmt.Errorf("--log-format %w", err)
	}
	return slog.New(handler), threshold, nil
}

// loggedError is why the program ends, said already.
type loggedError struct{ error }

func (l loggedError) Unwrap() error { return l.error }

// ending puts the error that ends the program into the journal, where the catalog has
// more about some of them, or among the lines of JSON. Otherwise it is printed.
func ending(err error, log *slog.Logger) error {
	if err == nil || !journal.Structured(log) {
		return err
	}
	var problems config.Problems
	switch {
	case errors.As(err, &problems):
		log.Error(err.Error(), "event", "configuration-bad")
	case errors.Is(err, control.ErrTaken):
		log.Error(err.Error(), "event", "socket-taken")
	default:
		log.Error(err.Error())
	}
	return loggedError{err}
}
