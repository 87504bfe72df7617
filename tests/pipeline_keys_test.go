package tests

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// replyTo sends a request and returns its reply.
func (c *caller) replyTo(request string) map[string]any {
	c.t.Helper()
	c.send(request)
	var reply map[string]any
	decode(c.t, c.reply(), &reply)
	return reply
}

// shown returns the task with that uuid as running shows it, and under which key.
func (c *caller) shown(uuid string) (key string, message map[string]any) {
	c.t.Helper()
	reply := c.replyTo(fmt.Sprintf(`{"control": "running", "reply_to": "me", "control_data": {"uuid": %q}}`, uuid))
	delete(reply, "node_id")
	for key, value := range reply {
		if len(reply) == 1 {
			message, _ = value.(map[string]any)
			return key, message
		}
	}
	c.t.Fatalf("running shows %d tasks with the uuid %s, want 1: %v", len(reply), uuid, reply)
	return "", nil
}

func TestMessageOfTheOriginalIsShownWithItsKeysAndTheChannel(t *testing.T) {
	t.Parallel()
	d, db := startListening(t, withOriginal(t), "max_workers = 4", "jobs")
	c := d.connect() // connection 0
	for _, o := range d.brokers(db, "jobs") {
		path := d.file(o.name)
		published := o.ask(t, `
message, _ = submit_task(tasks.nap, args=[600, args[0]], kwargs={}, uuid=args[1], timeout=700,
    processor_options=[Blocker.Params(on_duplicate="serial"), Delayer.Params()])
answer(message)
`, path, o.name).(map[string]any)
		waitFile(t, path, 1)
		key, shown := c.shown(o.name)
		if !strings.HasPrefix(key, "worker-") {
			t.Errorf("the task is shown as %s, want that it runs: a delay of 0.0 is none", key)
		}
		want := map[string]any{
			"task": "app.tasks.nap", "args": []any{600.0, path}, "uuid": o.name, "timeout": 700.0,
			"on_duplicate": "serial", "delay": 0.0, "time_pub": published["time_pub"],
			"channel": map[string]string{"pg_notify": "jobs", "socket": "1"}[o.name],
		}
		if diff := cmp.Diff(want, shown); diff != "" {
			t.Errorf("a message over %s is shown (-want +got):\n%s", o.name, diff)
		}
	}
}

// unknownKeys is a message with keys that nobody here knows, and with some that others write.
const unknownKeys = `{"task": "app.tasks.nothing", "uuid": "all", "guid": "g-1", "time_pub": 5, "nested": {"a": [1, {"b": null}]},
 "callbacks": [{"task": "app.tasks.nothing", "uuid": "mine"}], "errbacks": [], "bind": false, "on_duplicate": "parallel",
 "reply_to": "nobody", "": 0, "channel": "forged"}`

func TestUnknownKeysTravelToTheWorkerAndAreShown(t *testing.T) {
	t.Parallel()
	line := strings.ReplaceAll(unknownKeys, "\n", "")
	var want map[string]any
	decode(t, line, &want)
	want["channel"] = "0"

	arrived := t.TempDir() + "/arrived"
	d := start(t, config(t, fmt.Sprintf("class = \"app.worker.Witness\"\nenv = { APP_HOOKS = %q }", arrived), "max_workers = 1"))
	c := d.connect()
	c.send(line)
	var got map[string]any
	decode(t, waitFile(t, arrived, 1)[0], &got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the worker got (-want +got):\n%s", diff)
	}

	waitFor(t, "the first to have ended", func() bool { return len(keys(t, d.ask("running"))) == 1 })
	c.send(strings.Replace(line, "{", `{"delay": 600, `, 1))
	want["delay"] = 600.0
	if _, shown := c.shown("all"); cmp.Diff(want, shown) != "" {
		t.Errorf("running shows (-want +got):\n%s", cmp.Diff(want, shown))
	}
}

func TestTasksFromInsideHaveNoChannel(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "", `
[[on_start]]
task = "app.tasks.nothing"
delay = "1h"
message = { guid = "g", uuid = "mine" }
[[schedule]]
task = "app.tasks.nothing"
delay = "1h"
every = "50ms"
`))
	c := d.connect()
	waitFor(t, "the schedule", func() bool {
		return len(c.replyTo(`{"control": "running", "reply_to": "me", "control_data": {"uuid": "sch-1"}}`)) == 2
	})
	c.replyTo(`{"control": "run", "reply_to": "me", "control_data": {"task": "app.tasks.nothing", "uuid": "by-run", "delay": 3600}}`)
	for uuid, want := range map[string]map[string]any{
		"on-start-0": {"task": "app.tasks.nothing", "uuid": "on-start-0", "delay": 3600.0, "guid": "g"},
		"sch-1":      {"task": "app.tasks.nothing", "uuid": "sch-1", "delay": 3600.0},
		"by-run":     {"task": "app.tasks.nothing", "uuid": "by-run", "delay": 3600.0},
	} {
		if _, shown := c.shown(uuid); cmp.Diff(want, shown) != "" {
			t.Errorf("%s is shown (-want +got):\n%s", uuid, cmp.Diff(want, shown))
		}
	}
}

func TestNullStaysTheUUID(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", ""))
	c := d.connect()
	c.send(`{"task": "app.tasks.nothing", "uuid": null, "delay": 600}`)
	shown, _ := c.replyTo(`{"control": "running", "reply_to": "me"}`)["delayed-0"].(map[string]any)
	if uuid, ok := shown["uuid"]; uuid != nil || !ok {
		t.Errorf("the task is shown as %v, want the uuid null", shown)
	}
}

// What comes in is counted, and the count before it names a task that has no uuid.
func TestInternalUUIDIsTheCountOfWhatWasReceivedBefore(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "", `
[[on_start]]
task = "app.tasks.nothing"
`))
	c := d.connect()
	main := func() (received, control float64) {
		reply := c.replyTo(`{"control": "main", "reply_to": "me"}`)
		received, _ = reply["received_count"].(float64)
		control, _ = reply["control_count"].(float64)
		return received, control
	}
	waitFor(t, "the task at the start", func() bool { received, control := main(); return received == control+1 })
	before, controls := main()
	held := `"task": "app.tasks.nothing", "delay": 600`
	c.send(
		`{`+held+`}`,                                             // counts on its arrival
		`[1]`, `5`, `null`, `{"task": "broken", "timeout": "x"}`, // count nothing
		`{"control": "alive"}`,                           // counts
		`{"control": "run", "control_data": {`+held+`}}`, // counts, and the task in it
		`{"__dispatcherd_chunk__": "v1", "message_id": "m", "index": 0, "total": 2, "payload": "{\"task\": \"app.tasks.nothing\", "}`,
		`{"__dispatcherd_chunk__": "v1", "message_id": "m", "index": 1, "total": 2, "payload": "\"delay\": 600}"}`, // count once
		`{`+held+`, "uuid": null}`, // counts and keeps its uuid
		`{`+held+`}`,
	)
	reply := c.replyTo(`{"control": "running", "reply_to": "me"}`)
	for i, n := range []float64{0, 3, 4, -1, 6} {
		shown, _ := reply[fmt.Sprintf("delayed-%d", i)].(map[string]any)
		want := any(nil)
		if n >= 0 {
			want = fmt.Sprintf("internal-%.0f", before+n)
		}
		if shown["uuid"] != want {
			t.Errorf("task %d has the uuid %v, want %v", i, shown["uuid"], want)
		}
	}
	after, afterControls := main()
	if after != before+9 || afterControls != controls+4 {
		t.Errorf("%v messages with %v control requests came to %v with %v, want 9 more with 4", before, controls, after, afterControls)
	}
}

func TestOnlyTrueBinds(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, `tasks = "any"`, ""))
	c := d.connect()
	for i, bind := range []string{`true`, `1`, `"true"`, `null`, `false`, ``} {
		path, uuid := d.file(fmt.Sprint(i)), fmt.Sprintf("u-%d", i)
		message := fmt.Sprintf(`{"task": "app.jobs.name_of", "args": [%q], "uuid": %q, "bind": %s}`, path, uuid, bind)
		if bind == "" {
			message = strings.Replace(message, `, "bind": `, "", 1)
		}
		c.send(message)
		want := "outcome=failed" // it misses its first argument
		if bind == "true" {
			want = "outcome=succeeded"
		}
		if line := d.ended(uuid); !strings.Contains(line, want) {
			t.Errorf("with bind %s the task ended so: %s", bind, line)
		}
	}
	if lines := waitFile(t, d.file("0"), 1); lines[0] != "u-0" {
		t.Errorf("the bound task wrote %q, want its uuid", lines)
	}
}

func TestTimeoutTrueIsASecondAndWhatIsFalseIsNone(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", ""))
	c := d.connect()
	c.replyTo(`{"control": "run", "reply_to": "me", "wait": true, "control_data": {"task": "app.tasks.nap", "args": [60], "timeout": true}}`)
	c.expect(`"outcome": "timed_out"`, `"detail": "timed out after 1s"`)
	for _, timeout := range []string{`null`, `false`, `0`, `0.0`, `""`, `[]`, `{}`} {
		c.replyTo(fmt.Sprintf(`{"control": "run", "reply_to": "me", "wait": true, "control_data": {"task": "app.tasks.nap", "args": [0.01], "timeout": %s}}`, timeout))
		c.expect(`"outcome": "succeeded"`)
	}
}

func TestDelayTrueIsASecondAndOneInThePastIsNone(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", ""))
	c := d.connect()
	path := d.file("clock")
	c.send(fmt.Sprintf(`{"task": "app.jobs.clock", "args": [%q], "delay": -5, "uuid": "past"}`, path))
	var first, second float64
	decode(t, waitFile(t, path, 1)[0], &first)
	c.send(fmt.Sprintf(`{"task": "app.jobs.clock", "args": [%q], "delay": true, "uuid": "true"}`, path))
	decode(t, waitFile(t, path, 2)[1], &second)
	if held := second - first; held < 1 {
		t.Errorf("a task with the delay true ran %.3f s after one with the delay -5, want at least 1", held)
	}
}

// A self-check of an original is a message on a channel of its own. Where one gets
// here all the same, it is a task.
func TestSelfCheckOfAnotherBrokerRunsAsATask(t *testing.T) {
	t.Parallel()
	d, db := startListening(t, withOriginal(t)+"\ntasks = \"any\"", "", "jobs")
	for _, o := range d.brokers(db, "jobs") {
		o.run(t, `
for name, message in {
    "whole": {"self_check": True, "task": 'lambda: "broker_1b2c"'},
    "bare": {"self_check": True},
}.items():
    publisher.publish_message(message=json.dumps(dict(message, uuid=name + "-" + args[0])))
`, o.name)
		if line := d.ended("whole-" + o.name); !strings.Contains(line, "outcome=succeeded") {
			t.Errorf("a self-check over %s ended so: %s", o.name, line)
		}
		if line := d.ended("bare-" + o.name); !strings.Contains(line, "outcome=failed") {
			t.Errorf("a self-check without a task over %s ended so: %s", o.name, line)
		}
	}
	if again := d.figure("producers", "pg_notify-producer", "recycle_count"); again != 0 {
		t.Errorf("the connection was made again %d times, want never", again)
	}
}

func TestEmptyNotificationIsATaskThatFails(t *testing.T) {
	t.Parallel()
	d, db := startListening(t, "", "", "jobs")
	db.Exec(t, `NOTIFY jobs, ''; NOTIFY jobs, ' '`)
	waitFor(t, "2 tasks to fail", func() bool { return d.figure("main", "pool", "finished_count") == 2 })
	if failed := d.figure("tasks", "ended", "failed"); failed != 2 {
		t.Errorf("%d tasks have failed, want 2", failed)
	}
}
