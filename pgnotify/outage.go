package pgnotify

import (
	"context"
	"math/rand/v2"
	"time"
)

const (
	backoffFirst = 100 * time.Millisecond
	backoffMost  = 10 * time.Second

	// A connection that lived this long starts the count of attempts anew. One that is lost
	// sooner belongs to the trouble before it, or a server that accepts and then drops
	// connections would be called without pause.
	stableAfter = backoffMost

	// The first attempts are logged, then one in so long a time.
	loudAttempts = 3
	loudEvery    = time.Minute
)

// outage is the count of attempts while there is no LISTEN, and whether it is time to speak of it.
// The zero value is the time before the first connection. Owned by the Run goroutine.
type outage struct {
	next    int           // the attempt that comes next, from 1, since a connection was stable
	backoff time.Duration // the wait before it
	tries   int           // attempts in this gap

	confirmed time.Time // when LISTEN was last confirmed; zero before the first time
	deaf      time.Time // since when notifications may have been lost; zero before the first loss

	spoke time.Time // when something was last logged
	loud  bool      // something was logged in this gap
}

// wait waits until the next attempt is due, or somebody wants it sooner; false means that
// ctx ended.
func (o *outage) wait(ctx context.Context, sooner <-chan struct{}) bool {
	o.next = max(o.next, 1)
	o.tries++
	timer := time.NewTimer(o.backoff)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-sooner:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// connected ends the gap. It returns how long that was (0 the first time: nothing was lost).
func (o *outage) connected(now time.Time) (gap time.Duration) {
	if o.confirmed.IsZero() {
		o.next = 0 // the first loss is answered at once, however long the start took
	} else {
		gap = now.Sub(o.deaf)
	}
	o.confirmed = now
	return gap
}

// lost begins a gap, in which notifications may have been lost since deaf, and tells whether to log it.
func (o *outage) lost(now, deaf time.Time) bool {
	if now.Sub(o.confirmed) >= stableAfter {
		o.next = 0
	}
	o.deaf, o.tries, o.loud = deaf, 0, false
	return o.failed(now)
}

// failed counts one more failure, sets the backoff, and tells whether to log it.
func (o *outage) failed(now time.Time) bool {
	o.next++
	o.backoff = backoff(o.next, rand.Float64())
	if o.next > loudAttempts && now.Sub(o.spoke) < loudEvery {
		return false
	}
	o.spoke, o.loud = now, true
	return true
}

// backoff returns the wait before an attempt, counted from 1: none before the first, then doubling
// to backoffMost. The random part, 0 to 1, shortens it to as little as half, so that many daemons
// that lost one server do not come back in step.
func backoff(attempt int, random float64) time.Duration {
	if attempt <= 1 {
		return 0
	}
	wait := backoffFirst
	for range attempt - 2 {
		wait = min(2*wait, backoffMost)
		if wait == backoffMost {
			break
		}
	}
	return wait - time.Duration(random*float64(wait)/2)
}
