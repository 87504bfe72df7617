package tests

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"dispatcherd/tests/postgres"
)

// permitting makes the daemon listen to the channel jobs and answer there as the option
// brokers.pg_notify.control says; "" leaves it out.
func permitting(db *postgres.Database, access string) string {
	text := fmt.Sprintf("[brokers.pg_notify]\nconninfo = %q\nchannels = [\"jobs\"]\n", db.ConnInfo())
	if access != "" {
		text += fmt.Sprintf("control = %q\n", access)
	}
	return text
}

func TestControlOverPostgresIsPermittedByAnOption(t *testing.T) {
	t.Parallel()
	reading, acting := []string{"alive", "running", "chunks"}, []string{"cancel", "run", "set_log_level"}
	for _, tt := range []struct {
		access, shown     string
		permitted, denied []string
	}{
		{"", "read", reading, acting},
		{"read", "read", reading, acting},
		{"all", "all", append(reading, acting...), nil},
		{"none", "none", nil, append(reading, acting...)},
	} {
		t.Run("control="+tt.access, func(t *testing.T) {
			t.Parallel()
			db := postgres.Shared(t).NewDatabase(t)
			d := start(t, config(t, withOriginal(t), "", permitting(db, tt.access), withMetrics))
			d.waitLog(lineListening)
			data := map[string]any{"task": "app.tasks.nothing", "level": "DEBUG", "uuid": "submitted"}
			over, beside := d.broker("pg_notify", db, "jobs"), d.broker("socket", db, "jobs")
			for _, command := range tt.permitted {
				if reply := over.control(t, command, data); reply["error"] != nil {
					t.Errorf("%s was answered %v", command, reply)
				}
			}
			rejected := d.metrics()[metricRejected]
			for _, command := range tt.denied {
				want := map[string]any{"node_id": "test", "error": fmt.Sprintf(
					`control request %q is refused: brokers.pg_notify.control is %q; set it to "all" to permit every command this way`, command, tt.shown)}
				if diff := cmp.Diff(want, over.control(t, command, data)); diff != "" {
					t.Errorf("%s (-want +got):\n%s", command, diff)
				}
			}
			denied := float64(len(tt.denied))
			if n := d.metrics()[metricRejected] - rejected; n != denied || d.log.count("control request is refused") != len(tt.denied) {
				t.Errorf("%v refusals were counted and %d logged, want %v", n, d.log.count("control request is refused"), denied)
			}
			for _, command := range append(reading, acting...) {
				if reply := beside.control(t, command, data); reply["error"] != nil {
					t.Errorf("%s over the socket was answered %v", command, reply)
				}
			}
		})
	}
}

func TestRefusedRequestHarmsNoTask(t *testing.T) {
	t.Parallel()
	db := postgres.Shared(t).NewDatabase(t)
	d := start(t, config(t, withOriginal(t), "", permitting(db, "")))
	d.waitLog(lineListening)
	held := d.hold("held")
	o := overPostgres(t, db, "jobs")
	o.run(t, `
control.control("cancel")
publisher.publish_message(message=json.dumps({"control": "cancel", "delay": 0.01}))
publisher.publish_message(message=json.dumps({"control": "run", "control_data": {"control": "cancel"}}))
`)
	d.waitLogs("control request is refused", 3)
	o.run(t, `submit_task(tasks.mark, args=args)`, d.file("marked"))
	waitFile(t, d.file("marked"), 1)
	held.letGo()
	held.wantEnd(0, "outcome: succeeded")
}

func TestDelayedControlRequestsRunLaterWithoutAReply(t *testing.T) {
	t.Parallel()
	d, db := startListening(t, withOriginal(t), "", "jobs")
	for i, o := range d.brokers(db, "jobs") {
		held := d.hold(o.name)
		o.run(t, `
publisher.publish_message(message=json.dumps({
    "control": "cancel", "delay": 0.5, "reply_to": "nobody", "uuid": "the request", "control_data": {"uuid": args[0]}}))
`, o.name)
		held.wantEnd(1, "outcome: cancelled")
		d.waitLogs(`msg="reply to a delayed control request is dropped" part=intake command=cancel`, i+1)
		if n := d.figure("tasks", "delayed"); n != 0 {
			t.Errorf("%d requests are still delayed", n)
		}
	}
	if n := d.log.count("reply to a delayed control request is dropped"); n != 2 {
		t.Errorf("the dropped replies are told %d times, want 2", n)
	}
	long := d.connect()
	long.send(`{"control": "cancel", "delay": 600, "uuid": "far"}`, `{"control": "running", "reply_to": "me", "control_data": {"uuid": "far"}}`)
	long.expect(`{"delayed-0": {"control": "cancel", "delay": 600, "uuid": "far", "channel": "`)
	long.send(`{"control": "cancel", "reply_to": "me", "control_data": {"uuid": "far"}}`)
	long.expect(`{"delayed-0": {"control": "cancel"`)
}

func TestNestedControlRequestRunsAndItsReplyIsDropped(t *testing.T) {
	t.Parallel()
	d, db := startListening(t, withOriginal(t), "", "jobs")
	for _, o := range d.brokers(db, "jobs") {
		held := d.hold(o.name)
		before := d.ask("main")
		nested := map[string]any{"control": "cancel", "reply_to": "nobody", "control_data": map[string]any{"uuid": o.name}}
		want := map[string]any{"ack": nested, "node_id": "test"}
		if diff := cmp.Diff(want, o.control(t, "run", nested)); diff != "" {
			t.Errorf("run over %s (-want +got):\n%s", o.name, diff)
		}
		held.wantEnd(1, "outcome: cancelled")
		after := d.ask("main")
		for key, more := range map[string]float64{"control_count": 3, "received_count": 3} { // and the second main
			b, _ := before[key].(float64)
			if a, _ := after[key].(float64); a-b != more {
				t.Errorf("over %s, %s has grown by %v, want %v", o.name, key, a-b, more)
			}
		}
	}
	if n := d.log.count("reply could not be"); n != 0 {
		t.Errorf("%d replies were tried to be sent", n)
	}
}

func TestSixtyFourBytesOfReplyToHarmNothing(t *testing.T) {
	t.Parallel()
	d, db := startListening(t, withOriginal(t), "", "jobs")
	o := overPostgres(t, db, "jobs")
	o.run(t, `
for reply_to in ["x" * 64, "ä" * 32, "x" * 100000]:
    publisher.publish_message(message=json.dumps({"control": "alive", "reply_to": reply_to}))
submit_task(tasks.mark, args=args)
`, d.file("marked"))
	waitFile(t, d.file("marked"), 1)
	lines := d.waitLogs("reply could not be published", 3)
	for _, line := range lines {
		if len(line) > 5000 || !strings.Contains(line, "level=WARN") {
			t.Errorf("the warning is %.200s", line)
		}
	}
	wantAlive(t, o.control(t, "alive", nil))
	if len(d.log.all("reply could not be published")) != 3 {
		t.Errorf("there are more warnings:\n%s", d.log)
	}
}
