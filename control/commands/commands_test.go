package commands

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dispatcherd/control"
	"dispatcherd/daemon/dispatch"
	"dispatcherd/daemon/history"
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
	noRun     bool
	level     *LogLevel
	notes     []string
	open      bool // a cancel needs no filter
	chunks    message.ChunkStats
	partials  []message.Partial
	memory    Memory
	metrics   map[string]any
	drained   []bool
	ended     *history.Ring // nil for an empty one
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

func (f *fake) Submit(_ context.Context, _ control.Caller, m *message.Message, watch chan<- dispatch.Ended) error {
	f.submitted, f.watch = m, watch
	return f.refuse
}

func (f *fake) Main() (received, controls uint64) { return 20, 8 }
func (f *fake) Producers() map[string]any         { return map[string]any{"socket-producer": map[string]any{}} }
func (f *fake) Metrics() map[string]any           { return f.metrics }
func (f *fake) Supervisor() map[string]any        { return map[string]any{"isolation": "cgroup"} }
func (f *fake) Limits() map[string]any            { return map[string]any{"max_workers": 4} }
func (f *fake) RunEnabled() bool                  { return !f.noRun }
func (f *fake) LogLevel() *LogLevel               { return f.level }
func (f *fake) Drain(_ context.Context, drain bool) error {
	f.drained = append(f.drained, drain)
	return f.refuse
}

func (f *fake) Reload(context.Context) (Reloaded, error) {
	return Reloaded{Changed: []string{"pool.max_workers"}, WorkersReplaced: true}, f.refuse
}

func (f *fake) Notes() []string { return f.notes }

func (f *fake) Unsafe() string { return "a key is unsafe" }

func (f *fake) CancelsWithoutFilter() bool { return f.open }

func (f *fake) History() *history.Ring {
	if f.ended == nil {
		f.ended = history.New(history.Config{Size: 3})
	}
	return f.ended
}

func (f *fake) Chunks() (message.ChunkStats, []message.Partial) { return f.chunks, f.partials }

func (f *fake) Memory(context.Context) (Memory, error) { return f.memory, f.refuse }

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
	const text = `{"task": "a.b", "uuid": "u", "args": [1.50, 12345678901234567890123, NaN], "extra": true, "b": 1, "a": 2}`
	m := parse(t, text)
	f := &fake{entries: []dispatch.Entry{
		{State: dispatch.Running, Worker: 4, Message: m},
		{State: dispatch.Delayed, Index: 2, Worker: -1, Message: m},
	}}
	got := message.Encode(newTable(f).Do(t.Context(), "running", Call{Data: []byte(`{"task": "a.b", "args": [1], "uuid": 5}`)}).Object())
	want := `{"worker-4": ` + text + `, "delayed-2": ` + text + `}`
	if string(got) != want {
		t.Errorf("running answered\n%s, want\n%s", got, want)
	}
	if diff := cmp.Diff(dispatch.Filter{Task: []byte(`"a.b"`), Args: []byte("[1]"), UUID: []byte("5")}, f.filter); diff != "" {
		t.Errorf("filter: -want +got\n%s", diff)
	}
}

func TestWorkersHaveTheOriginalsShape(t *testing.T) {
	t.Parallel()
	f := &fake{infos: []workers.Info{
		{ID: 0, PID: 100, State: workers.Busy, Task: &workers.Task{Name: "a.b"}, Interrupted: true, Finished: 3, Created: time.Now()},
		{ID: 1, State: workers.Starting, Created: time.Now()},
		{ID: 2, PID: 102, State: workers.Errored, Finished: 5, Created: time.Now(), Ended: time.Now(), Exit: "killed by SIGSEGV"},
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
			"worker_id": 1, "pid": nil, "status": "spawned", "finished_count": 0, "current_task": nil,
			"current_task_uuid": nil, "active_cancel": false,
		},
		"worker-2": map[string]any{
			"worker_id": 2, "pid": 102, "status": "error", "finished_count": 5, "current_task": nil,
			"current_task_uuid": nil, "active_cancel": false, "exit": "killed by SIGSEGV",
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
		"pool": map[string]any{
			"next_worker_id": 7, "finished_count": 12, "canceled_count": 12, "retirement_count": 6,
			"worker_ct": 1, "running_ct": 1, "active_task_ct": 1,
			"usage": map[string]any{"count": 0, "top5": map[string]any{}, "near_worker_ct": map[string]any{
				"1": "absent", "2": "absent", "3": "absent",
			}},
		},
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
	got := newTable(&fake{notes: []string{"a key has no effect"}}).Do(t.Context(), "status", Call{}).Reply
	if diff := cmp.Diff([]string{"a key has no effect"}, got["notes"]); diff != "" {
		t.Errorf("notes: -want +got\n%s", diff)
	}
	if got["unsafe"] != "a key is unsafe" {
		t.Errorf("unsafe is %v", got["unsafe"])
	}
	var want []string
	for _, s := range control.Specs {
		if !slices.Contains([]string{"alive", "cancel", "drain", "history", "memory", "memory_offenders", "reload", "run", "set_log_level", "status", "task"}, s.Name) {
			want = append(want, s.Name)
		}
	}
	if !slices.Contains(want, "aio_tasks") || !slices.Contains(want, "chunks") {
		t.Errorf("status is to hold only %v", want)
	}
	want = append(want, "pool", "queue", "supervisor", "limits", "unsafe", "notes") // these are ours
	slices.Sort(want)
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(got))); diff != "" {
		t.Errorf("keys of status: -want +got\n%s", diff)
	}
}

func TestRunSubmitsAndAcknowledges(t *testing.T) {
	t.Parallel()
	f := &fake{}
	const sent = `{"uuid": "u", "task": "a.b", "args": [1.0, "\ud800"]}`
	answer := newTable(f).Do(t.Context(), "run", Call{Data: []byte(sent), Wait: true})
	if got, want := string(message.Encode(answer.Object())), `{"ack": `+sent+`}`; got != want {
		t.Errorf("run answered %s, want %s", got, want)
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
		{"run", `{"task": "a.b", "timeout": "x"}`, "timeout: must be a number of seconds, got a string"},
		{"running", `[1]`, "control_data must be an object"},
		{"cancel", `5`, "control_data must be an object"},
		{"aio_tasks", `"x"`, "control_data must be an object"},
		{"aio_tasks", `{"limit": "6"}`, "control_data: limit must be a whole number"},
		{"aio_tasks", `{"limit": 1.5}`, "control_data: limit must be a whole number"},
		{"aio_tasks", `{"limit": 100000000000000000000}`, "control_data: limit must be a whole number"},
		{"set_log_level", `[]`, "control_data must be an object"},
		{"memory_offenders", `[]`, "control_data must be an object"},
		{"memory_offenders", `{"limit": -1}`, "control_data: limit must be 0 or more"},
		{"memory_offenders", `{"limit": true}`, "control_data: limit must be a whole number"},
		{"memory_offenders", `{"group_by": "module"}`, `control_data: group_by must be "type", which groups workers by their task`},
	} {
		f := &fake{}
		answer := newTable(f).Do(t.Context(), tt.command, Call{Data: []byte(tt.data)})
		if diff := cmp.Diff(map[string]any{"error": tt.want}, answer.Reply); diff != "" {
			t.Errorf("%s %s: -want +got\n%s", tt.command, tt.data, diff)
		}
		if bad := strings.HasPrefix(tt.want, "control_data"); answer.BadData != bad {
			t.Errorf("%s %s: BadData is %v, want %v", tt.command, tt.data, answer.BadData, bad)
		}
		if f.submitted != nil {
			t.Errorf("%s %s submitted %+v", tt.command, tt.data, f.submitted)
		}
	}
}

func TestRunWithoutAControlProducerIsRefusedInTheOriginalsWords(t *testing.T) {
	t.Parallel()
	f := &fake{noRun: true}
	const want = "A ControlProducer producer is not enabled. Add it to the list of producers in the service config to use this."
	for _, data := range []string{`{"task": "a.b"}`, `[1]`} {
		got := newTable(f).Do(t.Context(), "run", Call{Data: []byte(data)}).Reply
		if diff := cmp.Diff(map[string]any{"error": want}, got); diff != "" || f.submitted != nil {
			t.Errorf("run %s submitted %v: -want +got\n%s", data, f.submitted, diff)
		}
	}
}

func TestRunWithoutDataSubmitsATaskWithoutAName(t *testing.T) {
	t.Parallel()
	f := &fake{}
	answer := newTable(f).Do(t.Context(), "run", Call{})
	if got := string(message.Encode(answer.Object())); got != `{"ack": {}}` || f.submitted == nil || string(f.submitted.Body) != "{}" {
		t.Errorf("run answered %s and submitted %+v", got, f.submitted)
	}
}

func TestNobodyWaitsForTheEndOfANestedControlRequest(t *testing.T) {
	t.Parallel()
	f := &fake{}
	const nested = `{"control": "cancel", "reply_to": "me"}`
	answer := newTable(f).Do(t.Context(), "run", Call{Data: []byte(nested), Wait: true})
	if got := string(message.Encode(answer.Object())); got != `{"ack": `+nested+`}` {
		t.Errorf("run answered %s", got)
	}
	if answer.Ended != nil || f.watch != nil || f.submitted == nil || f.submitted.Control != "cancel" {
		t.Errorf("an end is waited for, or %+v was submitted", f.submitted)
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

func TestDrainAndItsEnd(t *testing.T) {
	t.Parallel()
	f := &fake{}
	for _, data := range [][]byte{nil, []byte(`{}`), []byte(`{"resume": false}`), []byte(`{"resume": true}`)} {
		reply := newTable(f).Do(t.Context(), "drain", Call{Data: data}).Reply
		if reply["running"] != 1 {
			t.Errorf("drain with %q answers %v, want what tasks does", data, reply)
		}
	}
	if diff := cmp.Diff([]bool{true, true, true, false}, f.drained); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for _, data := range []string{`{"resume": "yes"}`, `{"resume": null}`, `[]`} {
		if got := newTable(f).Do(t.Context(), "drain", Call{Data: []byte(data)}); !got.BadData {
			t.Errorf("drain with %s answers %v, want that the data is bad", data, got.Reply)
		}
	}
	if len(f.drained) != 4 {
		t.Error("a bad request was carried out")
	}
}

func TestReloadTellsWhatHasChanged(t *testing.T) {
	t.Parallel()
	want := map[string]any{"changed": []string{"pool.max_workers"}, "needs_restart": []string{}, "workers_replaced": true}
	if diff := cmp.Diff(want, newTable(&fake{}).Do(t.Context(), "reload", Call{}).Reply); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	refused := newTable(&fake{refuse: errors.New("nothing is changed: x")}).Do(t.Context(), "reload", Call{}).Reply
	if diff := cmp.Diff(map[string]any{"error": "nothing is changed: x"}, refused); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestCancelWithoutFilterMustBeMeant(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		data             string
		refused, permits bool
	}{
		{data: ``, refused: true},
		{data: `{}`, refused: true},
		{data: `{"uuid": "", "args": [], "kwargs": {}, "task": null}`, refused: true},
		{data: `{"other": 5}`, refused: true},
		{data: `{"all": 1}`, refused: true},
		{data: `{"all": true}`},
		{data: `{"args": [1]}`},
		{data: `{"task": "a.b"}`},
		{data: ``, permits: true},
		{data: `{"uuid": null}`, permits: true},
	} {
		f := &fake{entries: []dispatch.Entry{{Message: parse(t, `{"uuid": "u"}`)}}, open: tt.permits}
		call := Call{}
		if tt.data != "" {
			call.Data = []byte(tt.data)
		}
		answer := newTable(f).Do(t.Context(), "cancel", call)
		text, failed := answer.Reply["error"].(string)
		if failed != tt.refused || failed != strings.Contains(text, "cancel needs a filter") || failed == (len(answer.UUIDs) == 1) {
			t.Errorf("cancel of %q, permits = %v: %v", tt.data, tt.permits, answer)
		}
	}
}
