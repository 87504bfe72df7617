package commands

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dispatcherd/control"
	"dispatcherd/daemon/dispatch"
	"dispatcherd/daemon/message"
	"dispatcherd/workers"
)

// at is when the tasks of these tests ended.
var at = time.Unix(1_700_000_000, 500_000_000)

// sparse is an end of which little is known.
func sparse(uuid string, o dispatch.Outcome) dispatch.Ended {
	return dispatch.Ended{UUID: uuid, Task: "a.b", Outcome: o, At: at, Worker: -1}
}

// told is the reply to a command as JSON.
func told(t *testing.T, f *fake, command, data string) string {
	t.Helper()
	return string(message.Encode(newTable(f).Do(t.Context(), command, Call{Data: []byte(data)}).Object()))
}

func TestEndedTellsTheVerdictAndTheResult(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		end  dispatch.Ended
		want string
	}{
		"all there is": {
			dispatch.Ended{
				UUID: "u", Task: "a.b", Outcome: dispatch.OOMKilled, Detail: "killed", Result: []byte(`[1e400, "x"]`), At: at, Worker: 2,
				RunTime: 1500 * time.Millisecond, QueueTime: 250 * time.Millisecond,
				Usage: workers.Usage{
					CPU: time.Second, MemoryPeak: 50, MemorySource: workers.PeakSampled, MemoryMax: 64, PIDsPeak: 3, Read: 4, Written: 5,
					Throttled: 2 * time.Second, OOMKills: 1, OOMVictim: "process 7", Leftovers: 2, LeftAlone: true,
				},
				Death: &workers.Death{Signal: syscall.SIGKILL, By: "the daemon", OOM: true},
			},
			`{"ended": {"cpu_seconds": 1.0, "death": {"by": "the daemon", "core": false, "out_of_memory": true, "signal": 9}, "detail": "killed", ` +
				`"ended_at": 1700000000.5, "left_alone": true, "leftovers": 2, "memory_max_bytes": 64, "memory_peak_bytes": 50, ` +
				`"memory_source": "sampled", "oom_kills": 1, "oom_victim": "process 7", "outcome": "oom_killed", "pids_peak": 3, ` +
				`"queue_time_seconds": 0.25, "read_bytes": 4, "result": [1e400, "x"], "run_time_seconds": 1.5, "task": "a.b", ` +
				`"throttled_seconds": 2.0, "uuid": "u", "worker": 2, "written_bytes": 5}}`,
		},
		"what nobody has measured is null": {
			sparse("u", dispatch.Discarded),
			`{"ended": {"cpu_seconds": null, "death": null, "detail": "", "ended_at": 1700000000.5, "left_alone": false, "leftovers": 0, ` +
				`"memory_max_bytes": null, "memory_peak_bytes": null, "memory_source": null, "oom_kills": 0, "oom_victim": null, ` +
				`"outcome": "discarded", "pids_peak": null, "queue_time_seconds": 0.0, "read_bytes": 0, "result": null, ` +
				`"run_time_seconds": 0.0, "task": "a.b", "throttled_seconds": 0.0, "uuid": "u", "worker": -1, "written_bytes": 0}}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, string(message.Encode(Ended(tt.end)))); diff != "" {
				t.Errorf("Ended: -want +got\n%s", diff)
			}
		})
	}
}

func TestDeathIsToldByWhatItWas(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		death *workers.Death
		want  string
	}{
		{nil, `null`},
		{&workers.Death{Unknown: true}, `null`},
		{&workers.Death{}, `{"exit_code": 0}`},
		{&workers.Death{Code: 3}, `{"exit_code": 3}`},
		{&workers.Death{Signal: syscall.SIGSEGV, Core: true}, `{"by": null, "core": true, "out_of_memory": false, "signal": 11}`},
	} {
		if got := string(message.Encode(death(tt.death))); got != tt.want {
			t.Errorf("the death %+v is told as %s, want %s", tt.death, got, tt.want)
		}
	}
}

// uuids are those of the verdicts in a reply, in order.
func uuids(t *testing.T, f *fake, data string) (all []string) {
	t.Helper()
	reply := newTable(f).Do(t.Context(), "history", Call{Data: []byte(data)}).Reply
	verdicts, ok := reply["ended"].([]any)
	if !ok {
		t.Fatalf("history with %s answers %v", data, reply)
	}
	for _, v := range verdicts {
		all = append(all, v.(map[string]any)["uuid"].(string))
	}
	return all
}

func TestHistoryListsTheLastEndsFirst(t *testing.T) {
	t.Parallel()
	f := &fake{}
	if got := told(t, f, "history", `{}`); got != `{"ended": [], "size": 3}` {
		t.Errorf("an empty history is %s", got)
	}
	other := sparse("4", dispatch.Failed)
	other.Task = "c.d"
	for _, e := range []dispatch.Ended{sparse("1", dispatch.Failed), sparse("2", dispatch.Failed), sparse("3", dispatch.TimedOut), other} {
		f.ended.Record(&e)
	}
	for data, want := range map[string][]string{
		`{}`: {"4", "3", "2"}, `{"limit": 2}`: {"4", "3"}, `{"limit": 0}`: nil, `{"limit": null}`: {"4", "3", "2"},
		`{"outcome": "failed"}`: {"4", "2"}, `{"task": "a.b"}`: {"3", "2"}, `{"task": "a.b", "outcome": "failed", "limit": 1}`: {"2"},
		`{"outcome": "never"}`: nil, `{"outcome": null, "task": ""}`: {"4", "3", "2"},
	} {
		if diff := cmp.Diff(want, uuids(t, f, data)); diff != "" {
			t.Errorf("history with %s: -want +got\n%s", data, diff)
		}
	}
}

func TestTaskTellsOfRunsThatStandAndThatHaveEnded(t *testing.T) {
	t.Parallel()
	f := &fake{entries: []dispatch.Entry{{State: dispatch.Running, Worker: 4, Since: time.Now(), Message: parse(t, `{"task": "a.b", "uuid": "u"}`)}}}
	f.History()
	for _, o := range []dispatch.Outcome{dispatch.Failed, dispatch.Succeeded} {
		e := sparse("u", o)
		f.ended.Record(&e)
	}
	reply := newTable(f).Do(t.Context(), "task", Call{Data: []byte(`{"uuid": "u"}`)}).Reply
	if got := string(f.filter.UUID); got != `"u"` {
		t.Errorf("the tasks were filtered by %s", got)
	}
	runs, _ := reply["runs"].([]any)
	var states []any
	for _, run := range runs {
		r := run.(map[string]any)
		states = append(states, []any{r["state"], r["outcome"], r["worker"]})
	}
	want := []any{[]any{"running", nil, 4}, []any{"ended", "succeeded", -1}, []any{"ended", "failed", -1}}
	if diff := cmp.Diff(want, states); diff != "" {
		t.Errorf("the runs: -want +got\n%s", diff)
	}
	f.entries = nil
	if got := told(t, f, "task", `{"uuid": "nobody"}`); got != `{"runs": []}` {
		t.Errorf("a uuid that nobody has is answered with %s", got)
	}
}

func TestBadQuestionsAboutEndsAreAnsweredWithOneLine(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ command, data, want string }{
		{"task", `{}`, "control_data: uuid must be that of a task"},
		{"task", `{"uuid": ""}`, "control_data: uuid must be that of a task"},
		{"task", `{"uuid": 5}`, "control_data: uuid must be a string"},
		{"task", `[]`, "control_data must be an object"},
		{"history", `{"limit": -1}`, "control_data: limit must be 0 or more"},
		{"history", `{"limit": "x"}`, "control_data: limit must be a whole number"},
		{"history", `{"task": 1}`, "control_data: task must be a string"},
		{"history", `{"outcome": ["failed"]}`, "control_data: outcome must be a string"},
	} {
		got := newTable(&fake{}).Do(t.Context(), tt.command, Call{Data: []byte(tt.data)})
		if diff := cmp.Diff(map[string]any{"error": tt.want}, got.Reply); diff != "" || !got.BadData {
			t.Errorf("%s with %s: -want +got\n%s", tt.command, tt.data, diff)
		}
	}
}

// The words that dispatcherctl offers are those that there are.
func TestOutcomesOfTheSpecAreAllOfATask(t *testing.T) {
	t.Parallel()
	var want []string
	for _, o := range dispatch.Outcomes {
		if o != dispatch.CarriedOut { // which is no task's
			want = append(want, string(o))
		}
	}
	for _, s := range control.Specs {
		for _, arg := range s.Args {
			if s.Name == "history" && arg.Name == "outcome" {
				if diff := cmp.Diff(want, arg.Choices); diff != "" {
					t.Errorf("-outcomes +choices\n%s", diff)
				}
				return
			}
		}
	}
	t.Error("history has no argument outcome")
}

func TestWorkersTellWhatTheyTakeWhereItIsAskedFor(t *testing.T) {
	t.Parallel()
	f := &fake{
		infos: []workers.Info{{ID: 1, State: workers.Ready}, {ID: 2, State: workers.Ready}, {ID: 3, State: workers.Starting}},
		memory: Memory{Workers: []WorkerMemory{
			{Worker: 1, Bytes: 5, Source: "cgroup", CPU: 1500 * time.Millisecond, Throttled: time.Second, Peak: 7, Max: 9, PIDs: 2, OOMKills: 1},
			{Worker: 2}, {Worker: 99, Bytes: 3},
		}},
	}
	taken := func(data string) map[string]string {
		reply := newTable(f).Do(t.Context(), "workers", Call{Data: []byte(data)}).Reply
		all := map[string]string{}
		for name, w := range reply {
			if u, ok := w.(map[string]any)["usage"]; ok {
				all[name] = string(message.Encode(u))
			}
		}
		return all
	}
	want := map[string]string{
		"worker-1": `{"cpu_seconds": 1.5, "memory_bytes": 5, "memory_max_bytes": 9, "memory_peak_bytes": 7, "memory_source": "cgroup", ` +
			`"oom_kills": 1, "pids": 2, "throttled_seconds": 1.0}`,
		"worker-2": `{"cpu_seconds": null, "memory_bytes": null, "memory_max_bytes": null, "memory_peak_bytes": null, "memory_source": null, ` +
			`"oom_kills": 0, "pids": null, "throttled_seconds": 0.0}`,
	}
	if diff := cmp.Diff(want, taken(`{"usage": true}`)); diff != "" {
		t.Errorf("what workers take: -want +got\n%s", diff)
	}
	for _, data := range []string{`{}`, `{"usage": false}`, `{"usage": null}`} {
		if got := taken(data); len(got) != 0 {
			t.Errorf("with %s workers tell %v", data, got)
		}
	}
	if got := told(t, f, "workers", `{"usage": 1}`); got != `{"error": "control_data: usage must be true or false"}` {
		t.Errorf("a usage of 1 is answered with %s", got)
	}
	f.refuse, f.memory = fmt.Errorf("no supervisor"), Memory{}
	if got := len(newTable(f).Do(t.Context(), "workers", Call{Data: []byte(`{"usage": true}`)}).Reply); got != 3 {
		t.Errorf("%d workers are listed where nobody measures, want 3", got)
	}
}
