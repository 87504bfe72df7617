package pgnotify

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestBackoffDoublesFromNothingToItsMost(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		attempt  int
		random   float64
		earliest time.Duration
	}{
		{0, 0, 0}, {1, 0, 0}, {1, 1, 0},
		{2, 0, 100 * time.Millisecond}, {2, 0.5, 75 * time.Millisecond}, {2, 1, 50 * time.Millisecond},
		{3, 0, 200 * time.Millisecond}, {4, 0, 400 * time.Millisecond}, {8, 0, 6400 * time.Millisecond},
		{9, 0, 10 * time.Second}, {10, 0, 10 * time.Second}, {1 << 30, 0, 10 * time.Second}, {1 << 30, 1, 5 * time.Second},
	} {
		if got := backoff(tt.attempt, tt.random); got != tt.earliest {
			t.Errorf("backoff(%d, %v) = %v, want %v", tt.attempt, tt.random, got, tt.earliest)
		}
	}
}

func TestLongOutageIsLoggedAtFirstAndThenEachMinute(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var o outage
		o.wait(t.Context(), nil)
		o.connected(time.Now())
		time.Sleep(time.Hour)
		var said []int
		if o.lost(time.Now(), time.Now()) {
			said = append(said, o.next)
		}
		start := time.Now()
		for time.Since(start) < 10*time.Minute && o.wait(t.Context(), nil) {
			if o.failed(time.Now()) {
				said = append(said, o.next)
			}
		}
		if len(said) < 12 || len(said) > 13 || said[0] != 1 || said[1] != 2 || said[2] != 3 {
			t.Errorf("attempts announced in 10 minutes: %v, want 1, 2, 3 and then one a minute", said)
		}
		if o.tries < 60 {
			t.Errorf("%d attempts in 10 minutes, want one each 10s or sooner", o.tries)
		}
		if gap := o.connected(time.Now()); gap < 10*time.Minute || gap > 11*time.Minute || !o.loud {
			t.Errorf("gap = %v and loud = %v, want 10 minutes that were logged", gap, o.loud)
		}
	})
}

func TestServerThatAcceptsAndDropsIsNotCalledWithoutPause(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var o outage
		var tries, said int
		for start := time.Now(); time.Since(start) < 10*time.Minute && o.wait(t.Context(), nil); tries++ {
			o.connected(time.Now())
			time.Sleep(time.Millisecond)
			if o.lost(time.Now(), time.Now()) {
				said++
			}
		}
		if tries > 150 || said > 15 {
			t.Errorf("%d connections and %d lines in 10 minutes, want at most 150 and 15", tries, said)
		}
	})
}

func TestFirstLossIsAnsweredAtOnce(t *testing.T) {
	t.Parallel()
	for _, lived := range []time.Duration{time.Second, time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			var o outage
			for range 20 { // a long start
				o.wait(t.Context(), nil)
				o.failed(time.Now())
			}
			o.wait(t.Context(), nil)
			if gap := o.connected(time.Now()); gap != 0 {
				t.Errorf("gap before the first connection = %v, want 0", gap)
			}
			time.Sleep(lived)
			if !o.lost(time.Now(), time.Now()) || o.next != 1 || o.backoff != 0 {
				t.Errorf("loss after %v: attempt %d after %v, want a logged attempt 1 at once", lived, o.next, o.backoff)
			}
		})
	}
}

func TestWaitEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := outage{backoff: time.Hour}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		if o.wait(ctx, nil) || time.Since(start) != time.Second {
			t.Errorf("wait went on for %v, want it to end with its context after 1s", time.Since(start))
		}
	})
}
