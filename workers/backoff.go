package workers

import "time"

const (
	// firstRetry and lastRetry bound the wait after workers that could not start.
	firstRetry = 100 * time.Millisecond
	lastRetry  = 30 * time.Second
	// settled is the age from which the death of an idle worker is no longer
	// taken for a start that failed.
	settled = lastRetry
)

// backoff spaces the starts of workers while they fail.
type backoff struct {
	until    time.Time // no start before this
	streak   int       // waits in a row, which the next one is doubled by
	failures int       // starts that failed since one worked
	lastErr  string    // why the last one failed; "" once one worked
}

// failed notes a start that failed. Those that fail while the starts are held
// back anyway were tried together with it, and make nobody wait longer: first
// is false for them.
func (b *backoff) failed(reason string, now time.Time) (first bool) {
	b.failures++
	b.lastErr = reason
	if b.until.After(now) {
		return false
	}
	if now.Sub(b.until) > settled {
		b.streak = 0
	}
	b.until = now.Add(retryWait(b.streak))
	b.streak++
	return true
}

// greeted notes a worker that is ready. The waits may go on where they were:
// it has yet to prove that it lives.
func (b *backoff) greeted() { b.failures, b.lastErr = 0, "" }

// proven notes a worker that has done what it is there for.
func (b *backoff) proven() { b.streak = 0 }

// retryWait is the wait after so many others in a row.
func retryWait(before int) time.Duration {
	wait := firstRetry
	for ; before > 0 && wait < lastRetry; before-- {
		wait *= 2
	}
	return min(wait, lastRetry)
}
