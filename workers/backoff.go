package workers

import "time"

const (
	// firstRetry and lastRetry bound the wait after workers that could not start.
	firstRetry = 100 * time.Millisecond
	lastRetry  = 30 * time.Second
	// settled is the age from which the death of an idle worker is no longer
	// taken for a start that failed, and the quiet after which nothing is left of
	// earlier ones.
	settled = lastRetry
	// loopAfter is how many waits in a row make a crash loop.
	loopAfter = 3
)

// backoff spaces the starts of workers while workers fail: while they cannot be
// started, or end by themselves soon after.
type backoff struct {
	until    time.Time // no start before this
	streak   int       // waits in a row, which the next one is doubled by
	failures int       // workers that failed since one was of use
	lastErr  string    // why the last one failed; "" once one was of use
	next     int       // the first number of a worker started since; 0: none has failed since one proved itself
	loop     bool      // it was told that this is a crash loop
	calm     time.Time // when the loop is over if nothing fails until then; zero: not before a worker is ready
}

// failed notes a worker that failed; next is the number of the next one to be started.
// Those that fail while the starts are held back anyway were tried together with it,
// and make nobody wait longer: first is false for them.
func (b *backoff) failed(reason string, next int, now time.Time) (first bool) {
	b.failures++
	b.lastErr, b.next = reason, next
	if first = !b.until.After(now); first {
		if now.Sub(b.until) > settled {
			b.streak = 0
		}
		b.until = now.Add(retryWait(b.streak))
		b.streak++
	}
	b.calm = b.until.Add(settled)
	return first
}

// crashed notes that worker id, which has worked, ended by itself between tasks, and
// says whether that counts as a failure: once is an accident, but not if the worker was
// started in the place of one that had failed shortly before.
func (b *backoff) crashed(id, next int, now time.Time) (again bool) {
	again = b.next > 0 && id >= b.next && now.Sub(b.until) <= settled
	if b.next == 0 || id >= b.next {
		b.next = next
		b.until = later(b.until, now)
	}
	return again
}

// recognise says whether it has become a crash loop, once.
func (b *backoff) recognise() bool {
	if b.loop || b.streak < loopAfter {
		return false
	}
	b.loop = true
	b.failures = max(b.failures, b.streak) // a hello in between has ended the count
	return true
}

// greeted notes a worker that is ready. The waits may go on where they were:
// it has yet to prove that it lives.
func (b *backoff) greeted(now time.Time) {
	if b.loop {
		b.calm = now.Add(settled)
		return
	}
	b.failures, b.lastErr = 0, ""
}

// proven notes that worker id has done what it is there for, and says whether that was
// the end of a crash loop. One that was started before others failed proves nothing.
func (b *backoff) proven(id int) (over bool) {
	if b.next == 0 || id < b.next {
		return false
	}
	over = b.loop
	*b = backoff{until: b.until}
	return over
}

// retryWait is the wait after so many others in a row.
func retryWait(before int) time.Duration {
	wait := firstRetry
	for ; before > 0 && wait < lastRetry; before-- {
		wait *= 2
	}
	return min(wait, lastRetry)
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
