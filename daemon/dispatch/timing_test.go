package dispatch

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"dispatcherd/daemon/message"
	"dispatcherd/workers"
)

func (r *rig) timings() Timings {
	r.Helper()
	s, err := r.Timings(r.Context())
	if err != nil {
		r.Fatal(err)
	}
	return s
}

// times is the histogram of these.
func times(all ...time.Duration) (h Histogram) {
	for _, d := range all {
		h.add(d)
	}
	return h
}

func TestTimeIsCountedUpToItsBound(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		d    time.Duration
		want int
	}{
		{-time.Second, 0}, {0, 0}, {time.Millisecond, 0}, {time.Millisecond + 1, 1}, {time.Second, 5},
		{time.Hour, len(Bounds) - 1}, {time.Hour + 1, len(Bounds)}, {1 << 62, len(Bounds)},
	} {
		h := times(tt.d)
		if h.Buckets[tt.want] != 1 || h.Sum != max(tt.d, 0).Seconds() {
			t.Errorf("%v is counted as %v, want it in bucket %d", tt.d, h, tt.want)
		}
	}
}

func TestSumOfTimesGoesBeyondCenturies(t *testing.T) {
	t.Parallel()
	var h Histogram
	const days = 200_000 // 547 years
	for range days {
		h.add(24 * time.Hour)
	}
	if want := float64(days) * 24 * 60 * 60; h.Sum != want {
		t.Errorf("%d days are %v s in all, want %v s", days, h.Sum, want)
	}
}

func TestWaitAndRunAreTimedByName(t *testing.T) {
	inBubble(t, 1, func(r *rig) {
		r.submit(`{"uuid": "a", "task": "app.first"}`)
		r.submit(`{"uuid": "b", "task": "app.second"}`)
		r.submit(`{"uuid": "c", "task": "app.first", "delay": 1}`)
		time.Sleep(3 * time.Second)
		r.Finished(Ended{Seq: r.runner.leave("a"), Outcome: Failed, RunTime: 3 * time.Second})
		synctest.Wait()
		time.Sleep(2 * time.Second)
		r.Finished(Ended{Seq: r.runner.leave("b"), Outcome: TimedOut, RunTime: 2 * time.Second})
		synctest.Wait()
		want := map[string]Timing{
			"app.first":  {Wait: times(0, 4*time.Second), Run: times(3 * time.Second), Ended: map[Outcome]uint64{Failed: 1}}, // c waits since its delay is over
			"app.second": {Wait: times(3 * time.Second), Run: times(2 * time.Second), Ended: map[Outcome]uint64{TimedOut: 1}},
		}
		if diff := cmp.Diff(want, r.timings().ByName); diff != "" {
			r.Errorf("timings (-want +got):\n%s", diff)
		}
	})
}

func TestWhatNeverRanIsNotTimed(t *testing.T) {
	inBubble(t, 1, func(r *rig) {
		r.submit(body("a", "app.job", message.Serial))
		r.submit(body("b", "app.job", message.Serial))
		r.submit(body("c", "app.job", message.Discard))
		r.submit(body("d", "app.else", message.Parallel))
		if _, err := r.Cancel(r.Context(), Filter{}); err != nil {
			r.Fatal(err)
		}
		want := map[string]Timing{
			"app.job":  {Wait: times(0), Ended: map[Outcome]uint64{Cancelled: 1, Discarded: 1}},
			"app.else": {Ended: map[Outcome]uint64{Cancelled: 1}},
		}
		if diff := cmp.Diff(want, r.timings().ByName); diff != "" {
			r.Errorf("timings (-want +got):\n%s", diff)
		}
		r.stop()
	})
}

func TestCostIsAddedUpByName(t *testing.T) {
	inBubble(t, 1, func(r *rig) {
		for i, u := range []workers.Usage{
			{CPU: time.Second, MemoryPeak: 5, OOMKills: 1}, {CPU: 500 * time.Millisecond, MemoryPeak: 9, OOMKills: 2}, {MemoryPeak: 7},
		} {
			uuid := fmt.Sprint(i)
			r.submit(body(uuid, "app.job", message.Parallel))
			r.Finished(Ended{Seq: r.runner.leave(uuid), Outcome: Succeeded, Usage: u})
			synctest.Wait()
		}
		got := r.timings().ByName["app.job"]
		got.Wait, got.Run = Histogram{}, Histogram{}
		if diff := cmp.Diff(Timing{Ended: map[Outcome]uint64{Succeeded: 3}, CPU: 1.5, MemoryPeak: 9, OOMKills: 3}, got); diff != "" {
			r.Errorf("the cost (-want +got):\n%s", diff)
		}
		r.timings().ByName["app.job"].Ended[Succeeded] = 99
		if n := r.timings().ByName["app.job"].Ended[Succeeded]; n != 3 {
			r.Errorf("a change of a snapshot changes the count to %d", n)
		}
	})
}

func TestReturnedTaskHasWaitedOnce(t *testing.T) {
	inBubble(t, 1, func(r *rig) {
		r.submit(`{"uuid": "a", "task": "app.job"}`)
		r.Returned(r.runner.lose("a"))
		synctest.Wait()
		time.Sleep(time.Minute)
		r.runner.hire(1)
		r.Freed()
		synctest.Wait()
		r.finish("a")
		want := map[string]Timing{"app.job": {Wait: times(0), Run: times(0), Ended: map[Outcome]uint64{Succeeded: 1}}}
		if diff := cmp.Diff(want, r.timings().ByName); diff != "" {
			r.Errorf("timings (-want +got):\n%s", diff)
		}
	})
}

func TestNamesThatAreTimedAreBounded(t *testing.T) {
	inBubble(t, 1000, func(r *rig) {
		odd := []string{
			"lambda: __import__('os.path')", "lambda.x", "nodot", "", "app.ä", "app.a b", "app.a\nb", "app." + strings.Repeat("x", longestTimedName),
		}
		for _, name := range odd {
			r.submit(fmt.Sprintf(`{"task": %q}`, name))
		}
		r.submit(`{"task": 5}`)
		if got := slices.Collect(maps.Keys(r.timings().ByName)); !slices.Equal(got, []string{otherTasks}) {
			r.Errorf("names are %q, want all under %q", got, otherTasks)
		}
		for i := range 2 * timedNames {
			r.submit(fmt.Sprintf(`{"task": "app.Class_%d.<locals>.run"}`, i))
		}
		got := r.timings().ByName
		if len(got) != timedNames {
			r.Errorf("%d names are timed, want %d", len(got), timedNames)
		}
		others := got[otherTasks].Wait.Buckets[0]
		if want := uint64(len(odd) + 1 + 2*timedNames - (timedNames - 1)); others != want {
			r.Errorf("%d tasks are others, want %d", others, want)
		}
	})
}

func TestLatenessCountsFromPublicationLessTheDelay(t *testing.T) {
	inBubble(t, 10, func(r *rig) {
		now := float64(time.Now().UnixMilli()) / 1000
		r.submit(fmt.Sprintf(`{"task": "a.b", "time_pub": %f}`, now-20))
		r.submit(fmt.Sprintf(`{"task": "a.b", "time_pub": %f}`, now+20)) // its clock is ahead
		r.submit(`{"task": "a.b", "time_pub": "yesterday"}`)
		r.submit(`{"task": "a.b"}`)
		r.submit(fmt.Sprintf(`{"task": "a.b", "time_pub": %f, "delay": 30}`, now-2))
		time.Sleep(time.Minute)
		synctest.Wait()
		got := r.timings().Late
		want := times(20*time.Second, 0, 2*time.Second)
		if diff := cmp.Diff(want.Buckets, got.Buckets); diff != "" {
			r.Errorf("lateness (-want +got):\n%s", diff)
		}
		if off := math.Abs(got.Sum - want.Sum); off > 1e-3 {
			r.Errorf("lateness is %v s in all, want %v s", got.Sum, want.Sum)
		}
	})
}

func TestTimeOfPublicationMoreThanADayOffIsAWrongClock(t *testing.T) {
	inBubble(t, 10, func(r *rig) {
		const day = 24 * 60 * 60
		now := float64(time.Now().Unix())
		for _, published := range []float64{5, now - day - 1, now - day + 1, now + day - 1, now + day + 1, 1e300} {
			r.submit(fmt.Sprintf(`{"task": "a.b", "time_pub": %f}`, published))
		}
		r.submit(fmt.Sprintf(`{"task": "a.b", "time_pub": %f, "delay": %d}`, now-2, 2*day)) // is to be so late
		time.Sleep(2 * day * time.Second)
		synctest.Wait()
		got, want := r.timings().Late, times((day-1)*time.Second, 0, 2*time.Second)
		if diff := cmp.Diff(want, got); diff != "" {
			r.Errorf("lateness (-want +got):\n%s", diff)
		}
	})
}

func TestTimingsOfADispatcherThatEndedAreAnError(t *testing.T) {
	inBubble(t, 1, func(r *rig) {
		r.stop()
		if _, err := r.Timings(context.Background()); !errors.Is(err, ErrEnded) {
			r.Errorf("Timings() = %v, want %v", err, ErrEnded)
		}
	})
}
