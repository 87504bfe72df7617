package history

import (
	"strings"
	"sync"

	"dispatcherd/daemon/dispatch"
)

// Longer texts are kept up to here, in bytes, so that a ring has a size in memory, too. A
// run whose uuid is longer is found by that much of it.
const (
	longestLabel  = 512
	longestDetail = 2048
)

// Ring holds the ends of the last tasks. All its methods may be called from anywhere.
type Ring struct {
	size int

	mu   sync.Mutex       // guards the fields below
	ends []dispatch.Ended // grows up to size, then the oldest one is overwritten
	next int              // where the next one comes
}

var _ dispatch.Recorder = (*Ring)(nil)

// New returns a ring of the size that the configuration says.
func New(cfg Config) *Ring { return &Ring{size: cfg.Size} }

// Size is how many ends are kept at most.
func (r *Ring) Size() int { return r.size }

// Record keeps the end of a task, without its result.
func (r *Ring) Record(e *dispatch.Ended) {
	if r.size == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.ends) < r.size {
		r.ends = append(r.ends, dispatch.Ended{})
	}
	kept := &r.ends[r.next]
	*kept = *e
	kept.Result = nil
	kept.UUID, kept.Task = clip(e.UUID, longestLabel), clip(e.Task, longestLabel)
	kept.Detail = clip(e.Detail, longestDetail)
	r.next = (r.next + 1) % r.size
}

// clip copies only what is too long, so that the rest of it can go.
func clip(text string, longest int) string {
	if len(text) <= longest {
		return text
	}
	return strings.ToValidUTF8(strings.Clone(text[:longest]), "")
}

// Find returns the ends of all runs with a uuid, the last one first.
func (r *Ring) Find(uuid string) []dispatch.Ended {
	uuid = clip(uuid, longestLabel)
	return r.last(r.size, func(e *dispatch.Ended) bool { return e.UUID == uuid })
}

// Filter selects ends; what is empty does not.
type Filter struct {
	Outcome dispatch.Outcome
	Task    string
}

// Last returns the ends that f selects, so many at most, the last one first.
func (r *Ring) Last(limit int, f Filter) []dispatch.Ended {
	return r.last(limit, func(e *dispatch.Ended) bool {
		return (f.Outcome == "" || e.Outcome == f.Outcome) && (f.Task == "" || e.Task == clip(f.Task, longestLabel))
	})
}

// last goes through the ring from the last end back.
func (r *Ring) last(limit int, selects func(*dispatch.Ended) bool) (found []dispatch.Ended) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := len(r.ends)
	for back := 1; back <= n && len(found) < limit; back++ {
		if e := &r.ends[(r.next-back+n)%n]; selects(e) {
			found = append(found, *e)
		}
	}
	return found
}
