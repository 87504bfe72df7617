package tests

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestInteropRunningOfTheOriginalFilters(t *testing.T) {
	t.Parallel()
	d, db := startListening(t, withOriginal(t), "max_workers = 1", "jobs")
	all := d.brokers(db, "jobs")
	d.waitingEverywhere(all[0])
	everything := []string{"worker-0", "blocked-0", "queued-0", "delayed-0", "node_id"}
	nap := []any{600.0, d.file("began")}
	filters := []struct {
		name   string
		filter map[string]any
		want   []string
	}{
		{"nothing", nil, everything},
		{"a task", map[string]any{"task": "app.tasks.nap"}, []string{"worker-0", "blocked-0", "node_id"}},
		{"a uuid", map[string]any{"uuid": "delayed"}, []string{"delayed-0", "node_id"}},
		{"args", map[string]any{"args": nap}, []string{"worker-0", "blocked-0", "node_id"}},
		{"args and a uuid", map[string]any{"args": nap, "uuid": "blocked"}, []string{"blocked-0", "node_id"}},
		{"kwargs that none has", map[string]any{"kwargs": map[string]any{"a": 1}}, []string{"node_id"}},
		{"no such task", map[string]any{"task": "app.tasks"}, []string{"node_id"}},
		{"what is false in Python", map[string]any{"task": "", "args": []any{}, "kwargs": nil}, everything},
	}
	var calls []call
	for _, f := range filters {
		calls = append(calls, call{"running", f.filter})
	}
	for _, o := range all {
		t.Run(o.name, func(t *testing.T) {
			replies := o.calls(t, calls...)
			for i, f := range filters {
				t.Run(f.name, func(t *testing.T) { wantKeys(t, replies[i], f.want...) })
			}
		})
	}
}

func TestInteropUnknownCommandOfTheOriginalIsAnsweredWithAnError(t *testing.T) {
	t.Parallel()
	d, db := startListening(t, withOriginal(t), "", "jobs")
	for _, o := range d.brokers(db, "jobs") {
		// "logging" is an accident of the original, where it ends the producer.
		replies := o.calls(t, call{Command: "nonsense"}, call{Command: "logging"}, call{Command: "alive"})
		want := []map[string]any{
			{"error": "No control method nonsense", "node_id": "test"},
			{"error": "No control method logging", "node_id": "test"},
			{"node_id": "test"},
		}
		if diff := cmp.Diff(want, replies); diff != "" {
			t.Errorf("over %s (-want +got):\n%s", o.name, diff)
		}
	}
}

func TestInteropRunOfTheOriginalsControlSubmitsATask(t *testing.T) {
	t.Parallel()
	d, db := startListening(t, withOriginal(t), "", "jobs")
	for _, o := range d.brokers(db, "jobs") {
		path := d.file(o.name)
		task := map[string]any{"task": "app.jobs.record", "args": []any{path}, "kwargs": map[string]any{"long": strings.Repeat("ö", 9000)}}
		want := map[string]any{"ack": task, "node_id": "test"}
		if diff := cmp.Diff(want, o.control(t, "run", task)); diff != "" {
			t.Errorf("run over %s (-want +got):\n%s", o.name, diff)
		}
		if lines := waitFile(t, path, 1); len(lines[0]) < 9000 {
			t.Errorf("the task over %s wrote %.100s", o.name, lines[0])
		}
	}
}

func TestInteropAllDaemonsOnAChannelAnswerTheOriginal(t *testing.T) {
	t.Parallel()
	_, _, db := startTwo(t)
	for _, tt := range []struct{ name, channel, code string }{
		{"control_with_reply", "both", `answer(control.control_with_reply("alive", expected_replies=2, timeout=30))`},
		{"acontrol_with_reply", "both", `answer(asyncio.run(control.acontrol_with_reply("alive", expected_replies=2, timeout=30)))`},
		{"a channel of its own", "nobody", `
other = get_control_from_settings(default_publish_channel="both")
answer(other.control_with_reply("alive", expected_replies=2, timeout=30))`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			replies, _ := overPostgres(t, db, tt.channel).ask(t, tt.code).([]any)
			if got, want := nodes(replies), []string{"north", "south"}; !slices.Equal(got, want) {
				t.Errorf("%v answered, want %v", got, want)
			}
		})
	}
}

// nodes are the sorted node_ids of replies.
func nodes(replies []any) (ids []string) {
	for _, r := range replies {
		reply, _ := r.(map[string]any)
		ids = append(ids, fmt.Sprint(reply["node_id"]))
	}
	slices.Sort(ids)
	return ids
}
