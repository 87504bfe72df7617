package tests

import (
	"testing"
)

func TestMemoryIsTheKernelsForEachWorker(t *testing.T) {
	t.Parallel()
	d, db := startListening(t, withOriginal(t), "min_workers = 2\nmax_workers = 2", "jobs")
	waitFor(t, "two workers", func() bool { return d.figure("pool", "ready") == 2 })
	held := d.hold("large", "--kwarg", "mebibytes=96")
	for _, o := range d.brokers(db, "jobs") {
		replies := o.calls(t, call{Command: "memory"}, call{Command: "memory_offenders"}, call{"memory_offenders", map[string]any{"limit": 1}})
		memory, offenders, first := replies[0], replies[1], replies[2]
		wantKeys(t, memory, "objects", "daemon_bytes", "workers", "total_bytes", "node_id")
		wantKeys(t, memory["workers"], "worker-0", "worker-1")
		all, _ := memory["workers"].(map[string]any)
		sum, _ := memory["daemon_bytes"].(float64)
		if objects, _ := memory["objects"].(float64); objects < 100 || sum < 1<<20 {
			t.Errorf("over %s the daemon has %v objects and %v bytes", o.name, objects, sum)
		}
		large := 0.0
		for name, value := range all {
			wantKeys(t, value, "pid", "memory_bytes", "source")
			w, _ := value.(map[string]any)
			bytes, _ := w["memory_bytes"].(float64)
			pid, _ := w["pid"].(float64)
			sum += bytes
			large = max(large, bytes)
			if !living(int(pid)) || bytes < 100<<10 || w["source"] != "cgroup" && w["source"] != "smaps_rollup" {
				t.Errorf("over %s, %s is %v", o.name, name, w)
			}
		}
		if memory["total_bytes"] != sum {
			t.Errorf("over %s the total is %v, want the sum of the others, %v", o.name, memory["total_bytes"], sum)
		}
		if large < 96<<20 || large > 256<<20 {
			t.Errorf("over %s the worker that holds 96 MiB takes %v bytes", o.name, large)
		}
		wantKeys(t, offenders, "total_objects", "offenders", "node_id")
		list, _ := offenders["offenders"].([]any)
		if offenders["total_objects"] != 2.0 || len(list) != 2 {
			t.Fatalf("over %s the offenders are %v, want a task and what is idle", o.name, offenders)
		}
		for i, kind := range []string{"app.tasks.hold", "idle"} {
			wantKeys(t, list[i], "type", "count", "size_bytes")
			if group, _ := list[i].(map[string]any); group["type"] != kind || group["count"] != 1.0 {
				t.Errorf("over %s, group %d is %v, want one worker of %s", o.name, i, group, kind)
			}
		}
		if list, _ := first["offenders"].([]any); len(list) != 1 {
			t.Errorf("over %s a limit of 1 gave %v", o.name, first)
		}
	}
	held.letGo()
	held.wantEnd(0)
}
