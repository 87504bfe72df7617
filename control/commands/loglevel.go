package commands

import (
	"errors"
	"log/slog"
	"strconv"
	"sync"
)

// pythonLevel is a log level as Python's logging numbers them, in decimal and of any length.
type pythonLevel string

// notSet is the level that is configured, or that the program was started with.
const notSet pythonLevel = "0"

// levelNames are Python's.
var levelNames = map[string]pythonLevel{
	"CRITICAL": "50", "FATAL": "50", "ERROR": "40", "WARNING": "30", "WARN": "30",
	"INFO": "20", "DEBUG": "10", "NOTSET": notSet,
}

// longestLevel is how many digits an integer may have in Python.
const longestLevel = 4300

// levelOfNumber reads a JSON number, which must be an integer.
func levelOfNumber(text string) (pythonLevel, error) {
	_, err := strconv.ParseInt(text, 10, 64)
	switch {
	case len(text) > longestLevel, err != nil && !errors.Is(err, strconv.ErrRange):
		return "", errNoLevel
	case text == "-0":
		return notSet, nil
	}
	return pythonLevel(text), nil
}

// slog places the level among those of slog, which are 4 apart where Python's are 10:
// 10 is debug, 20 info, 30 warn and 40 error.
func (l pythonLevel) slog() slog.Level {
	n, _ := strconv.ParseInt(string(l), 10, 64) // out of range gives the farthest of its sign
	const far = 10_000                          // beyond every level that is used
	above := (max(-far, min(far, n)) - 20) * 4
	if above > 0 {
		above += 9 // a record of level 20 is below 21
	}
	return slog.Level(above / 10)
}

// String is Python's name of the level.
func (l pythonLevel) String() string {
	switch l {
	case "50":
		return "CRITICAL"
	case "40":
		return "ERROR"
	case "30":
		return "WARNING"
	case "20":
		return "INFO"
	case "10":
		return "DEBUG"
	case notSet:
		return "NOTSET"
	}
	return "Level " + string(l)
}

// LogLevel is what the daemon logs, which can be changed while it runs.
type LogLevel struct {
	threshold *slog.LevelVar
	log       *slog.Logger

	mu         sync.Mutex // guards the fields below and the order of changes of threshold
	configured slog.Level
	now        pythonLevel
}

// NewLogLevel takes over the threshold of log. Until it is changed the level is NOTSET: the
// one that is configured, or that the program was started with.
func NewLogLevel(threshold *slog.LevelVar, log *slog.Logger) *LogLevel {
	return &LogLevel{threshold: threshold, configured: threshold.Level(), log: log, now: notSet}
}

// Configure has the level be the one of the configuration, whatever it was changed to before.
func (l *LogLevel) Configure(level slog.Level) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.configured, l.now = level, notSet
	l.threshold.Set(level)
}

// change sets the level and returns the one before.
func (l *LogLevel) change(to pythonLevel) (previous pythonLevel) {
	l.mu.Lock()
	previous, l.now = l.now, to
	if to == notSet {
		l.threshold.Set(l.configured)
	} else {
		l.threshold.Set(to.slog())
	}
	l.mu.Unlock()
	l.log.Info("log level has changed", "from", previous.String(), "to", to.String())
	return previous
}
