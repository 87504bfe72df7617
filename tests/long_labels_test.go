package tests

import (
	"fmt"
	"strings"
	"testing"
)

// TestLongLabelsDoNotMakeLongLogLines sends labels of 100 kB on every way that
// they can take into the log.
func TestLongLabelsDoNotMakeLongLogLines(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "max_workers = 1\ncancel_grace = \"1s\"", withMetrics))
	c := d.connect()
	long := strings.Repeat("é", 50_000)
	path := d.file("began")
	uuid := func(n int) string { return fmt.Sprintf("u%d-%s", n, long) }
	c.send(fmt.Sprintf(`{"task": "app.tasks.nap", "args": [60, %q], "uuid": %q}`, path, uuid(0)))
	waitFile(t, path, 1)
	c.send(`app.tasks.` + long) // waits, then is refused
	c.send(fmt.Sprintf(`{"task": %q}`, long))
	c.send(fmt.Sprintf(`{"task": "app.tasks.%s", "on_duplicate": "discard"}`, long), fmt.Sprintf(`{"task": "app.tasks.%s", "on_duplicate": "discard"}`, long))
	c.send(fmt.Sprintf(`{"task": "app.tasks.shout", "args": ["hello"], "uuid": %q, "on_duplicate": %q}`, uuid(1), long))
	c.send(fmt.Sprintf(`{"task": "app.tasks.unserialisable", "uuid": %q}`, uuid(2)))
	c.send(fmt.Sprintf(`{"task": "app.tasks.fail", "args": [%q], "uuid": %q}`, long, uuid(3)))
	c.send(fmt.Sprintf(`{"task": "app.tasks.nap", "args": [60], "uuid": %q, "timeout": 0.1}`, uuid(4)))
	c.send(fmt.Sprintf(`{"task": "app.tasks.leave", "args": [3], "uuid": %q}`, uuid(5)))
	c.send(fmt.Sprintf(`{"task": "app.tasks.nothing", "delay": 3600, "uuid": %q}`, uuid(6)))
	c.send(fmt.Sprintf(`{"__dispatcherd_chunk__": "v1", "message_id": %q, "index": 0, "total": 1, "payload": "["}`, long))
	c.send(fmt.Sprintf(`{"control": %q}`, long))
	c.send(fmt.Sprintf(`{"control": "running", "reply_to": "me", "control_data": {"uuid": %q}}`, uuid(0)))
	c.expect(`"worker-0": {`, `"u0-\u00e9\u00e9`) // whole, where it is asked for
	c.send(`{"control": "cancel", "reply_to": "me", "control_data": {"task": "app.tasks.nap"}}`)
	c.expect(`"worker-0": {`)
	d.waitMetric(metricEnded("exited"), 1)
	d.waitMetric(metricFailed, 3)
	for _, want := range []string{"task ended", "task is interrupted", "hello", "replaced by null", "unknown on_duplicate", "not carried out"} {
		d.waitLog(want)
	}
	d.stop()
	for _, line := range d.log.all("") {
		longest := 6000
		if strings.Contains(line, "stream=") {
			longest += 32 << 10 // a line that the task has printed
		}
		if len(line) > longest {
			t.Errorf("a line of the log has %d bytes: %.300s", len(line), line)
		}
		if strings.Contains(line, "msg=hello ") && len(line) > 600 {
			t.Errorf("a short line of output is logged with %d bytes: %.300s", len(line), line)
		}
	}
	if d.log.count("u5-éé") == 0 || d.log.count("exit code 3") == 0 {
		t.Errorf("the log does not tell the beginning of a long uuid:\n%.4000s", d.log)
	}
}
