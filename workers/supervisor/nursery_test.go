package supervisor

import (
	"testing"
	"time"
)

func TestForkServerIsStartedLaterWithEachFailure(t *testing.T) {
	t.Parallel()
	for failures, want := range map[int]time.Duration{
		0: 0, 1: 100 * time.Millisecond, 2: 200 * time.Millisecond, 6: 3200 * time.Millisecond, 7: 5 * time.Second, 1000: 5 * time.Second,
	} {
		if got := startDelay(failures); got != want {
			t.Errorf("startDelay(%d) = %s, want %s", failures, got, want)
		}
	}
}
