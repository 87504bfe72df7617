package workers_test

import (
	"testing"

	"dispatcherd/workers"
)

func TestStatusOfAWorkerIsTheOriginalsWord(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		worker workers.Info
		want   string
	}{
		{workers.Info{State: workers.Starting}, "spawned"},
		{workers.Info{State: workers.Starting, PID: 100}, "starting"},
		{workers.Info{State: workers.Ready, PID: 100}, "ready"},
		{workers.Info{State: workers.Busy, PID: 100}, "ready"},
		{workers.Info{State: workers.Stopping, PID: 100}, "stopping"},
		{workers.Info{State: workers.Stopping, PID: 100, Left: true}, "exited"},
		{workers.Info{State: workers.Retired, PID: 100, Left: true}, "retired"},
		{workers.Info{State: workers.Errored}, "error"},
	} {
		if got := tt.worker.Status(); got != tt.want {
			t.Errorf("Status() of %+v = %q, want %q", tt.worker, got, tt.want)
		}
	}
}
