package tests

import (
	"os"
	"testing"

	"dispatcherd/tests/postgres"
)

// The client waits for a second by default.
func TestControlIsAnsweredAtOnceWhileWorkersStart(t *testing.T) {
	t.Parallel()
	db := postgres.Shared(t).NewDatabase(t)
	d := start(t, config(t, withOriginal(t), "min_workers = 4\nmax_workers = 4", listening(db, "jobs")), "APP_SLOW_IMPORT=600")
	d.waitLog(lineListening)
	waitFor(t, "the import", func() bool { _, err := os.Stat(d.file("importing")); return err == nil })
	for _, o := range d.brokers(db, "jobs") {
		for range 3 {
			if got := encode(t, o.ask(t, `answer(control.control_with_reply("alive"))`)); got != `[{"node_id":"test"}]` {
				t.Errorf("over %s it was answered %s", o.name, got)
			}
		}
	}
}

func TestOriginalsClientReturnsWhatCameInTime(t *testing.T) {
	t.Parallel()
	d, db := startListening(t, withOriginal(t), "", "jobs")
	for _, tt := range []struct{ broker, channel, code, want string }{
		{"pg_notify", "jobs", `answer(control.control_with_reply("alive", expected_replies=2, timeout=2))`, `[{"node_id":"test"}]`},
		{"pg_notify", "nobody", `answer(control.control_with_reply("alive", timeout=0.2))`, `[]`},
		{"pg_notify", "jobs", `answer(asyncio.run(control.acontrol_with_reply("alive", timeout=30)))`, `[{"node_id":"test"}]`},
		{"pg_notify", "jobs", `answer(asyncio.run(control.acontrol("alive")))`, `null`},
		{"socket", "jobs", `answer(control.control_with_reply("alive", timeout=30))`, `[{"node_id":"test"}]`},
		{"socket", "jobs", `answer(control.control("alive"))`, `null`},
		{"socket", "jobs", `
try:
    answer(control.control_with_reply("alive", expected_replies=2, timeout=0.2))
except TimeoutError:
    answer("TimeoutError")`, `"TimeoutError"`},
		{"socket", "jobs", `
try:
    asyncio.run(control.acontrol_with_reply("alive", timeout=30))
except TypeError as error:
    answer("channels" in str(error))`, `true`},
	} {
		t.Run(tt.broker+" "+tt.code, func(t *testing.T) {
			t.Parallel()
			if got := encode(t, d.broker(tt.broker, db, tt.channel).ask(t, tt.code)); got != tt.want {
				t.Errorf("the client returned %s, want %s", got, tt.want)
			}
		})
	}
	if n := d.log.count("level=ERROR"); n != 0 {
		t.Errorf("the log has %d errors:\n%s", n, d.log)
	}
}
