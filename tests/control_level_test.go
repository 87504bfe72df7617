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
		d.task("app.tasks.shout", "--arg", quoted("below the level over "+o.name))
		back := map[string]any{"logger": "dispatcherd", "level": "NOTSET", "previous_level": "WARNING", "node_id": "test"}
		if diff := cmp.Diff(back, o.control(t, "set_log_level", map[string]any{"level": "NOTSET"})); diff != "" {
			t.Errorf("NOTSET over %s (-want +got):\n%s", o.name, diff)
		}
		d.task("app.tasks.shout", "--arg", quoted("above the level over "+o.name))
		d.waitLog("above the level over " + o.name)
		if n := d.log.count("below the level over " + o.name); n != 0 {
			t.Errorf("a line of level info was written at level warning:\n%s", d.log)
		}
	}
}
