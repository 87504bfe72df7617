package dispatch

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

func TestDelayedTaskRunsWhenItsTimeHasCome(t *testing.T) {
	inBubble(t, 1, func(r *rig) {
		r.submit(`{"uuid": "a", "task": "job", "delay": 2.5}`)
		r.wantList("delayed-0 a")
		time.Sleep(2500*time.Millisecond - time.Nanosecond)
		synctest.Wait()
		r.wantStarted()
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		r.wantStarted("a")
	})
}

func TestEarlierDelayOvertakesALaterOne(t *testing.T) {
	inBubble(t, 4, func(r *rig) {
		r.submit(`{"uuid": "a", "task": "job", "delay": 30}`)
		r.submit(`{"uuid": "b", "task": "job", "delay": 10}`)
		r.submit(`{"uuid": "c", "task": "job", "delay": 20}`)
		r.submit(`{"uuid": "d", "task": "job", "delay": 10}`)
		r.wantList("delayed-0 a, delayed-1 b, delayed-2 c, delayed-3 d")
		time.Sleep(time.Minute)
		synctest.Wait()
		r.wantStarted("b", "d", "c", "a")
	})
}

func TestDelayedRequestIsCarriedOutWhenItsTimeHasCome(t *testing.T) {
	inBubble(t, 1, func(r *rig) {
		var carriedOut []string
		for _, text := range []string{`{"uuid": "a", "control": "alive", "delay": 2}`, `{"uuid": "b", "control": "alive", "delay": 3}`} {
			m := parse(t, text)
			if err := r.Delay(m, func() { carriedOut = append(carriedOut, m.UUID()) }); err != nil {
				t.Fatal(err)
			}
		}
		r.wantList("delayed-0 a, delayed-1 b")
		if got := r.cancel(Filter{UUID: []byte(`"b"`)}); got != "delayed-1 b" {
			t.Errorf("cancel lists %s", got)
		}
		time.Sleep(2*time.Second - time.Nanosecond)
		r.wantList("delayed-0 a")
		time.Sleep(time.Minute)
		r.wantList("")
		if !slices.Equal(carriedOut, []string{"a"}) {
			t.Errorf("carried out: %q, want that of a", carriedOut)
		}
		r.wantStarted()
		s, err := r.Stats(r.Context())
		if err != nil || s.Accepted != 2 || s.Ended[CarriedOut] != 1 || s.Ended[Cancelled] != 1 {
			t.Errorf("stats are %+v, %v, want one carried out and one cancelled of 2", s, err)
		}
		r.stop()
		if err := r.Delay(parse(t, `{"control": "alive", "delay": 1}`), func() {}); !errors.Is(err, ErrEnded) {
			t.Errorf("Delay after the end: %v, want %v", err, ErrEnded)
		}
	})
}

func TestFarDelayIsKept(t *testing.T) {
	inBubble(t, 1, func(r *rig) {
		r.submit(`{"uuid": "a", "task": "job", "delay": 1e300}`)
		time.Sleep(24 * 365 * time.Hour)
		r.wantList("delayed-0 a")
	})
}

func TestDelayedTaskMeetsItsEqualsOnlyWhenItsTimeHasCome(t *testing.T) {
	inBubble(t, 3, func(r *rig) {
		late := r.submit(`{"uuid": "late", "task": "job", "delay": 5, "on_duplicate": "discard"}`)
		held := r.submit(`{"uuid": "held", "task": "job", "delay": 5, "on_duplicate": "serial"}`)
		r.submit(`{"uuid": "now", "task": "job", "on_duplicate": "discard"}`)
		r.wantList("worker-0 now, delayed-0 late, delayed-1 held")
		time.Sleep(5 * time.Second)
		synctest.Wait()
		r.wantEnd(late, Discarded)
		r.wantList("worker-0 now, blocked-0 held")
		r.finish("now")
		r.finish("held")
		r.wantEnd(held, Succeeded)
	})
}

func TestCancelledDelayedTaskNeverRuns(t *testing.T) {
	inBubble(t, 3, func(r *rig) {
		r.submit(`{"uuid": "a", "task": "job", "delay": 1}`)
		b := r.submit(`{"uuid": "b", "task": "job", "delay": 2}`)
		r.submit(`{"uuid": "c", "task": "job", "delay": 3}`)
		if _, err := r.Cancel(r.Context(), Filter{UUID: []byte(`"b"`)}); err != nil {
			r.Fatal(err)
		}
		r.wantEnd(b, Cancelled)
		time.Sleep(time.Minute)
		synctest.Wait()
		r.wantStarted("a", "c")
	})
}

func TestAlarmRingsAgainForTheSameTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newAlarm()
		soon := time.Now().Add(time.Second)
		for range 2 {
			a.set(time.Now(), time.Time{}, soon.Add(time.Hour), soon)
			<-a.timer.C
			if !time.Now().Equal(soon) {
				t.Errorf("it rang at %v, want %v", time.Now(), soon)
			}
			a.rang()
		}
		a.set(time.Now(), soon.Add(time.Second))
		a.set(time.Now())
		select {
		case <-a.timer.C:
			t.Error("it rang after it was turned off")
		case <-time.After(time.Hour):
		}
	})
}

func TestDelaysComeOutInOrderWhateverIsRemoved(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var h delays
		var model []*task
		begin := time.Unix(0, 0)
		for i, d := range rapid.SliceOf(rapid.IntRange(1, 9)).Draw(t, "delays") {
			x := newTask(parse(t, fmt.Sprintf(`{"delay": %de-9}`, d)), nil)
			x.seq, x.since = uint64(i), momentOf(begin)
			h.add(x)
			model = append(model, x)
		}
		for range rapid.IntRange(0, len(model)).Draw(t, "removals") {
			i := rapid.IntRange(0, len(model)-1).Draw(t, "remove")
			h.remove(model[i])
			h.remove(model[i]) // it is out already
			model = slices.Delete(model, i, i+1)
		}
		slices.SortStableFunc(model, func(a, b *task) int { return a.special.due.Compare(b.special.due) })
		for i, want := range model {
			if got := h.next(); !got.Equal(want.special.due) {
				t.Fatalf("next() = %v, want %v", got, want.special.due)
			}
			if want.special.due.After(begin) && h.pop(want.special.due.Add(-1)) != nil {
				t.Fatalf("pop() gave a task before its time")
			}
			if got := h.pop(want.special.due); got != want {
				t.Fatalf("pop() number %d = %+v, want %+v", i, got, want)
			}
		}
		if !h.next().IsZero() || h.pop(begin.Add(time.Hour)) != nil {
			t.Fatalf("%d tasks are left", len(h))
		}
	})
}
