package tests

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A task that is delayed is shown, and no duplicate of anything before its time has come.
func TestDelayedTaskOfTheOriginalMeetsItsEqualsWhenItsTimeHasCome(t *testing.T) {
	t.Parallel()
	d, db := startListening(t, withOriginal(t), "max_workers = 4", "jobs")
	c := d.connect()
	for _, o := range d.brokers(db, "jobs") {
		path := d.file(o.name)
		o.run(t, `
def submit(uuid, mode, delay=0.0):
    submit_task(tasks.nap, args=[600, args[0]], uuid=uuid + "-" + args[1],
        processor_options=[Blocker.Params(on_duplicate=mode), Delayer.Params(delay=delay)])

submit("waits", "serial", 1.0)
submit("goes", "discard", 1.0)
submit("far", "discard", 600)
submit("runs", "discard")
`, path, o.name)
		waitFile(t, path, 1)
		if line := d.ended("goes-" + o.name); !strings.Contains(line, "outcome=discarded") {
			t.Errorf("a delayed equal over %s ended so: %s", o.name, line)
		}
		for uuid, want := range map[string]string{"runs": "worker", "waits": "blocked", "far": "delayed"} {
			key, message := c.shown(uuid + "-" + o.name)
			if place, _, _ := strings.Cut(key, "-"); place != want || message["task"] != "app.tasks.nap" {
				t.Errorf("%s over %s is shown as %s %v, want it under %s", uuid, o.name, key, message, want)
			}
		}
	}
}

func TestUnknownModeOfTheOriginalsPublisherIsParallelWithAWarning(t *testing.T) {
	t.Parallel()
	d, db := startListening(t, withOriginal(t), "max_workers = 8", "jobs")
	for _, o := range d.brokers(db, "jobs") {
		path := d.file(o.name)
		o.run(t, `
for mode in ("never", None, 5, ["serial"]):
    publisher.publish_message(message=json.dumps({"task": "app.tasks.nap", "args": [600, args[0]], "on_duplicate": mode}))
`, path)
		waitFile(t, path, 4)
	}
	warnings := d.waitLogs("unknown on_duplicate counts as parallel", 8)
	for _, want := range []string{"on_duplicate=never", "on_duplicate=null", `on_duplicate="a number"`, `on_duplicate="a list"`} {
		found := 0
		for _, line := range warnings {
			if strings.Contains(line, want) && strings.Contains(line, "level=WARN") && strings.Contains(line, "uuid=internal-") {
				found++
			}
		}
		if found != 2 {
			t.Errorf("%d warnings with %s, want 2:\n%s", found, want, strings.Join(warnings, ""))
		}
	}
}

// badMessages are those that are dropped, with what is said about each.
var badMessages = []struct{ text, why string }{
	{`[1]`, "not an object"},
	{`5`, "not an object"},
	{`{"task": "app.tasks.nothing", "timeout": "hunter2"}`, "timeout: must be a number of seconds, got a string"},
	{`{"task": "app.tasks.nothing", "delay": "hunter2"}`, "delay: must be a number of seconds, got a string"},
	{`{"task": "app.tasks.nothing", "delay": Infinity}`, "delay: must be a finite number of seconds"},
	{`{"task": "app.tasks.nothing", "timeout": NaN}`, "timeout: must be a number of seconds, got NaN"},
	{`{"task": "app.tasks.nothing", "kwargs": {"password": "hunter2"}`, "not JSON"},
}

func TestBadMessagesOfTheOriginalsPublisherAreALineEachAndHarmNothing(t *testing.T) {
	t.Parallel()
	d, db := startListening(t, withOriginal(t), "", "jobs")
	h := d.hold("bystander", "--timeout", "600")
	texts := make([]string, len(badMessages))
	for i, b := range badMessages {
		texts[i] = b.text
	}
	for _, o := range d.brokers(db, "jobs") {
		before := d.log.count("message is dropped")
		o.run(t, `
for text in args[1]:
    publisher.publish_message(message=text)
tasks.nothing.apply_async(uuid=args[0])
`, o.name, texts)
		if line := d.ended(o.name); !strings.Contains(line, "outcome=succeeded") {
			t.Errorf("the task after them ended so: %s", line)
		}
		// Over the socket each has a connection of its own: they come in any order.
		lines := strings.Join(d.waitLogs("message is dropped", before+len(badMessages))[before:], "")
		for _, b := range badMessages {
			if !strings.Contains(lines, b.why) {
				t.Errorf("nothing says of %s that %q:\n%s", b.text, b.why, lines)
			}
		}
		if n := strings.Count(lines, "\n"); n != len(badMessages) {
			t.Errorf("%d lines over %s, want %d:\n%s", n, o.name, len(badMessages), lines)
		}
	}
	if n := d.log.count("hunter2"); n > 0 {
		t.Errorf("a value is in the log:\n%s", d.log)
	}
	if again := d.figure("producers", "pg_notify-producer", "recycle_count"); again != 0 {
		t.Errorf("the connection was made again %d times, want never", again)
	}
	h.letGo()
	h.wantEnd(0, "outcome: succeeded")
}

func TestOddValuesOfTheOriginalsPublisherArriveAsTheyAre(t *testing.T) {
	t.Parallel()
	d, db := startListening(t, withOriginal(t), "", "jobs")
	for n, o := range d.brokers(db, "jobs") {
		var texts, paths []string
		for i, v := range oddValues {
			path := d.file(fmt.Sprintf("%s-%d", o.name, i))
			texts = append(texts, fmt.Sprintf(`{"task": "forged", "task": "app.record.record", "args": [%q, %s], "kwargs": {"k": 0, "k": %s}}`, path, v.text, v.text))
			paths = append(paths, path)
		}
		o.run(t, `
for text in args[0]:
    # Once as it is, and once as the library writes it.
    publisher.publish_message(message=text)
    publisher.publish_message(message=json.dumps(json.loads(text)))
`, texts)
		waitFor(t, "all to have run", func() bool { return d.log.count("outcome=succeeded") == 2*(n+1)*len(texts) })
		for i, v := range oddValues {
			want := fmt.Sprintf("[[%s], {'k': %s}]", v.python, v.python)
			if diff := cmp.Diff(want, waitFile(t, paths[i], 1)[0]); diff != "" {
				t.Errorf("%s over %s (-want +got):\n%s", v.name, o.name, diff)
			}
		}
	}
}
