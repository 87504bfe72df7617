package tests

import (
	"fmt"
	"strings"
	"syscall"
	"testing"

	"dispatcherd/daemon/journal"
	"dispatcherd/daemon/journal/journaltest"
)

// end is how a task of a test ends, and what is to be told of that.
type end struct {
	outcome, task string
	death         string // as the verdict has it, in JSON; what is said of who has sent a signal is left out
	make          func(d *daemon, uuid string)
}

const (
	noDeath   = `null`
	byKill    = `{"core": false, "out_of_memory": false, "signal": 9}`
	byFault   = `{"core": false, "out_of_memory": false, "signal": 11}`
	byCode    = `{"exit_code": 3}`
	heldTask  = "app.tasks.hold"
	napSecond = "60"
)

// ends are all that a running daemon can be brought to on any machine.
var ends = []end{
	{"succeeded", "app.tasks.nothing", noDeath, func(d *daemon, uuid string) { d.task("app.tasks.nothing", "--uuid", uuid) }},
	{"failed", "app.tasks.fail", noDeath, func(d *daemon, uuid string) { d.task("app.tasks.fail", "--arg", quoted("boom"), "--uuid", uuid) }},
	{"killed", heldTask, byKill, func(d *daemon, uuid string) {
		h := d.hold(uuid)
		send(d.t, "the worker", d.busyWorker(), syscall.SIGKILL)
		h.wantEnd(1, "outcome: killed", "killed by SIGKILL")
	}},
	{"exited", "app.tasks.leave", byCode, func(d *daemon, uuid string) { d.task("app.tasks.leave", "--arg", "3", "--uuid", uuid) }},
	{"crashed", "app.tasks.segfault", byFault, func(d *daemon, uuid string) { d.task("app.tasks.segfault", "--uuid", uuid) }},
	{"timed_out", "app.tasks.nap", noDeath, func(d *daemon, uuid string) {
		d.task("app.tasks.nap", "--arg", napSecond, "--timeout", "0.2", "--uuid", uuid)
	}},
	{"cancelled", "app.tasks.deaf", byKill, func(d *daemon, uuid string) { // it swallows its cancel, and is killed
		h := d.deafen(uuid)
		d.ctl("cancel", "--uuid", uuid)
		h.wantEnd(1, "outcome: cancelled", killedAfter)
	}},
	{"lost", heldTask, noDeath, func(d *daemon, uuid string) {
		h := d.hold(uuid)
		send(d.t, "the supervisor", d.supervisor(), syscall.SIGKILL)
		h.wantEnd(1, "outcome: lost", "the supervisor ended")
	}},
}

// verdict is what dispatcherctl task tells of the only run with a uuid.
func (d *daemon) verdict(uuid string) map[string]any {
	d.t.Helper()
	a := d.ctl("task", uuid, "--output", "json")
	var replies []struct{ Runs []map[string]any }
	decode(d.t, a.stdout, &replies)
	if a.code != 0 || len(replies) != 1 || len(replies[0].Runs) != 1 {
		d.t.Fatalf("task %s: exit code %d\n%s%s", uuid, a.code, a.stdout, a.stderr)
	}
	return replies[0].Runs[0]
}

// wantTold checks what a daemon tells of the end of a run, wherever it can be asked.
func (d *daemon) wantTold(uuid string, want end) {
	d.t.Helper()
	got := d.verdict(uuid)
	death, _ := got["death"].(map[string]any)
	delete(death, "by")
	if got["state"] != "ended" || got["outcome"] != want.outcome || got["task"] != want.task || encode(d.t, got["death"]) != compact(want.death) {
		d.t.Errorf("%s is told as %v, want %s of %s, %s", uuid, got, want.outcome, want.task, want.death)
	}
	a := d.ctl("history", "--outcome", want.outcome, "--limit", "1", "--output", "table")
	if rows := strings.Split(a.stdout, "\n"); len(rows) != 3 || !strings.Contains(rows[1], " "+uuid+" ") || !strings.Contains(rows[1], " "+want.outcome+" ") {
		d.t.Errorf("history lists for %s\n%s%s", want.outcome, a.stdout, a.stderr)
	}
	figures := d.metrics()
	byTask := fmt.Sprintf("dispatcherd_task_ends_total{outcome=%q,task=%q}", want.outcome, want.task)
	if figures[metricEnded(want.outcome)] != 1 || figures[byTask] != 1 {
		d.t.Errorf("%s ended as %s counts as %v, and %s is %v, want 1", uuid, want.outcome, figures[metricEnded(want.outcome)], byTask, figures[byTask])
	}
}

// compact is JSON without blanks, as encode has it.
func compact(text string) string { return strings.NewReplacer(": ", ":", ", ", ",").Replace(text) }

func TestEveryEndIsToldWhereverItIsAskedFor(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "max_workers = 1\ncancel_grace = \"300ms\"", withMetrics))
	for _, e := range ends {
		uuid := "u-" + e.outcome
		e.make(d, uuid)
		d.wantTold(uuid, e)
	}
	if a := d.ctl("task", "nobody"); a.code != 1 || !strings.Contains(a.stderr, "no task with the uuid nobody") {
		t.Errorf("a uuid that nobody has: exit code %d\n%s%s", a.code, a.stdout, a.stderr)
	}
}

func TestTaskThatTheStopEndsIsAbandoned(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "max_workers = 2\nshutdown_grace = \"100ms\"\ncancel_grace = \"1h\"", withMetrics))
	obeys, ignores := d.hold("obeys"), d.deafen("ignores")
	d.tell(syscall.SIGTERM)
	obeys.wantEnd(1, "outcome: abandoned", "the service is stopping")
	d.wantTold("obeys", end{outcome: "abandoned", task: heldTask, death: noDeath}) // the drain goes on
	d.hurry(syscall.SIGINT)
	d.hurry(syscall.SIGTERM)
	ignores.wantEnd(1, "outcome: abandoned", "killed by SIGKILL")
	d.wantStop()
}

func TestTaskThatHasNotEndedIsToldByWhereItStands(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "max_workers = 1"))
	h := d.hold("running")
	c := d.connect()
	c.send(
		`{"task": "app.tasks.nothing", "uuid": "queued"}`,
		`{"task": "app.tasks.nothing", "uuid": "blocked", "on_duplicate": "serial"}`,
		`{"task": "app.tasks.nothing", "uuid": "delayed", "delay": 600}`,
	)
	c.alive()
	for _, state := range []string{"running", "queued", "blocked", "delayed"} {
		if got := d.verdict(state); got["state"] != state || got["uuid"] != state {
			t.Errorf("the task is told as %v, want it %s", got, state)
		}
	}
	d.ctl("cancel", "--all")
	h.wantEnd(1, "outcome: cancelled")
	for _, uuid := range []string{"running", "queued", "blocked", "delayed"} {
		if got := d.verdict(uuid); got["state"] != "ended" || got["outcome"] != "cancelled" {
			t.Errorf("%s is told as %v, want it cancelled", uuid, got)
		}
	}
}

func TestRepeatedUUIDIsToldWithEachOfItsRuns(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "max_workers = 1"))
	d.task("app.tasks.nothing", "--uuid", "same")
	d.task("app.tasks.fail", "--arg", quoted("boom"), "--uuid", "same")
	d.hold("same")
	a := d.ctl("task", "same", "--output", "json")
	var replies []struct {
		Runs []struct{ State, Outcome string }
	}
	decode(t, a.stdout, &replies)
	if got, want := fmt.Sprint(replies), "[{[{running } {ended failed} {ended succeeded}]}]"; got != want {
		t.Errorf("the runs are %s, want %s", got, want)
	}
	d.ctl("cancel", "--all")
}

func TestHistoryOfNoSizeKeepsNothing(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "", "[history]\nsize = 0\n"))
	if a := d.task("app.tasks.nothing", "--uuid", "gone"); a.code != 0 {
		t.Fatal(a.stderr)
	}
	if a := d.ctl("task", "gone"); a.code != 1 {
		t.Errorf("the task is told of:\n%s", a.stdout)
	}
	if got := d.ask("history"); got["size"] != 0.0 || encode(t, got["ended"]) != "[]" {
		t.Errorf("history tells %v", got)
	}
}

func TestJournalHasTheVerdictInFields(t *testing.T) {
	t.Parallel()
	d, record := startWithJournal(t, config(t, "", "max_workers = 1\ncancel_grace = \"300ms\""))
	for _, e := range ends {
		if e.outcome == "succeeded" { // which is no line at this level
			continue
		}
		e.make(d, "u-"+e.outcome)
		got := record.Wait(journaltest.Entry{journal.TaskUUID: "u-" + e.outcome, "MESSAGE": "task ended *"})
		if got["DISPATCHERD_OUTCOME"] != e.outcome || got["DISPATCHERD_TASK"] != e.task || got["DISPATCHERD_RUN_SECONDS"] == "" ||
			got["DISPATCHERD_QUEUE_SECONDS"] == "" {
			t.Errorf("the entry of %s is %v", e.outcome, got)
		}
		died := strings.Contains("killed exited crashed lost", e.outcome)
		if id := got["MESSAGE_ID"]; died != (id == journal.Events["task-died"]) {
			t.Errorf("the entry of %s has the MESSAGE_ID %q", e.outcome, id)
		}
		if e.outcome == "cancelled" && got["DISPATCHERD_KILLED_BY"] != "the daemon" {
			t.Errorf("the entry of %s says that %q was it, want the daemon", e.outcome, got["DISPATCHERD_KILLED_BY"])
		}
		if e.outcome == "timed_out" && (got["DISPATCHERD_CPU_SECONDS"] == "" || got["DISPATCHERD_MEMORY_PEAK_BYTES"] == "" || got["DISPATCHERD_MEMORY_SOURCE"] == "") {
			t.Errorf("the entry of %s has no cost: %v", e.outcome, got)
		}
	}
}

func TestVerdictHasTheCostOfThatTaskAlone(t *testing.T) {
	t.Parallel()
	for name, makes := range map[string]func(d *daemon){
		"after one that succeeds": func(d *daemon) {
			h := d.hold("fat", "--kwarg", "mebibytes=64")
			h.letGo()
			h.wantEnd(0, "outcome: succeeded")
		},
		"after one that ends with an exception": func(d *daemon) { // whose traceback holds what it had
			h := d.hold("fat", "--kwarg", "mebibytes=64", "--timeout", "0.5")
			h.wantEnd(1, "outcome: timed_out")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := start(t, config(t, "", "max_workers = 1"))
			makes(d)
			d.task("app.tasks.nothing", "--uuid", "thin")
			fat, thin := d.verdict("fat"), d.verdict("thin")
			if peak, _ := fat["memory_peak_bytes"].(float64); peak < 64<<20 {
				t.Errorf("the peak of a task with 64M is %v", fat["memory_peak_bytes"])
			}
			if peak, _ := thin["memory_peak_bytes"].(float64); peak == 0 || peak > 60<<20 {
				t.Errorf("the peak of the task after it is %v", thin["memory_peak_bytes"])
			}
			for uuid, v := range map[string]map[string]any{"fat": fat, "thin": thin} {
				if cpu, ok := v["cpu_seconds"].(float64); !ok || cpu <= 0 || cpu > 10 {
					t.Errorf("the CPU time of %s is %v", uuid, v["cpu_seconds"])
				}
			}
		})
	}
}
