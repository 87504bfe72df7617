package commands

import (
	"testing"

	"dispatcherd/daemon/message"
	"dispatcherd/workers"
)

func measured() *fake {
	busy := func(id int, task string) workers.Info { return workers.Info{ID: id, Task: &workers.Task{Name: task}} }
	return &fake{
		infos: []workers.Info{busy(0, "a.small"), busy(1, "a.large"), {ID: 2}, busy(3, "a.small"), {ID: 4}},
		memory: Memory{Objects: 1000, Daemon: 50, Workers: []WorkerMemory{
			{Worker: 0, PID: 100, Bytes: 30, Source: "cgroup"}, {Worker: 1, PID: 101, Bytes: 90, Source: "smaps_rollup"}, {Worker: 2, PID: 102, Bytes: 10, Source: "cgroup"}, {Worker: 3, PID: 103, Bytes: 31, Source: "cgroup"}, {Worker: 4, PID: 104, Bytes: 0, Source: ""},
		}},
	}
}

func TestMemoryTellsWhatEachWorkerTakes(t *testing.T) {
	t.Parallel()
	const want = `{"daemon_bytes": 50, "objects": 1000, "total_bytes": 211, "workers": {` +
		`"worker-0": {"memory_bytes": 30, "pid": 100, "source": "cgroup"}, ` +
		`"worker-1": {"memory_bytes": 90, "pid": 101, "source": "smaps_rollup"}, ` +
		`"worker-2": {"memory_bytes": 10, "pid": 102, "source": "cgroup"}, ` +
		`"worker-3": {"memory_bytes": 31, "pid": 103, "source": "cgroup"}, ` +
		`"worker-4": {"memory_bytes": null, "pid": 104, "source": null}}}`
	if got := string(message.Encode(newTable(measured()).Do(t.Context(), "memory", Call{}).Object())); got != want {
		t.Errorf("memory answered %s, want %s", got, want)
	}
}

func TestMemoryOffendersAreGroupedByTask(t *testing.T) {
	t.Parallel()
	const large, small, idle = `{"count": 1, "size_bytes": 90, "type": "a.large"}`, `{"count": 2, "size_bytes": 61, "type": "a.small"}`, `{"count": 2, "size_bytes": 10, "type": "idle"}`
	for _, tt := range []struct{ data, want string }{
		{`{}`, large + ", " + small + ", " + idle},
		{`{"limit": 1, "group_by": "type"}`, large},
		{`{"limit": 0}`, ""},
		{`{"limit": null}`, large + ", " + small + ", " + idle},
	} {
		want := `{"offenders": [` + tt.want + `], "total_objects": 5}`
		if got := string(message.Encode(newTable(measured()).Do(t.Context(), "memory_offenders", Call{Data: []byte(tt.data)}).Object())); got != want {
			t.Errorf("memory_offenders %s answered %s, want %s", tt.data, got, want)
		}
	}
}
