package tests

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// places counts the tasks of a reply by where they are: worker, blocked, queued, delayed.
func places(reply map[string]any) map[string]int {
	found := map[string]int{}
	for key := range reply {
		if place, _, ok := strings.Cut(key, "-"); ok {
			found[place]++
		}
	}
	return found
}

func TestInteropDuplicatesOfTheOriginalsPublisher(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		mode      string
		want      map[string]int
		discarded int
	}{
		{"parallel", map[string]int{"worker": 4}, 0},
		{"serial", map[string]int{"worker": 1, "blocked": 3}, 0},
		{"discard", map[string]int{"worker": 1}, 3},
		{"queue_one", map[string]int{"worker": 1, "blocked": 1}, 2},
	} {
		t.Run(tt.mode, func(t *testing.T) {
			t.Parallel()
			d, db := startListening(t, withOriginal(t), "max_workers = 8", "jobs")
			for _, o := range d.brokers(db, "jobs") {
				o.run(t, `
for _ in range(4):
    submit_task(tasks.nap, args=[600, args[1]], processor_options=[Blocker.Params(on_duplicate=args[0])])
`, tt.mode, d.file(o.name))
			}
			waitFor(t, "8 tasks to be accepted", func() bool { return d.figure("tasks", "accepted") == 8 })
			for _, o := range d.brokers(db, "jobs") {
				// All that may run does, before it is counted.
				waitFile(t, d.file(o.name), tt.want["worker"])
				reply := o.control(t, "running", map[string]any{"args": []any{600, d.file(o.name)}})
				if diff := cmp.Diff(tt.want, places(reply)); diff != "" {
					t.Errorf("4 equal tasks over %s with on_duplicate %s (-want +got):\n%s", o.name, tt.mode, diff)
				}
			}
			if got := d.figure("tasks", "ended", "discarded"); got != 2*tt.discarded {
				t.Errorf("%d tasks were discarded, want %d", got, 2*tt.discarded)
			}
		})
	}
}

func TestInteropOnDuplicateOfTheDecoratorIsPublished(t *testing.T) {
	t.Parallel()
	d, db := startListening(t, withOriginal(t), "", "jobs")
	path := d.file("single")
	overPostgres(t, db, "jobs").run(t, `
for _ in range(3):
    jobs.single.delay(args[0])
`, path)
	waitFor(t, "3 tasks to be accepted", func() bool { return d.figure("tasks", "accepted") == 3 })
	if got := d.figure("tasks", "ended", "discarded"); got != 2 {
		t.Errorf("%d of 3 equal tasks were discarded, want 2", got)
	}
	waitFile(t, path, 1)
}

func TestInteropSerialTasksOfTheOriginalRunOneAfterTheOther(t *testing.T) {
	t.Parallel()
	d, db := startListening(t, withOriginal(t), "min_workers = 4\nmax_workers = 4", "jobs")
	path := d.file("steps")
	overPostgres(t, db, "jobs").run(t, `
for _ in range(4):
    submit_task(jobs.step, args=args, processor_options=[Blocker.Params(on_duplicate="serial")])
`, path)
	got := waitFile(t, path, 8)
	if want := slices.Repeat([]string{"began", "ended"}, 4); !slices.Equal(got, want) {
		t.Errorf("serial tasks wrote %q, want %q", got, want)
	}
}
