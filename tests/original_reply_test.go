package tests

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestInteropReplyLongerThanANotificationArrivesWhole(t *testing.T) {
	t.Parallel()
	d, db := startListening(t, withOriginal(t), "", "jobs")
	long := strings.Repeat(`"ä😀\`, 5000)
	overPostgres(t, db, "jobs").run(t, `submit_task(tasks.nap, args=[60, args[0]], kwargs={"unused": args[1]}, uuid="long", processor_options=[Delayer.Params(delay=600)])`,
		d.file("never"), long)
	waitFor(t, "the task to be accepted", func() bool { return d.figure("tasks", "delayed") == 1 })
	for _, tt := range []struct {
		name, broker, code string
	}{
		{"control_with_reply", "pg_notify", `answer(control.control_with_reply("running", timeout=30)[0])`},
		{"acontrol_with_reply", "pg_notify", `answer(asyncio.run(control.acontrol_with_reply("running", timeout=30))[0])`},
		{"control_with_reply", "socket", `answer(control.control_with_reply("running", timeout=30)[0])`},
	} {
		t.Run(tt.name+" over "+tt.broker, func(t *testing.T) {
			reply, _ := d.broker(tt.broker, db, "jobs").ask(t, tt.code).(map[string]any)
			task, _ := reply["delayed-0"].(map[string]any)
			if diff := cmp.Diff(map[string]any{"unused": long}, task["kwargs"]); diff != "" {
				t.Errorf("the task (-want +got):\n%.1000s", diff)
			}
		})
	}
}

func TestInteropEveryRequestOfABurstOverPostgresIsAnswered(t *testing.T) {
	t.Parallel()
	d, db := startListening(t, "", "", "jobs")
	got := overPostgres(t, db, "jobs").ask(t, `
broker = get_publisher_from_settings(channels=["answers"])

def burst():
    broker.get_connection().execute("""
        SELECT pg_notify('jobs', json_build_object('control', 'alive', 'reply_to', 'answers', 'control_data',
                                                   json_build_object('n', n))::text)
        FROM generate_series(1, 2000) AS n""")

answer(sum(1 for _ in broker.process_notify(connected_callback=burst, timeout=30, max_messages=2000)))
`)
	if got != 2000.0 {
		t.Errorf("%v of 2000 requests in one transaction were answered", got)
	}
	if n := d.log.count("reply could not be"); n != 0 {
		t.Errorf("%d replies could not be sent", n)
	}
}

func TestInteropTasksBehindARequestInOneTransactionAllRun(t *testing.T) {
	t.Parallel()
	d, db := startListening(t, "", "", "jobs")
	path := d.file("ran")
	db.Exec(t, fmt.Sprintf(`
SELECT pg_notify('jobs', CASE WHEN n %% 5 = 0 THEN json_build_object('control', 'alive', 'reply_to', 'nobody', 'control_data', json_build_object('n', n))
                              ELSE json_build_object('task', 'app.tasks.mark', 'args', json_build_array('%s', n::text)) END::text)
FROM generate_series(0, 49) AS n`, path))
	if lines := waitFile(t, path, 40); len(lines) != 40 {
		t.Errorf("%d of 40 tasks ran", len(lines))
	}
	if n := d.figure("tasks", "accepted"); n != 40 {
		t.Errorf("%d tasks were accepted, want 40", n)
	}
}

func TestInteropReplyToThatIsNoChannelIsOneLine(t *testing.T) {
	t.Parallel()
	d, db := startListening(t, "", "", "jobs")
	o := overPostgres(t, db, "jobs")
	o.run(t, `
for reply_to in ["x" * 64, "a\0b"]:
    publisher.publish_message(message=json.dumps({"control": "alive", "reply_to": reply_to}))
`)
	wantAlive(t, o.control(t, "alive", nil))
	const line = "reply could not be published"
	if n := d.log.count(line); n != 2 {
		t.Errorf("%q was logged %d times, want 2:\n%s", line, n, d.log)
	}
	if first := d.waitLog(line); !strings.Contains(first, "must be a channel name of 1 to 63 bytes") {
		t.Errorf("the line does not say what is wrong: %s", first)
	}
}
