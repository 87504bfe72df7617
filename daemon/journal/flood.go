package journal

import (
	"log/slog"
	"slices"
	"time"
)

// journald drops what a service writes beyond LogRateLimitBurst= in LogRateLimitIntervalSec=
// (journald.conf(5)), the daemon's own lines as well when a task floods its log. So what
// workers write is bounded here, and the rest of what the units allow is the daemon's.
const (
	floodInterval = 30 * time.Second
	// floodBurst is less than half of the units' burst: two intervals of ours may begin in one
	// of journald's.
	floodBurst = 45_000
)

// flood counts the lines of workers.
type flood struct {
	burst   int       // how many there may be in an interval
	begun   time.Time // of the interval
	passed  int       // lines in it
	dropped int       // lines in it that were left out
}

// turn begins another interval if it is time, and returns how many lines the last one left out.
func (f *flood) turn(now time.Time) (dropped int) {
	if now.Sub(f.begun) < floodInterval {
		return 0
	}
	dropped = f.dropped
	*f = flood{burst: f.burst, begun: now}
	return dropped
}

// take counts a line and says whether it may be written, and whether it is the first that may not.
func (f *flood) take() (written, first bool) {
	if f.passed < f.burst {
		f.passed++
		return true, false
	}
	f.dropped++
	return false, f.dropped == 1
}

// flooded says that lines are left out, among those of the task that wrote the first of them.
func flooded(l *line) *line {
	r := remark(slog.LevelWarn, "tasks write more than the journal takes; what they print and log is left out for up to half a minute")
	for _, f := range l.fields {
		if slices.Contains([]string{TaskUUID, fieldNames["task"], fieldNames["worker"]}, f.name) {
			r.fields = append(r.fields, f)
		}
	}
	return r
}

// ebbed says how many lines were left out.
func ebbed(dropped int) *line {
	r := remark(slog.LevelWarn, "lines of tasks were left out")
	r.attrs = slog.Int("count", dropped).String()
	return r
}
