package tests

import (
	"fmt"
	"strings"
	"testing"
)

// deep is a task with args that are nested so many times.
func deep(n int) string {
	return `{"task": "app.tasks.echo", "args": ` + strings.Repeat("[", n) + strings.Repeat("]", n) + "}"
}

func TestMessageThatIsNoneIsLoggedAndCountedAndTheNextIsHandled(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "", withMetrics))
	c := d.connect()
	for n, tt := range []struct{ name, message, why string }{
		{"a list", `[{"task": "app.tasks.nothing"}]`, "not an object"},
		{"a string", `"app.tasks.nothing"`, "not an object"},
		{"a number", `5`, "not an object"},
		{"null", `null`, "not an object"},
		{"a timeout that is text", `{"task": "app.tasks.nothing", "timeout": "x"}`, "timeout"},
		{"a timeout that is a list", `{"task": "app.tasks.nothing", "timeout": [1]}`, "timeout"},
		{"a timeout that is no number", `{"task": "app.tasks.nothing", "timeout": NaN}`, "timeout"},
		{"a delay that is text", `{"task": "app.tasks.nothing", "delay": "x"}`, "delay"},
		{"a delay that is an object", `{"task": "app.tasks.nothing", "delay": {"s": 1}}`, "delay"},
		{"an object that is not closed", `{"task": "app.tasks.nothing", "kwargs": {"password": "hunter2"`, "not JSON"},
		{"an object with more behind it", `{"task": "app.tasks.nothing", "kwargs": {"password": "hunter2"}} x`, "not JSON"},
		{"nested too deep", deep(5000), "nest"},
		{"a chunk without an id", `{"__dispatcherd_chunk__": "v1", "index": 0, "total": 2, "payload": "{"}`, "message_id must be a string"},
		{"a chunk whose id is a number", `{"__dispatcherd_chunk__": "v1", "message_id": 7, "index": 0, "total": 2, "payload": "{"}`, "message_id must be a string"},
		{"a chunk of another version", `{"__dispatcherd_chunk__": "v9", "message_id": "a", "index": 0, "total": 2, "payload": "{"}`, "must be"},
		{"a chunk whose index is text", `{"__dispatcherd_chunk__": "v1", "message_id": "a", "index": "0", "total": 2, "payload": "{"}`, "index must be an integer"},
		{"a chunk without a total", `{"__dispatcherd_chunk__": "v1", "message_id": "a", "index": 0, "payload": "{"}`, "total must be an integer"},
		{"a chunk whose payload is an object", `{"__dispatcherd_chunk__": "v1", "message_id": "a", "index": 0, "total": 1, "payload": {}}`, "payload must be a string"},
		{"chunks that join to a list", `{"__dispatcherd_chunk__": "v1", "message_id": "b", "index": 0, "total": 1, "payload": "[]"}`, "join 1 chunks"},
		{"chunks that join to nothing", `{"__dispatcherd_chunk__": "v1", "message_id": "c", "index": 0, "total": 1, "payload": "{"}`, "join 1 chunks"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := d.log.count("message is dropped")
			c.send(tt.message)
			c.alive()
			if got := d.metrics()[metricRejected]; got != float64(n+1) {
				t.Errorf("%s is %v, want %d", metricRejected, got, n+1)
			}
			lines := d.waitLogs("message is dropped", before+1)[before:]
			if len(lines) != 1 || !strings.Contains(lines[0], tt.why) || !strings.Contains(lines[0], "peer=") {
				t.Errorf("logged %q, want one line with %q and the peer", lines, tt.why)
			}
		})
	}
	path := d.file("ran")
	c.send(fmt.Sprintf(`{"task": "app.tasks.mark", "args": [%q]}`, path))
	waitFile(t, path, 1)
	for _, text := range []string{"app.tasks.nothing", "hunter2"} {
		if lines := d.log.all(text); len(lines) > 0 {
			t.Errorf("the log has what was in a dropped message: %q", lines)
		}
	}
}

func TestMessageThatIsNoRunnableTaskFailsAndTheNextIsHandled(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "", withMetrics))
	c := d.connect()
	for n, tt := range []struct{ name, message, why string }{
		{"no JSON", `this is {no JSON`, "is not the dotted name of a task"},
		{"a bare name of no task", `app.tasks.nonsense`, "nonsense"},
		{"an empty object", `{}`, "no \\\"task\\\""},
		{"a task that is a number", `{"task": 5}`, "task must be a string, got int"},
		{"a task that is null", `{"task": null}`, "task must be a string, got NoneType"},
		{"an empty name", `{"task": ""}`, "is not the dotted name of a task"},
		{"args that are text", `{"task": "app.tasks.echo", "args": "ab"}`, "args must be a list, got str"},
		{"args that are an object", `{"task": "app.tasks.echo", "args": {"a": 1}}`, "args must be a list, got dict"},
		{"args that are null", `{"task": "app.tasks.echo", "args": null}`, "args must be a list, got NoneType"},
		{"kwargs that are null", `{"task": "app.tasks.echo", "kwargs": null}`, "kwargs must be a dict, got NoneType"},
		{"kwargs that are a list", `{"task": "app.tasks.echo", "kwargs": [1]}`, "kwargs must be a dict, got list"},
		{"too many args", `{"task": "app.tasks.add", "args": [1, 2, 3]}`, "takes 2 positional arguments"},
		{"a module that is not there", `{"task": "no.such.module.task"}`, "No module named"},
		{"a number that Python does not read", `{"task": "app.tasks.echo", "args": [1` + strings.Repeat("0", 5000) + `]}`, "limit"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := d.log.count("outcome=failed")
			c.send(tt.message)
			c.alive()
			d.waitMetric(metricFailed, float64(n+1))
			lines := d.waitLogs("outcome=failed", before+1)[before:]
			if len(lines) != 1 || !strings.Contains(lines[0], tt.why) || !strings.Contains(lines[0], "uuid=internal-") {
				t.Errorf("logged %q, want one line with %q and the uuid", lines, tt.why)
			}
		})
	}
	path := d.file("ran")
	c.send(fmt.Sprintf(`{"task": "app.tasks.mark", "args": [%q]}`, path))
	waitFile(t, path, 1)
	if got := d.metrics()[metricRejected]; got != 0 {
		t.Errorf("%s is %v, want 0: each was taken for a task", metricRejected, got)
	}
}

func TestBadControlRequestIsAnsweredWithAnErrorAndTheNextIsHandled(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", ""))
	c := d.connect()
	for _, tt := range []struct{ name, request, want string }{
		{"an unknown command", `"control": "fly"`, "No control method fly"},
		{"the name of a module", `"control": "logging"`, "No control method logging"},
		{"the name of an attribute", `"control": "__class__"`, "No control method __class__"},
		{"an empty name", `"control": ""`, "control must be a string"},
		{"a number", `"control": 5`, "control must be a string"},
		{"null", `"control": null`, "control must be a string"},
		{"a list", `"control": ["alive"]`, "control must be a string"},
		{"an object", `"control": {"alive": true}`, "control must be a string"},
		{"control_data that is a list", `"control": "running", "control_data": [1]`, "control_data must be an object"},
		{"control_data that is text", `"control": "cancel", "control_data": "all"`, "control_data must be an object"},
		{"control_data that is a number", `"control": "run", "control_data": 5`, "control_data must be an object"},
		{"control_data that is true", `"control": "running", "control_data": true`, "control_data must be an object"},
		{"run of a bad timeout", `"control": "run", "control_data": {"task": "app.tasks.nothing", "timeout": "x"}`, "timeout"},
		{"run of a bad delay", `"control": "run", "control_data": {"task": "app.tasks.nothing", "delay": "x"}`, "delay"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c.send("{" + tt.request + `, "reply_to": "me"}`)
			c.expect(`"error": "`, tt.want, `"node_id": "test"`)
			before := d.log.count("was not carried out")
			c.send("{" + tt.request + "}")
			c.alive()
			if got := d.waitLogs("was not carried out", before+1)[before:]; len(got) != 1 || !strings.Contains(got[0], tt.want) {
				t.Errorf("without reply_to %q is logged, want one line with %q", got, tt.want)
			}
		})
	}
}
