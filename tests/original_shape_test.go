package tests

import (
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// keys are the sorted keys of a value that must be an object.
func keys(t *testing.T, value any) []string {
	t.Helper()
	object, ok := value.(map[string]any)
	if !ok {
		t.Fatalf("%v is no object", value)
	}
	return slices.Sorted(maps.Keys(object))
}

// wantKeys compares the keys of a value that must be an object.
func wantKeys(t *testing.T, value any, want ...string) {
	t.Helper()
	want = slices.Sorted(slices.Values(want))
	if diff := cmp.Diff(want, keys(t, value)); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
}

// The shapes of these replies are a contract: programs that use the original's
// Control take them apart.
func TestInteropRepliesHaveTheShapeOfTheOriginals(t *testing.T) {
	t.Parallel()
	d, db := startListening(t, withOriginal(t), "max_workers = 1", "jobs")
	all := d.brokers(db, "jobs")
	d.waitingEverywhere(all[0])
	checks := []struct {
		command string
		check   func(t *testing.T, reply map[string]any)
	}{
		{"alive", wantAlive},
		{"running", wantRunning},
		{"workers", wantWorkers},
		{"main", func(t *testing.T, reply map[string]any) { d.wantMain(t, reply) }},
		{"producers", wantProducers},
		{"status", wantStatus},
	}
	for _, o := range all {
		// One after the other: they count the requests.
		t.Run(o.name, func(t *testing.T) {
			var calls []call
			for _, c := range checks {
				calls = append(calls, call{Command: c.command})
			}
			replies := o.calls(t, calls...)
			for i, c := range checks {
				t.Run(c.command, func(t *testing.T) {
					if replies[i]["node_id"] != "test" {
						t.Errorf("node_id is %v, want test", replies[i]["node_id"])
					}
					c.check(t, replies[i])
				})
			}
		})
	}
}

func wantAlive(t *testing.T, reply map[string]any) {
	wantKeys(t, reply, "node_id")
}

// Nothing but tasks and node_id: programs take every other key for a task.
func wantRunning(t *testing.T, reply map[string]any) {
	wantKeys(t, reply, "worker-0", "blocked-0", "queued-0", "delayed-0", "node_id")
	wantKeys(t, reply["worker-0"], "uuid", "task", "args", "time_pub", "channel")
	wantKeys(t, reply["blocked-0"], "uuid", "task", "args", "time_pub", "channel", "on_duplicate")
	wantKeys(t, reply["queued-0"], "uuid", "task", "time_pub", "channel")
	wantKeys(t, reply["delayed-0"], "uuid", "task", "time_pub", "channel", "delay")
	task, _ := reply["worker-0"].(map[string]any)
	if task["uuid"] != "running" || task["task"] != "app.tasks.nap" || task["channel"] != "jobs" {
		t.Errorf("the running task is shown as %v", task)
	}
}

func wantWorkers(t *testing.T, reply map[string]any) {
	wantKeys(t, reply, "worker-0", "node_id")
	wantKeys(t, reply["worker-0"], "worker_id", "pid", "status", "finished_count", "current_task",
		"current_task_uuid", "active_cancel", "age")
	worker, _ := reply["worker-0"].(map[string]any)
	pid, _ := worker["pid"].(float64)
	if age, ok := worker["age"].(float64); !ok || age <= 0 || !living(int(pid)) {
		t.Errorf("the worker is shown as %v, want its age and the pid of a process", worker)
	}
	for key, want := range map[string]any{
		"worker_id": 0.0, "status": "ready", "finished_count": 0.0,
		"current_task": "app.tasks.nap", "current_task_uuid": "running", "active_cancel": false,
	} {
		if worker[key] != want {
			t.Errorf("%s of a busy worker is %v, want %v", key, worker[key], want)
		}
	}
}

func (d *daemon) wantMain(t *testing.T, reply map[string]any) {
	wantKeys(t, reply, "received_count", "control_count", "pid", "pool", "node_id")
	wantKeys(t, reply["pool"], "next_worker_id", "finished_count", "canceled_count", "retirement_count",
		"worker_ct", "running_ct", "active_task_ct", "usage")
	pool, _ := reply["pool"].(map[string]any)
	usage := map[string]any{
		"count": 1.0, "top5": map[string]any{"1": "blocked"},
		"near_worker_ct": map[string]any{"1": "blocked", "2": "absent", "3": "absent"},
	}
	for key, want := range map[string]any{"worker_ct": 1.0, "running_ct": 1.0, "active_task_ct": 2.0, "usage": usage} {
		if diff := cmp.Diff(want, pool[key]); diff != "" {
			t.Errorf("%s with one task running and one queued (-want +got):\n%s", key, diff)
		}
	}
	if reply["pid"] != float64(d.pid()) {
		t.Errorf("pid is %v, want the daemon's, %d", reply["pid"], d.pid())
	}
	received, _ := reply["received_count"].(float64)
	controls, _ := reply["control_count"].(float64)
	if received-controls != 4 {
		t.Errorf("%v messages with %v control requests were received, want 4 tasks", received, controls)
	}
}

func wantProducers(t *testing.T, reply map[string]any) {
	wantKeys(t, reply, "pg_notify-producer", "socket-producer", "control-producer", "node_id")
	for _, name := range []string{"pg_notify-producer", "socket-producer"} {
		producer, _ := reply[name].(map[string]any)
		for _, key := range []string{"produced_count", "uptime_seconds", "recycle_count"} {
			if n, ok := producer[key].(float64); !ok || n < 0 {
				t.Errorf("%s of %s is %v, want a number", key, name, producer[key])
			}
		}
	}
	producer, _ := reply["pg_notify-producer"].(map[string]any)
	wantKeys(t, producer["broker_self_check"], "enabled", "success_count", "average_time_seconds", "max_time_seconds")
}

func wantStatus(t *testing.T, reply map[string]any) {
	for command, check := range map[string]func(*testing.T, any){
		"running":   func(t *testing.T, v any) { wantKeys(t, v, "worker-0", "blocked-0", "queued-0", "delayed-0") },
		"workers":   func(t *testing.T, v any) { wantKeys(t, v, "worker-0") },
		"producers": func(t *testing.T, v any) { wantKeys(t, v, "pg_notify-producer", "socket-producer", "control-producer") },
		"main":      func(t *testing.T, v any) { wantKeys(t, v, "received_count", "control_count", "pid", "pool") },
	} {
		if reply[command] == nil {
			t.Errorf("status has no %s: %v", command, keys(t, reply))
			continue
		}
		check(t, reply[command])
	}
}
