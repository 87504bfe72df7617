package tests

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRunningShowsMessagesAsTheyWereSent(t *testing.T) {
	t.Parallel()
	d, db := startListening(t, withOriginal(t), "max_workers = 1", "jobs")
	c := d.connect()
	for _, extra := range []string{`"uuid": "running", "args": [600.0, "began"]`,
		`"uuid": 5, "z": 1e2, "a": 1.50, "args": [600.0, "began"], "on_duplicate": "serial"`,
		`"uuid": null, "n": NaN, "i": 1234567890123456789012345678901234567890, "args": [1]`,
		`"uuid": "late", "s": "\ud800", "delay": 6e2`} {
		c.send(`{"task": "app.tasks.nap", ` + extra + `}`)
	}
	waitFile(t, d.file("began"), 1)
	c.send(`{"control": "running", "reply_to": "me"}`)
	got := strings.TrimSpace(c.reply())
	want := `{"worker-0": {"task": "app.tasks.nap", "uuid": "running", "args": [600.0, "began"], "channel": "0"}, ` +
		`"blocked-0": {"task": "app.tasks.nap", "uuid": 5, "z": 1e2, "a": 1.50, "args": [600.0, "began"], "on_duplicate": "serial", "channel": "0"}, ` +
		`"queued-0": {"task": "app.tasks.nap", "uuid": null, "n": NaN, "i": 1234567890123456789012345678901234567890, "args": [1], "channel": "0"}, ` +
		`"delayed-0": {"task": "app.tasks.nap", "uuid": "late", "s": "\ud800", "delay": 6e2, "channel": "0"}, ` +
		`"node_id": "test"}`
	if got != want {
		t.Errorf("running answered\n%s, want\n%s", got, want)
	}
	for _, o := range d.brokers(db, "jobs") {
		order := o.ask(t, `answer([[key, list(value) if isinstance(value, dict) else value] for key, value in control.control_with_reply("running", timeout=30)[0].items()])`)
		want := []any{
			[]any{"worker-0", []any{"task", "uuid", "args", "channel"}},
			[]any{"blocked-0", []any{"task", "uuid", "z", "a", "args", "on_duplicate", "channel"}},
			[]any{"queued-0", []any{"task", "uuid", "n", "i", "args", "channel"}},
			[]any{"delayed-0", []any{"task", "uuid", "s", "delay", "channel"}},
			[]any{"node_id", "test"},
		}
		if diff := cmp.Diff(want, order); diff != "" {
			t.Errorf("the order over %s (-want +got):\n%s", o.name, diff)
		}
	}
	for _, tt := range []struct{ filter, want string }{
		{`{"uuid": 5}`, "blocked-0"},
		{`{"uuid": 5.0}`, "blocked-0"},
		{`{"uuid": "5"}`, ""},
		{`{"uuid": 0}`, "worker-0 blocked-0 queued-0 delayed-0"},
		{`{"uuid": ["late"]}`, ""},
		{`{"task": {"a": 1}}`, ""},
		{`{"task": true}`, ""},
		{`{"args": [600, "began"]}`, "worker-0 blocked-0"},
		{`{"args": [true]}`, "queued-0"},
		{`{"kwargs": {"a": 1}}`, ""},
		{`{"channel": "no filter"}`, "worker-0 blocked-0 queued-0 delayed-0"},
	} {
		c.send(fmt.Sprintf(`{"control": "running", "reply_to": "me", "control_data": %s}`, tt.filter))
		reply := c.reply()
		for _, key := range []string{"worker-0", "blocked-0", "queued-0", "delayed-0"} {
			if got, want := strings.Contains(reply, fmt.Sprintf("%q: {", key)), strings.Contains(tt.want, key); got != want {
				t.Errorf("filter %s: %s is there: %v, want %v", tt.filter, key, got, want)
			}
		}
		if strings.Contains(reply, "error") {
			t.Errorf("filter %s is answered %s", tt.filter, reply)
		}
	}
	for _, data := range []string{`[1]`, `5`, `"text"`, `[]`, `0`, `false`} {
		for _, command := range []string{"running", "cancel", "run", "aio_tasks", "set_log_level", "memory_offenders"} {
			c.send(fmt.Sprintf(`{"control": %q, "reply_to": "me", "control_data": %s}`, command, data))
			if got, want := strings.TrimSpace(c.reply()), `{"error": "control_data must be an object", "node_id": "test"}`; got != want {
				t.Errorf("%s with %s is answered %s, want %s", command, data, got, want)
			}
		}
	}
	for _, name := range []string{`5`, `null`, `["alive"]`, `{}`, `true`} {
		c.send(fmt.Sprintf(`{"control": %s, "reply_to": "me"}`, name))
		c.expect(`{"error": "control must be a string, the name of a command", "node_id": "test"}`)
	}
	for _, name := range []string{"asyncio", "logging", "io", "logger", "DispatcherMain", "task_filter_match", "__class__", "_find_tasks", "ALIVE", "metrics "} {
		c.send(fmt.Sprintf(`{"control": %q, "reply_to": "me"}`, name))
		c.expect(fmt.Sprintf(`{"error": "No control method %s", "node_id": "test"}`, name))
	}
}

func TestCancelOfManyHitsEachOfThem(t *testing.T) {
	t.Parallel()
	d, db := startListening(t, withOriginal(t), "max_workers = 1", "jobs")
	held := d.hold("held")
	o := overPostgres(t, db, "jobs")
	o.run(t, `
for n in range(20):
    submit_task(tasks.nap, args=[n], uuid=f"queued {n}")
for n in range(20):
    submit_task(tasks.nap, args=[0], uuid=f"blocked {n}", processor_options=[Blocker.Params(on_duplicate="serial")])
`)
	waitFor(t, "41 tasks", func() bool { return d.figure("tasks", "accepted") == 41 })
	reply := o.control(t, "cancel", map[string]any{"task": "app.tasks.nap"})
	for n := range 20 {
		for _, key := range []string{fmt.Sprintf("queued-%d", n), fmt.Sprintf("blocked-%d", n)} {
			if reply[key] == nil {
				t.Errorf("cancel did not list %s", key)
			}
		}
	}
	wantKeys(t, o.control(t, "running", nil), "worker-0", "node_id")
	canceled := func() int {
		main := d.ask("main")
		pool, _ := main["pool"].(map[string]any)
		n, _ := pool["canceled_count"].(float64)
		return int(n)
	}
	if n := canceled(); n != 0 {
		t.Errorf("canceled_count is %d after tasks that waited were cancelled, want 0", n)
	}
	if reply := o.control(t, "cancel", map[string]any{"uuid": "held"}); reply["worker-0"] == nil {
		t.Errorf("cancel of the task that runs was answered %v", reply)
	}
	held.wantEnd(1, "outcome: cancelled")
	if n := canceled(); n != 1 {
		t.Errorf("canceled_count is %d after the task that ran was cancelled, want 1", n)
	}
}

func TestCancelIsAnsweredBeforeTheTaskHasStopped(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "max_workers = 1\nshutdown_grace = \"0s\"\ncancel_grace = \"3s\""))
	deaf := d.deafen("deaf")
	c := d.connect()
	c.send(`{"control": "cancel", "reply_to": "me", "control_data": {"uuid": "deaf"}}`)
	c.expect(`{"worker-0": {`)
	if !deaf.waits() {
		t.Error("the task has ended before the cancel was answered")
	}
	c.send(`{"control": "workers", "reply_to": "me"}`)
	c.expect(`"active_cancel": true`, `"current_task_uuid": "deaf"`)
	deaf.wantEnd(1, "outcome: cancelled")
}

func TestAckIsForWhatIsThenDiscardedAsWell(t *testing.T) {
	t.Parallel()
	d, db := startListening(t, withOriginal(t), "max_workers = 1", "jobs")
	d.hold("held")
	for _, o := range d.brokers(db, "jobs") {
		task := map[string]any{"task": "app.tasks.nothing", "uuid": o.name, "on_duplicate": "discard"}
		again := map[string]any{"task": "app.tasks.nothing", "uuid": o.name + " again", "on_duplicate": "discard"}
		for _, sent := range []map[string]any{task, again} {
			if diff := cmp.Diff(map[string]any{"ack": sent, "node_id": "test"}, o.control(t, "run", sent)); diff != "" {
				t.Errorf("run over %s (-want +got):\n%s", o.name, diff)
			}
		}
		if line := d.ended(fmt.Sprintf("%q", o.name+" again")); !strings.Contains(line, "outcome=discarded") {
			t.Errorf("the second one ended so: %s", line)
		}
	}
}
