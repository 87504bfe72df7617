package tests

import (
	"fmt"
	"strings"
	"testing"
)

// What is large takes its time, and harms nobody.
func TestInteropLargeRequestsAreAnswered(t *testing.T) {
	t.Parallel()
	d, db := startListening(t, withOriginal(t), "", "jobs")
	for way, size := range map[string]int{"socket": 10_000_000, "pg_notify": 1_000_000} {
		uuid := "large-" + strings.ReplaceAll(way, "_", "-")
		write(t, d.file(uuid), fmt.Sprintf(`{"text": %q}`, strings.Repeat("x", size)), 0o600)
		common := []string{"--config", "dispatcherd.toml", "--broker", way, "--timeout", "50"}
		a := runProgram(t, d.dir, "dispatcherctl", append(common, "run", "app.tasks.nothing", "--delay", "600", "--uuid", uuid, "--kwargs-file", uuid)...)
		a.want(t, 0, uuid+"\n", "")
		a = runProgram(t, d.dir, "dispatcherctl", append(common, "running", "--uuid", uuid, "-o", "json")...)
		if a.code != 0 || len(a.stdout) < size || a.stderr != "" {
			t.Errorf("running over %s ended with %d, %d bytes and %q, want 0 and %d", way, a.code, len(a.stdout), a.stderr, size)
		}
	}
	for _, o := range d.brokers(db, "jobs") {
		reply := fmt.Sprint(o.ask(t, `answer(control.control_with_reply("running", data={"task": "x" * 1_000_000}, timeout=50))`))
		if reply != "[map[node_id:test]]" {
			t.Errorf("the original's control over %s got %.300s", o.name, reply)
		}
	}
	d.ctl("alive").want(t, 0, "- node_id: test\n\n", "")
}
