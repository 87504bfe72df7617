package dispatch

import (
	"context"
	"maps"
	"math"
	"strings"
	"time"

	"dispatcherd/daemon/message"
)

// Bounds are the upper bounds of a Histogram's buckets. What is above the last
// one is in a bucket of its own.
var Bounds = [...]time.Duration{
	time.Millisecond, 5 * time.Millisecond, 25 * time.Millisecond, 100 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 5 * time.Second, 15 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour,
}

// Histogram counts times by their length.
type Histogram struct {
	Buckets [len(Bounds) + 1]uint64 // how many were at most the bound, and above the one before
	// Sum is in seconds: a time.Duration holds 292 years, which a long queue has waited in days.
	Sum float64
}

func (h *Histogram) add(d time.Duration) {
	d = max(d, 0)
	i := 0
	for i < len(Bounds) && d > Bounds[i] {
		i++
	}
	h.Buckets[i]++
	h.Sum += d.Seconds()
}

// Timing is how long the tasks of one name took, how they ended and what they have cost.
type Timing struct {
	Wait Histogram // in the queue, for a worker
	Run  Histogram // in a worker

	Ended map[Outcome]uint64
	// CPU is in seconds, like the sums.
	CPU        float64
	MemoryPeak int64 // bytes, the most that one of them took
	OOMKills   uint64
}

// ended counts an end.
func (t *Timing) ended(e *Ended) {
	if t.Ended == nil {
		t.Ended = map[Outcome]uint64{}
	}
	t.Ended[e.Outcome]++
	t.CPU += e.Usage.CPU.Seconds()
	t.MemoryPeak = max(t.MemoryPeak, e.Usage.MemoryPeak)
	t.OOMKills += uint64(e.Usage.OOMKills)
}

const (
	// timedNames bounds how many names have a Timing of their own: they are
	// labels of metrics, and publishers may send any text for a name.
	timedNames = 100
	// longestTimedName is in bytes.
	longestTimedName = 128
	// otherTasks is the name under which all others are timed.
	otherTasks = "other"
)

// timings is owned by the Run goroutine. A task that is given to a worker counts
// as having waited once.
type timings struct {
	byName map[string]*Timing
	late   Histogram // from publication, and the delay asked for, to the worker
}

// of finds the Timing for a task's name.
func (t *timings) of(name string) *Timing {
	if timing := t.byName[name]; timing != nil {
		return timing
	}
	if len(t.byName) >= timedNames || !isLabel(name) {
		name = otherTasks
	}
	timing := t.byName[name]
	if timing == nil {
		timing = &Timing{}
		t.byName[name] = timing
	}
	return timing
}

// began notes that a task was given to a worker, the first time it is.
func (t *timings) began(task *task, now time.Time) {
	if task.timed {
		return // it had been given to one that never began it
	}
	task.timed = true
	t.of(task.message.Task).Wait.add(task.since.until(now))
	t.lateness(task.message, now)
}

// ended counts the end of a task, which may never have been given to a worker.
func (t *timings) ended(task *task, e *Ended) {
	t.of(task.message.Task).ended(e)
}

// wrongClock is how far off a time of publication is not believed: one such would
// outweigh all others in the sum.
const wrongClock = 24 * time.Hour

// lateness notes how long after its publication, and its delay, a task began.
func (t *timings) lateness(m *message.Message, now time.Time) {
	late := float64(now.UnixNano())/1e9 - m.Published - m.Delay().Seconds()
	if m.Published > 0 && math.Abs(late) <= wrongClock.Seconds() {
		t.late.add(time.Duration(late * float64(time.Second)))
	}
}

// isLabel says whether a name is short and dotted, as those of tasks are. The
// text of a lambda is not: it may hold anything.
func isLabel(name string) bool {
	if len(name) > longestTimedName || !strings.Contains(name, ".") || strings.HasPrefix(name, "lambda") {
		return false
	}
	return !strings.ContainsFunc(name, func(r rune) bool { return !inName(r) })
}

// inName says whether a character may be in the dotted name of a function;
// qualified names hold <locals>.
func inName(r rune) bool {
	return r == '.' || r == '_' || r == '<' || r == '>' || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z'
}

// Timings is a snapshot of how long tasks took, and how they ended.
type Timings struct {
	ByName map[string]Timing
	// Late is how long after their publication, and after the delay that they
	// asked for, tasks were given to a worker. Only those that say when they were
	// published are in it, and no more than a day off.
	Late Histogram
}

// Timings asks the loop for a snapshot.
func (d *Dispatcher) Timings(ctx context.Context) (Timings, error) {
	var s Timings
	err := d.ask(ctx, func() {
		s = Timings{ByName: make(map[string]Timing, len(d.timings.byName)), Late: d.timings.late}
		for name, timing := range d.timings.byName {
			copied := *timing
			copied.Ended = maps.Clone(timing.Ended)
			s.ByName[name] = copied
		}
	})
	return s, err
}
