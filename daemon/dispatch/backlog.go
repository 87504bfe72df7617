package dispatch

import "time"

// A queue is late when its head has waited for lateAfter: a pool that is
// still starting workers is not worth a warning.
const (
	lateAfter = time.Second
	// calmFor is the least time between two warnings that the queue began to be late.
	calmFor = time.Minute
)

// backlog decides when the length of the queue is worth a warning: when it
// becomes late, and whenever a late queue reaches the next power of ten.
// However the queue flaps, that is a handful of lines a minute.
type backlog struct {
	next  int       // the length to warn at; 0 means any
	since time.Time // of the first warning
}

// note returns how long the head, queued since then, has waited when that is to be warned of
// now; n tasks wait.
func (b *backlog) note(n int, since, now time.Time) (waited time.Duration, warn bool) {
	if n == 0 {
		if b.next > 0 && now.Sub(b.since) >= calmFor {
			*b = backlog{}
		}
		return 0, false
	}
	waited = now.Sub(since)
	if n < b.next || waited < lateAfter {
		return 0, false
	}
	if b.next == 0 {
		b.since = now
		b.next = 1
	}
	for b.next <= n {
		b.next *= 10
	}
	return waited, true
}

// wake is when the queue as it is will be worth a warning; zero for never.
func (b *backlog) wake(n int, since time.Time) time.Time {
	if n == 0 || n < b.next {
		return time.Time{}
	}
	return since.Add(lateAfter)
}
