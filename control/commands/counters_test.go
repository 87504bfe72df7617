package commands

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dispatcherd/workers"
)

func TestUsageHasTheShapeOfTheOriginals(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	ago := func(ms int) time.Time { return now.Add(-time.Duration(ms) * time.Millisecond) }
	for _, tt := range []struct {
		name  string
		stats workers.Stats
		want  map[string]any
	}{
		{"nothing was needed", workers.Stats{}, map[string]any{
			"count": 0, "top5": map[string]any{}, "near_worker_ct": map[string]any{"1": "absent", "2": "absent"},
		}},
		{
			"some are needed now",
			workers.Stats{Busy: 2, Waiting: 1, Ready: 2, Starting: 1, Needed: []time.Time{ago(0), ago(10), ago(20), ago(30), ago(1234), ago(5000), ago(61_006), ago(70_000)}},
			map[string]any{
				"count": 7,
				"top5":  map[string]any{"7": 70.0, "6": 61.01, "5": 5.0, "4": 1.23, "3": "blocked"},
				"near_worker_ct": map[string]any{
					"3": "blocked", "4": 1.23, "5": 5.0, "6": 61.01, "7": 70.0,
				},
			},
		},
		{
			"more wait than there were ever workers",
			workers.Stats{Busy: 2, Waiting: 9, Needed: []time.Time{ago(0), ago(0), ago(0)}},
			map[string]any{
				"count": 2, "top5": map[string]any{"2": "blocked", "1": "blocked"},
				"near_worker_ct": map[string]any{"1": "blocked", "2": "blocked", "3": "absent", "4": "absent"},
			},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, usage(tt.stats, now)); diff != "" {
				t.Errorf("usage (-want +got):\n%s", diff)
			}
		})
	}
}
