package tests

import (
	"os"
	"strings"
	"testing"
)

// waitingEverywhere publishes, with the only worker taken, a task for each state
// that a task can be in before it has ended. Their uuids are those of the states.
func (d *daemon) waitingEverywhere(o original) {
	d.t.Helper()
	began := d.file("began")
	o.run(d.t, `
submit_task(tasks.nap, args=[600, args[0]], uuid="running")
`, began)
	waitFile(d.t, began, 1)
	o.run(d.t, `
submit_task(tasks.nap, args=[600, args[0]], uuid="blocked", processor_options=[Blocker.Params(on_duplicate="serial")])
submit_task(tasks.nothing, uuid="queued")
submit_task(tasks.nothing, uuid="delayed", processor_options=[Delayer.Params(delay=600)])
`, began)
	waitFor(d.t, "4 tasks to be accepted", func() bool { return d.figure("tasks", "accepted") == 4 })
}

func TestInteropCancelOfTheOriginalsControl(t *testing.T) {
	t.Parallel()
	for _, broker := range []int{0, 1} {
		d, db := startListening(t, withOriginal(t), "max_workers = 1", "jobs")
		o := d.brokers(db, "jobs")[broker]
		t.Run(o.name, func(t *testing.T) {
			t.Parallel()
			d.waitingEverywhere(o)
			// The one that runs goes last: it holds the others where they are.
			for _, tt := range []struct{ uuid, key string }{
				{"delayed", "delayed-0"}, {"queued", "queued-0"}, {"blocked", "blocked-0"}, {"running", "worker-0"},
			} {
				reply := o.control(t, "cancel", map[string]any{"uuid": tt.uuid})
				task, _ := reply[tt.key].(map[string]any)
				if len(reply) != 2 || task["uuid"] != tt.uuid {
					t.Errorf("cancel answered %v, want the task under %s and node_id", reply, tt.key)
				}
				if line := d.ended(tt.uuid); !strings.Contains(line, "outcome=cancelled") {
					t.Errorf("the task ended so: %s", line)
				}
				if left := o.control(t, "running", map[string]any{"uuid": tt.uuid}); len(left) != 1 {
					t.Errorf("after the cancel, running shows %v", left)
				}
			}
		})
	}
}

func TestInteropCancelOfTheOriginalWithoutFilterHitsAll(t *testing.T) {
	t.Parallel()
	d, db := startListening(t, withOriginal(t), "max_workers = 1", "jobs")
	o := overPostgres(t, db, "jobs")
	d.waitingEverywhere(o)
	if reply, _ := o.control(t, "cancel", nil)["error"].(string); !strings.Contains(reply, "cancel needs a filter") {
		t.Errorf("cancel without a filter was answered %q, which nothing permits", reply)
	}
	config, err := os.ReadFile(d.file("dispatcherd.toml"))
	if err != nil {
		t.Fatal(err)
	}
	d.rewrite(string(config) + "[control]\ncancel_without_filter = true\n")
	d.wantReload("control.cancel_without_filter")
	reply := o.control(t, "cancel", nil)
	for _, key := range []string{"worker-0", "blocked-0", "queued-0", "delayed-0"} {
		if _, ok := reply[key]; !ok {
			t.Errorf("cancel without a filter did not list %s: %v", key, reply)
		}
	}
	for _, uuid := range []string{"running", "blocked", "queued", "delayed"} {
		if line := d.ended(uuid); !strings.Contains(line, "outcome=cancelled") {
			t.Errorf("the task ended so: %s", line)
		}
	}
}

func TestInteropCancelWithoutReplyIsCarriedOut(t *testing.T) {
	t.Parallel()
	d, db := startListening(t, withOriginal(t), "max_workers = 2", "jobs")
	for _, tt := range []struct{ method, broker, code string }{
		{"control", "pg_notify", `control.control("cancel", data=args[0])`},
		{"acontrol", "pg_notify", `asyncio.run(control.acontrol("cancel", data=args[0]))`},
		{"control", "socket", `control.control("cancel", data=args[0])`},
	} {
		t.Run(tt.method+" over "+tt.broker, func(t *testing.T) {
			t.Parallel()
			uuid := tt.method + "-" + tt.broker
			h := d.hold(uuid)
			d.broker(tt.broker, db, "jobs").run(t, tt.code, map[string]any{"uuid": uuid})
			h.wantEnd(1, "outcome: cancelled")
			h.wantLines("began")
		})
	}
}
