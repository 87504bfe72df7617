package dispatch

import (
	"context"
	"maps"
	"time"
)

// Stats is a snapshot of the dispatcher. Accepted is always the sum of all the
// other counts.
type Stats struct {
	Accepted                          uint64
	Running, Queued, Blocked, Delayed int
	Queue                             Queue // what waits, and what may
	Ended                             map[Outcome]uint64
	OldestQueued                      time.Duration // how long the head of the queue has waited for a worker; 0 without a queue
	Stopping                          bool          // StopTaking was called
	Paused                            bool          // Pause was called, and not yet Resume
}

// Stats asks the loop for a snapshot.
func (d *Dispatcher) Stats(ctx context.Context) (Stats, error) {
	var s Stats
	if err := d.ask(ctx, func() { s = d.stats() }); err != nil {
		return Stats{}, err
	}
	return s, nil
}

func (d *Dispatcher) stats() Stats {
	s := Stats{
		Accepted: d.seq,
		Running:  d.lists[Running].n,
		Queued:   d.lists[Queued].n,
		Blocked:  d.lists[Blocked].n,
		Delayed:  d.lists[Delayed].n,
		Queue:    d.room.snapshot(),
		Ended:    maps.Clone(d.counts),
		Stopping: d.stopping,
		Paused:   d.paused,
	}
	if head := d.lists[Queued].first; head != nil {
		s.OldestQueued = d.now.Sub(head.task.since)
	}
	return s
}
