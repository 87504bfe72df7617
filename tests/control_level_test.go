package tests

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLogLevelIsChangedWhileTheDaemonRuns(t *testing.T) {
	t.Parallel()
	d, db := startListening(t, withOriginal(t), "", "jobs") // its log level is debug
	for _, o := range d.brokers(db, "jobs") {
		replies := o.calls(t,
			call{"set_log_level", map[string]any{"level": " error "}},
			call{"set_log_level", map[string]any{"level": 15}},
			call{"set_log_level", map[string]any{"level": "warn"}},
			call{"set_log_level", map[string]any{"level": true}},
			call{"set_log_level", map[string]any{"level": "loud"}},
		)
		want := []map[string]any{
			{"logger": "dispatcherd", "level": "ERROR", "previous_level": "NOTSET", "node_id": "test"},
			{"logger": "dispatcherd", "level": "Level 15", "previous_level": "ERROR", "node_id": "test"},
			{"logger": "dispatcherd", "level": "WARNING", "previous_level": "Level 15", "node_id": "test"},
			{"error": `Log level must be provided as a string or int via the "level" key.`, "node_id": "test"},
			{"error": "Unknown log level 'loud'.", "node_id": "test"},
		}
		if diff := cmp.Diff(want, replies); diff != "" {
			t.Errorf("set_log_level over %s (-want +got):\n%s", o.name, diff)
		}
		printed := "printed below the level, over " + o.name
		d.task("app.tasks.shout", "--arg", quoted(printed))
		d.waitLog(printed) // what a task says is the task's
		changes := d.log.count("log level has changed")
		back := o.calls(t, call{"set_log_level", map[string]any{"level": "NOTSET"}}, call{"set_log_level", map[string]any{"level": "error"}},
			call{"set_log_level", map[string]any{"level": "NOTSET"}})
		if len(back) != 3 || back[0]["previous_level"] != "WARNING" || back[2]["previous_level"] != "ERROR" {
			t.Errorf("NOTSET over %s was answered %v", o.name, back)
		}
		// The change to ERROR is below that level already.
		d.waitLogs("log level has changed", changes+2)
		if lines := d.log.all("log level has changed"); len(lines) != changes+2 {
			t.Errorf("the log has %q, want no line of level info while the level is error", lines[changes:])
		}
	}
}
