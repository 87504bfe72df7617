package workers

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestDeadlineComesAtItsMoment(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	var d deadlines
	w := newWorker(1, now)
	d.set(w, now)
	if got := d.expired(now.Add(-1)); got != nil {
		t.Errorf("worker %d expired before its deadline", got.id)
	}
	if got := d.expired(now); got != w {
		t.Errorf("expired at the deadline = %v, want worker 1", got)
	}
}

func TestDeadlinesComeInOrderWhateverIsSetAndCleared(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var d deadlines
		begin := time.Unix(1000, 0)
		all := make([]*worker, 8)
		for i := range all {
			all[i] = newWorker(i, begin)
		}
		want := map[int]int{}
		for range rapid.IntRange(0, 40).Draw(t, "steps") {
			w := all[rapid.IntRange(0, len(all)-1).Draw(t, "worker")]
			if rapid.Bool().Draw(t, "clear") {
				d.clear(w)
				delete(want, w.id)
				continue
			}
			after := rapid.IntRange(0, 9).Draw(t, "after")
			d.set(w, begin.Add(time.Duration(after)))
			want[w.id] = after
		}
		var moments []int
		for w := d.expired(begin.Add(9)); w != nil; w = d.expired(begin.Add(9)) {
			after, ok := want[w.id]
			if !ok || w.dueIndex != -1 {
				t.Fatalf("worker %d expired: set %v, index %d", w.id, ok, w.dueIndex)
			}
			delete(want, w.id)
			moments = append(moments, after)
		}
		if len(want) != 0 || !slices.IsSorted(moments) {
			t.Fatalf("expired at %v, never: %v", moments, want)
		}
	})
}
