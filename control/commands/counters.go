package commands

import (
	"context"
	"math"
	"os"
	"strconv"
	"time"

	"dispatcherd/workers"
)

// counters is the command main: what came in and what became of it.
func counters(t *Table, _ context.Context, _ Call) (Answer, error) {
	received, control := t.service.Main()
	return Answer{Reply: map[string]any{
		"received_count": received,
		"control_count":  control,
		"pid":            os.Getpid(),
		"pool":           poolCounters(t.workers.Stats(), time.Now()),
	}}, nil
}

// poolCounters are the keys that the original has. It counts every task as canceled
// that did not run to an end of its own.
func poolCounters(s workers.Stats, now time.Time) map[string]any {
	return map[string]any{
		"next_worker_id":   s.NextID,
		"finished_count":   s.Finished(),
		"canceled_count":   s.Unfinished(),
		"retirement_count": s.Retired,
		"worker_ct":        s.Usable(),
		"running_ct":       s.Busy,
		"active_task_ct":   s.Busy + s.Waiting,
		"usage":            usage(s, now),
	}
}

// usage says of numbers of workers when so many were last needed at once: of the five
// largest, and of those around the present one.
func usage(s workers.Stats, now time.Time) map[string]any {
	largest := len(s.Needed) - 1
	top5, near := map[string]any{}, map[string]any{}
	for n := largest; n > max(largest-5, 0); n-- {
		top5[strconv.Itoa(n)] = lastNeeded(s, n, now)
	}
	for n := max(s.Usable()-2, 1); n <= s.Usable()+2; n++ {
		near[strconv.Itoa(n)] = lastNeeded(s, n, now)
	}
	return map[string]any{"count": max(largest, 0), "top5": top5, "near_worker_ct": near}
}

// lastNeeded is "absent" for a number of workers that was never reached, "blocked" for
// one that is needed now, else the seconds since it was.
func lastNeeded(s workers.Stats, n int, now time.Time) any {
	switch {
	case n >= len(s.Needed):
		return "absent"
	case n <= s.Busy+s.Waiting:
		return "blocked"
	default:
		return math.Round(now.Sub(s.Needed[n]).Seconds()*100) / 100
	}
}
