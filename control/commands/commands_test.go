package commands

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dispatcherd/control"
	"dispatcherd/daemon/dispatch"
	"dispatcherd/daemon/message"
	"dispatcherd/workers"
)

// fake answers what the commands ask, and keeps what it was asked.
type fake struct {
	entries   []dispatch.Entry
	filter    dispatch.Filter
	infos     []workers.Info
	submitted *message.Message
	watch     chan<- dispatch.Ended
	refuse    error
	metrics   map[string]any
}

func (f *fake) Tasks(_ context.Context, filter dispatch.Filter) ([]dispatch.Entry, error) {
	f.filter = filter
	return f.entries, f.refuse
}

func (f *fake) Cancel(ctx context.Context, filter dispatch.Filter) ([]dispatch.Entry, error) {
	return f.Tasks(ctx, filter)
}

func (f *fake) Stats(context.Context) (dispatch.Stats, error) {
	return dispatch.Stats{Accepted: 3, Running: 1, Queued: 2, Ended: map[dispatch.Outcome]uint64{dispatch.Failed: 4}}, f.refuse
}

// fakePool is apart from fake because both have Stats.
type fakePool struct{ *fake }

func (p fakePool) Workers() []workers.Info { return p.infos }

func (p fakePool) Stats() workers.Stats {
	return workers.Stats{NextID: 7, Busy: 1, Counts: workers.Counts{
		Succeeded: 10, Failed: 2, Cancelled: 3, TimedOut: 4, Died: 5, Retired: 6,
	}}
}

func (f *fake) Submit(_ context.Context, m *message.Message, watch chan<- dispatch.Ended) error {
	f.submitted, f.watch = m, watch
	return f.refuse
}

func (f *fake) Main() (received, controls uint64) { return 20, 8 }
func (f *fake) Producers() map[string]any         { return map[string]any{"socket-producer": map[string]any{}} }
func (f *fake) Metrics() map[string]any           { return f.metrics }
func (f *fake) Supervisor() map[string]any        { return map[string]any{"isolation": "cgroup"} }

func newTable(f *fake) *Table { return NewTable(f, fakePool{f}, f) }

func parse(t *testing.T, text string) *message.Message {
	t.Helper()
	m, err := message.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestTableIsWhatTheSpecsSay(t *testing.T) {
	t.Parallel()
	var specs []string
	for _, s := range control.Specs {
		specs = append(specs, s.Name)
	}
	slices.Sort(specs)
	if diff := cmp.Diff(specs, slices.Sorted(maps.Keys(table))); diff != "" {
		t.Errorf("control.Specs and the table differ: -specs +table\n%s", diff)
	}
}

func TestUnknownCommandsGetTheOriginalsWords(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"nonsense", "logging", "__class__"} {
		got := newTable(&fake{}).Do(t.Context(), name, Call{}).Reply
		if diff := cmp.Diff(map[string]any{"error": "No control method " + name}, got); diff != "" {
			t.Errorf("Do(%q): -want +got\n%s", name, diff)
		}
	}
}

func TestCommandWithoutANameSaysWhatControlMustBe(t *testing.T) {
	t.Parallel()
	got := newTable(&fake{}).Do(t.Context(), "", Call{}).Reply
	if diff := cmp.Diff(map[string]any{"error": "control must be a string, the name of a command"}, got); diff != "" {
		t.Errorf("Do without a name: -want +got\n%s", diff)
	}
}

func TestRunningListsWholeMessagesAndNothingElse(t *testing.T) {
	t.Parallel()
	m := parse(t, `{"task": "a.b", "uuid": "u", "args": [1.50, 12345678901234567890123, NaN], "extra": true}`)
	f := &fake{entries: []dispatch.Entry{
		{State: dispatch.Running, Worker: 4, Message: m},
		{State: dispatch.Delayed, Index: 2, Worker: -1, Message: m},
	}}
	got := newTable(f).Do(t.Context(), "running", Call{Data: []byte(`{"task": "a.b", "args": [1]}`)}).Reply
	whole := map[string]any{
		"task": "a.b", "uuid": "u", "extra": true,
		"args": []any{message.Number("1.50"), message.Number("12345678901234567890123"), message.Number("NaN")},
	}
	if diff := cmp.Diff(map[string]any{"worker-4": whole, "delayed-2": whole}, got); diff != "" {
		t.Errorf("running: -want +got\n%s", diff)
	}
	if diff := cmp.Diff(dispatch.Filter{Task: "a.b", Args: []byte("[1]")}, f.filter); diff != "" {
		t.Errorf("filter: -want +got\n%s", diff)
	}
}

func TestWorkersHaveTheOriginalsShape(t *testing.T) {
	t.Parallel()
	f := &fake{infos: []workers.Info{
		{ID: 0, PID: 100, State: workers.Busy, Task: &workers.Task{Name: "a.b"}, Interrupted: true, Finished: 3, Created: time.Now()},
		{ID: 1, State: workers.Starting, Created: time.Now()},
	}}
	got := newTable(f).Do(t.Context(), "workers", Call{}).Reply
	for _, w := range got {
		delete(w.(map[string]any), "age")
	}
	want := map[string]any{
		"worker-0": map[string]any{
			"worker_id": 0, "pid": 100, "status": "ready", "finished_count": 3, "current_task": "a.b",
			"current_task_uuid": "<unknown>", "active_cancel": true,
		},
		"worker-1": map[string]any{
			"worker_id": 1, "pid": nil, "status": "starting", "finished_count": 0, "current_task": nil,
			"current_task_uuid": nil, "active_cancel": false,
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("workers: -want +got\n%s", diff)
	}
}

func TestMainCountsAsTheOriginalDoes(t *testing.T) {
	t.Parallel()
	got := newTable(&fake{}).Do(t.Context(), "main", Call{}).Reply
	delete(got, "pid")
	want := map[string]any{
		"received_count": uint64(20), "control_count": uint64(8),
		// What was interrupted or died counts as canceled there.
		"pool": map[string]any{"next_worker_id": 7, "finished_count": 12, "canceled_count": 12, "retirement_count": 6},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("main: -want +got\n%s", diff)
	}
}

func TestMetricsTellsWhetherThereIsAPage(t *testing.T) {
	t.Parallel()
	page := map[string]any{"host": "localhost", "port": 8070}
	for _, tt := range []struct{ page, want map[string]any }{
		{nil, map[string]any{"enabled": false}},
		{page, map[string]any{"enabled": true, "status": page}},
	} {
		got := newTable(&fake{metrics: tt.page}).Do(t.Context(), "metrics", Call{}).Reply
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("metrics: -want +got\n%s", diff)
		}
	}
}

func TestStatusHoldsTheOtherCommands(t *testing.T) {
	t.Parallel()
	got := newTable(&fake{}).Do(t.Context(), "status", Call{}).Reply
	want := []string{"main", "pool", "producers", "running", "supervisor", "tasks", "workers"}
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(got))); diff != "" {
		t.Errorf("keys of status: -want +got\n%s", diff)
	}
}

func TestRunSubmitsAndAcknowledges(t *testing.T) {
	t.Parallel()
	f := &fake{}
	const sent = `{"uuid": "u", "task": "a.b"}`
	answer := newTable(f).Do(t.Context(), "run", Call{Data: []byte(sent), Wait: true})
	want := map[string]any{"ack": map[string]any{"task": "a.b", "uuid": "u"}}
	if diff := cmp.Diff(want, answer.Reply); diff != "" {
		t.Errorf("run: -want +got\n%s", diff)
	}
	if f.submitted == nil || f.submitted.Task != "a.b" {
		t.Fatalf("submitted %+v, want a.b", f.submitted)
	}
	if got := string(f.submitted.Body); got != sent {
		t.Errorf("the worker would get %s, want %s, with its keys in their order", got, sent)
	}
	f.watch <- dispatch.Ended{UUID: "u"}
	if e := <-answer.Ended; e.UUID != "u" {
		t.Errorf("the end that was waited for is %+v, want that of u", e)
	}
}

func TestBadRequestsAreAnsweredWithOneLine(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ command, data, want string }{
		{"run", `[1]`, "control_data must be an object"},
		{"run", `"text"`, "control_data must be an object"},
		{"run", `{"control": "alive"}`, "run takes a task, not a control request"},
		{"run", `{"task": "a.b", "timeout": "x"}`, "timeout: must be a number of seconds, got a string"},
		{"running", `[1]`, "control_data must be an object"},
		{"running", `{"uuid": 5}`, "control_data: uuid must be a string"},
		{"cancel", `{"task": []}`, "control_data: task must be a string"},
	} {
		f := &fake{}
		got := newTable(f).Do(t.Context(), tt.command, Call{Data: []byte(tt.data)}).Reply
		if diff := cmp.Diff(map[string]any{"error": tt.want}, got); diff != "" {
			t.Errorf("%s %s: -want +got\n%s", tt.command, tt.data, diff)
		}
		if f.submitted != nil {
			t.Errorf("%s %s submitted %+v", tt.command, tt.data, f.submitted)
		}
	}
}

func TestRefusedTaskIsAnsweredWithTheReason(t *testing.T) {
	t.Parallel()
	f := &fake{refuse: errors.New("the service is stopping")}
	got := newTable(f).Do(t.Context(), "run", Call{Data: []byte(`{"task": "a.b"}`)}).Reply
	if diff := cmp.Diff(map[string]any{"error": "task is not accepted: the service is stopping"}, got); diff != "" {
		t.Errorf("run: -want +got\n%s", diff)
	}
}

func TestEndedTellsOutcomeAndResult(t *testing.T) {
	t.Parallel()
	got := Ended(dispatch.Ended{
		UUID: "u", Task: "a.b", Outcome: dispatch.Succeeded, Result: []byte(`[1e400, "x"]`),
		RunTime: 1500 * time.Millisecond, Worker: 2,
	})
	want := map[string]any{"ended": map[string]any{
		"uuid": "u", "task": "a.b", "outcome": "succeeded", "detail": "", "run_time_seconds": 1.5, "worker": 2,
		"result": []any{message.Number("1e400"), "x"},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Ended: -want +got\n%s", diff)
	}
}
