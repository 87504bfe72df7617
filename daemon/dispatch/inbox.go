package dispatch

import "sync"

// event is something the loop is told; exactly one field is set.
type event struct {
	submitted *task
	ended     *Ended
	bounds    Concurrency
	returned  []uint64 // seqs
}

// inbox carries events to the loop. It is a list under a lock and not a
// channel for three reasons: a runner that reports can never be made to wait,
// so it may do so from anywhere; one wake-up of the loop takes a whole burst;
// and closing it says for every event whether it was still taken.
type inbox struct {
	wake chan struct{} // buffered 1: there may be something to do

	mu     sync.Mutex // guards the fields below
	events []event
	closed bool
}

// put adds e, in order. It returns false once the inbox is closed.
func (b *inbox) put(e event) bool {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return false
	}
	b.events = append(b.events, e)
	b.mu.Unlock()
	return true
}

// waits says whether there is something to take.
func (b *inbox) waits() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.events) > 0
}

// poke makes the loop take a turn.
func (b *inbox) poke() {
	select {
	case b.wake <- struct{}{}:
	default: // a wake-up is on its way already
	}
}

// take returns the events since the last take and leaves the emptied slice
// spare in their place.
func (b *inbox) take(spare []event) []event {
	b.mu.Lock()
	defer b.mu.Unlock()
	events := b.events
	b.events = spare[:0]
	return events
}

// close returns the last events; whatever comes later is refused.
func (b *inbox) close() []event {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	events := b.events
	b.events = nil
	return events
}
