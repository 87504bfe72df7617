package tests

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"dispatcherd/tests/postgres"
)

// shapes is a program that answers with the shape of the reply to each call: the
// names of the types in the place of values.
const shapes = `
def shape(value):
    if isinstance(value, dict):
        return {key: shape(v) for key, v in value.items()}
    if isinstance(value, list):
        return [shape(v) for v in value]
    return type(value).__name__

for call in args[0]:
    answer(shape(control.control_with_reply(call["command"], data=call["data"], timeout=30)))
`

// dropKeys drops keys of one object in the shape of a reply.
func dropKeys(t *testing.T, shape any, object string, names ...string) {
	t.Helper()
	replies, _ := shape.([]any)
	reply, _ := replies[0].(map[string]any)
	inner, ok := reply[object].(map[string]any)
	if !ok {
		t.Fatalf("there is no %s in %v", object, reply)
	}
	for _, name := range names {
		delete(inner, name)
	}
}

// The original's own service answers the same calls beside ours.
func TestRepliesHaveTheShapesOfTheOriginalsService(t *testing.T) {
	t.Parallel()
	db := postgres.Shared(t).NewDatabase(t)
	d := start(t, config(t, withOriginal(t), "max_workers = 1", listening(db, "jobs")))
	d.waitLog(lineListening)
	d.waitLog("worker process started")
	waitFor(t, "the worker", func() bool { return d.figure("pool", "ready") == 1 })
	calls := []call{
		{"alive", nil},
		{"workers", nil},
		{"producers", nil},
		{"main", nil},
		{"chunks", nil},
		{"set_log_level", map[string]any{"level": "DEBUG"}},
		{"set_log_level", map[string]any{"level": "loud"}},
		{"set_log_level", nil},
		{"run", map[string]any{"task": "app.tasks.nothing", "delay": 600, "uuid": "later", "args": []any{1, 2.5, nil}}},
		{"running", nil},
		{"cancel", map[string]any{"uuid": "later"}},
		{"running", nil},
		{"nonsense", nil},
		{"__class__", nil},
		{"_find_tasks", nil},
	}
	theirs := startOriginal(t, db)
	for i, ours := range d.brokers(db, "jobs") {
		t.Run(ours.name, func(t *testing.T) {
			want, got := theirs[i].run(t, shapes, calls), ours.run(t, shapes, calls)
			for n, c := range calls {
				switch c.Command {
				case "producers": // these two are ours
					dropKeys(t, got[n], "pg_notify-producer", "connected", "last_error")
				case "main": // what later releases of the original count is not this test's subject
					newer := []string{"worker_ct", "running_ct", "active_task_ct", "usage"}
					dropKeys(t, want[n], "pool", newer...)
					dropKeys(t, got[n], "pool", newer...)
				}
				if diff := cmp.Diff(want[n], got[n]); diff != "" {
					t.Errorf("%s %v (-original +ours):\n%s", c.Command, c.Data, diff)
				}
			}
		})
	}
}

// The reply to status has the other commands under their names, and more.
func TestStatusHasAllThatTheOriginalsHas(t *testing.T) {
	t.Parallel()
	db := postgres.Shared(t).NewDatabase(t)
	d := start(t, config(t, withOriginal(t), "max_workers = 1", listening(db, "jobs"), withMetrics))
	d.waitLog(lineListening)
	theirs := startOriginal(t, db)
	for i, ours := range d.brokers(db, "jobs") {
		want, got := theirs[i].control(t, "status", nil), ours.control(t, "status", nil)
		delete(want, "metrics") // it has a test of its own
		delete(got, "metrics")
		missing := slices.DeleteFunc(slices.Collect(maps.Keys(want)), func(key string) bool { return got[key] != nil })
		if len(missing) > 0 {
			t.Errorf("over %s status lacks %v", ours.name, missing)
		}
		for key := range want {
			delete(got, key)
		}
		if diff := cmp.Diff([]string{"limits", "notes", "pool", "queue", "supervisor", "tasks", "unsafe"}, keys(t, got)); diff != "" {
			t.Errorf("over %s, what status has more (-want +got):\n%s", ours.name, diff)
		}
		if notes, ok := got["notes"].([]any); !ok || len(notes) != 0 {
			t.Errorf("notes of a configuration of ours are %v, want an empty list", got["notes"])
		}
	}
}

func TestAioTasksOfTheOriginalsControl(t *testing.T) {
	t.Parallel()
	d, db := startListening(t, withOriginal(t), "", "jobs")
	for _, o := range d.brokers(db, "jobs") {
		replies := o.calls(t, call{Command: "aio_tasks"}, call{"aio_tasks", map[string]any{"limit": 0}}, call{"aio_tasks", map[string]any{"limit": "all"}})
		all := replies[0]
		delete(all, "node_id")
		for name, value := range all {
			entry, _ := value.(map[string]any)
			stack, ok := entry["stack"].(string)
			wantKeys(t, value, "done", "stack")
			if entry["done"] != false || !ok || !strings.Contains(stack, name) || strings.Count(stack, "\n") > 7 {
				t.Errorf("over %s, %s is %v, want done false and a stack of at most 6 calls", o.name, name, value)
			}
		}
		for _, name := range []string{
			"dispatcherd_service_main", "results_task", "management_task", "delayed_task_runner",
			"dispatcherd.brokers.pg_notify_production", "dispatcherd.brokers.socket_production", "ScheduledProducer",
		} {
			if all[name] == nil {
				t.Errorf("over %s there is no %s among %v", o.name, name, slices.Sorted(maps.Keys(all)))
			}
		}
		if o.name == "socket" && all["socket_client_task_0"] == nil {
			t.Errorf("the connection that has asked is not among %v", slices.Sorted(maps.Keys(all)))
		}
		none := replies[1]
		delete(none, "node_id")
		for name, value := range none {
			entry, _ := value.(map[string]any)
			if stack, _ := entry["stack"].(string); !strings.HasPrefix(stack, "No stack for ") {
				t.Errorf("over %s, %s with limit 0 is %v", o.name, name, value)
			}
		}
		if want := "control_data: limit must be a whole number"; replies[2]["error"] != want {
			t.Errorf("over %s, a limit that is no number is answered %v, want %s", o.name, replies[2], want)
		}
	}
	if all := start(t, config(t, "", "", withMetrics)).ask("aio_tasks"); all["metrics_server"] == nil {
		t.Errorf("there is no metrics_server among %v", slices.Sorted(maps.Keys(all)))
	}
}

func TestChunksShowsWhatIsNotComplete(t *testing.T) {
	t.Parallel()
	d, db := startListening(t, withOriginal(t), "", "jobs")
	c := d.connect()
	lines := d.figure("producers", "socket-producer", "produced_count")
	chunk := func(id string, index, total any, payload string) string {
		return fmt.Sprintf(`{"__dispatcherd_chunk__":"v1","message_id":%q,"index":%v,"total":%v,"payload":%q}`, id, index, total, payload)
	}
	c.send(
		chunk("whole", 1, 2, `app.tasks.nothing"}`), chunk("whole", 0, 2, `{"task": "`), // 1 message
		chunk("half", 2, 3, "äöü"), chunk("half", 0, 3, `{"task`),
		chunk("bad", `"x"`, 3, "x"), `{"__dispatcherd_chunk__": "v2"}`,
	)
	c.alive() // all were taken
	// And the two questions of figure, of which the first was counted with the lines before.
	if n := d.figure("producers", "socket-producer", "produced_count") - lines; n != 6+2 {
		t.Errorf("produced_count has grown by %d lines, want one for each of 6 chunks and 2 requests", n)
	}
	for _, o := range d.brokers(db, "jobs") {
		reply := o.control(t, "chunks", nil)
		partials, _ := reply["partials"].(map[string]any)
		half, _ := partials["half"].(map[string]any)
		if age, ok := half["seconds_since_start"].(float64); !ok || age <= 0 {
			t.Errorf("over %s, the age is %v, want more than 0 seconds", o.name, half["seconds_since_start"])
		}
		delete(half, "seconds_since_start")
		want := map[string]any{
			"status": map[string]any{
				"total_chunks_received": 6.0, "successful_assemblies": 1.0, "errored_assemblies": 2.0,
				"timed_out_assemblies": 0.0, "active_messages": 1.0,
			},
			"partials": map[string]any{"half": map[string]any{"expected_total": 3.0, "chunks": []any{
				map[string]any{"chunk_id": 0.0, "length": 6.0}, map[string]any{"chunk_id": 2.0, "length": 3.0},
			}}},
			"node_id": "test",
		}
		if diff := cmp.Diff(want, reply); diff != "" {
			t.Errorf("chunks over %s (-want +got):\n%s", o.name, diff)
		}
	}
}

func TestProducersAreThoseThatAreConfigured(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "", `
[[schedule]]
task = "app.tasks.nothing"
every = "50ms"
[[on_start]]
task = "app.tasks.nothing"
`))
	d.ctl("run", "app.tasks.nothing")
	var reply map[string]any
	count := func(producer string) float64 {
		p, _ := reply[producer].(map[string]any)
		n, _ := p["produced_count"].(float64)
		return n
	}
	waitFor(t, "two scheduled tasks", func() bool {
		reply = d.ask("producers")
		return count("scheduled-producer") >= 2
	})
	wantKeys(t, reply, "socket-producer", "scheduled-producer", "on-start-producer", "control-producer", "node_id")
	wantKeys(t, reply["socket-producer"], "produced_count", "uptime_seconds", "recycle_count")
	for _, name := range []string{"scheduled-producer", "on-start-producer", "control-producer"} {
		wantKeys(t, reply[name], "produced_count", "uptime_seconds")
	}
	if count("on-start-producer") != 1 || count("control-producer") != 1 || count("socket-producer") < 2 {
		t.Errorf("producers are %v, want one task of on_start and one of run", reply)
	}
}

func TestUptimeOfAProducerGoesOnOverALoss(t *testing.T) {
	t.Parallel()
	d, db := startListening(t, "", "", "jobs")
	uptime := func() float64 {
		producers := d.ask("producers")
		p, _ := producers["pg_notify-producer"].(map[string]any)
		up, _ := p["uptime_seconds"].(float64)
		return up
	}
	before := uptime()
	db.Terminate(t, "dispatcherd")
	waitFor(t, "a reconnection", func() bool { return d.figure("producers", "pg_notify-producer", "recycle_count") == 1 })
	if after := uptime(); after <= before || before <= 0 {
		t.Errorf("uptime was %v and is %v after the connection was lost, want it to go on", before, after)
	}
}
