package workers

import (
	"testing"
	"time"
)

// failNext fails a start as soon as one is allowed and returns the wait for the next.
func failNext(b *backoff, after time.Duration) time.Duration {
	now := b.until.Add(after)
	b.failed("boom", 1, now)
	return b.until.Sub(now)
}

func TestWaitDoublesUpToItsBound(t *testing.T) {
	t.Parallel()
	b := backoff{until: time.Unix(1000, 0)}
	want := firstRetry
	for i := range 20 {
		if got := failNext(&b, 0); got != want {
			t.Errorf("wait %d = %v, want %v", i, got, want)
		}
		want = min(2*want, lastRetry)
	}
}

func TestWaitGoesOnAfterAHello(t *testing.T) {
	t.Parallel()
	b := backoff{until: time.Unix(1000, 0)}
	failNext(&b, 0)
	b.greeted(b.until)
	if got := failNext(&b, settled); got != 2*firstRetry {
		t.Errorf("wait = %v, want %v", got, 2*firstRetry)
	}
}

func TestWaitBeginsAnewAfterATaskOrAQuietTime(t *testing.T) {
	t.Parallel()
	b := backoff{until: time.Unix(1000, 0)}
	failNext(&b, 0)
	b.proven(1)
	if got := failNext(&b, 0); got != firstRetry {
		t.Errorf("wait after a task = %v, want %v", got, firstRetry)
	}
	if got := failNext(&b, settled+1); got != firstRetry {
		t.Errorf("wait after a quiet time = %v, want %v", got, firstRetry)
	}
}

func TestFailureDuringTheWaitDoesNotProlongIt(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	var b backoff
	if !b.failed("boom", 1, now) {
		t.Error("the first failure is not the first")
	}
	until := b.until
	if b.failed("bang", 1, now.Add(firstRetry-1)) || !b.until.Equal(until) {
		t.Errorf("a failure during the wait ends it at %v, want %v", b.until, until)
	}
	if b.failures != 2 || b.lastErr != "bang" {
		t.Errorf("failures %d, last error %q, want 2 and bang", b.failures, b.lastErr)
	}
}
