package tests

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"dispatcherd/tests/postgres"
)

func TestServiceIsReadyAndStoppedInSeconds(t *testing.T) {
	t.Parallel()
	toml := config(t, withOriginal(t), "min_workers = 4\nmax_workers = 4", listening(postgres.Shared(t).NewDatabase(t), "jobs"))
	began := time.Now()
	d := start(t, toml)
	d.waitLog(lineListening)
	d.waitIdle(4)
	ready := time.Since(began)
	began = time.Now()
	d.stop()
	stopped := time.Since(began)
	// The original's own tests allow 3 seconds and 5, on a machine that does nothing else.
	t.Logf("ready after %v, stopped after %v", ready, stopped)
	if ready > 2*promptly || stopped > promptly {
		t.Errorf("ready after %v, stopped after %v", ready, stopped)
	}
	if d.log.count("tasks are abandoned") > 0 {
		t.Errorf("tasks were left over:\n%s", d.log)
	}
}

func TestThreeChannelsAreHeardAndAFourthIsNot(t *testing.T) {
	t.Parallel()
	d, db := startListening(t, withOriginal(t), "max_workers = 1", "one", "two", "three")
	path := d.file("channels")
	overPostgres(t, db, "one").run(t, `
for queue in ("four", "one", "two", "three"):
    submit_task(tasks.mark, args=[args[0], queue], queue=queue)
`, path)
	if lines := waitFile(t, path, 3); strings.Join(lines, " ") != "one two three" {
		t.Errorf("tasks ran that came on the channels %v, want one, two and three", lines)
	}
	d.waitCounters(3, 0)
	if n := d.figure("tasks", "accepted"); n != 3 {
		t.Errorf("%d tasks were accepted, want 3", n)
	}
}

func TestTenEqualTasks(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		mode                        string
		running, blocked, discarded int
	}{
		{"discard", 1, 0, 9},
		{"serial", 1, 9, 0},
		{"queue_one", 1, 1, 8},
	} {
		t.Run(tt.mode, func(t *testing.T) {
			t.Parallel()
			d, db := startListening(t, withOriginal(t), "max_workers = 4", "jobs")
			path := d.file("began")
			overPostgres(t, db, "jobs").run(t, `
for _ in range(10):
    submit_task(tasks.nap, args=[600, args[1]], processor_options=[Blocker.Params(on_duplicate=args[0])])
`, tt.mode, path)
			waitFor(t, "ten tasks to be accepted", func() bool { return d.figure("tasks", "accepted") == 10 })
			waitFile(t, path, 1)
			running, blocked := d.figure("tasks", "running"), d.figure("tasks", "blocked")
			discarded := d.figure("tasks", "ended", "discarded")
			if running != tt.running || blocked != tt.blocked || discarded != tt.discarded {
				t.Errorf("%d tasks run, %d are blocked, %d discarded, want %d, %d and %d",
					running, blocked, discarded, tt.running, tt.blocked, tt.discarded)
			}
			pool, _ := d.ask("main")["pool"].(map[string]any)
			if pool["finished_count"] != 0.0 || pool["canceled_count"] != 0.0 {
				t.Errorf("the pool counts %v, want nothing finished or canceled", pool)
			}
		})
	}
}

func TestDelayedTaskIsShownAndRuns(t *testing.T) {
	t.Parallel()
	d, db := startListening(t, withOriginal(t), "", "jobs")
	o := overPostgres(t, db, "jobs")
	path := d.file("ran")
	// The answer comes behind the task on the same channel.
	reply, _ := o.ask(t, `
submit_task(tasks.mark, args=args, uuid="later", processor_options=[Delayer.Params(delay=8)])
answer(control.control_with_reply("running", timeout=30)[0])
`, path).(map[string]any)
	if task, _ := reply["delayed-0"].(map[string]any); task["uuid"] != "later" || len(reply) != 2 {
		t.Errorf("running shows %v, want the delayed task", reply)
	}
	waitFile(t, path, 1)
	d.waitCounters(1, 0)
}

func TestTaskThatBreaksItsConnectionHarmsNoOther(t *testing.T) {
	t.Parallel()
	d, db := startListening(t, withOriginal(t), "max_workers = 1", "jobs")
	before := d.task("app.tasks.whoami").stdout
	d.wantOutcome(t, "failed", "AdminShutdown", "app.jobs.backend", "--arg", quoted(db.ConnInfo()), "--arg", "true")
	d.wantOutcome(t, "succeeded", "", "app.jobs.backend", "--arg", quoted(db.ConnInfo()))
	if after := d.task("app.tasks.whoami").stdout; pidIn(t, before) != pidIn(t, after) {
		t.Error("the worker did not survive")
	}
	path := d.file("ran")
	overPostgres(t, db, "jobs").run(t, `submit_task(tasks.mark, args=args)`, path)
	waitFile(t, path, 1)
}

func TestLambdaIsFoundCancelledAndGone(t *testing.T) {
	t.Parallel()
	d, db := startListening(t, withOriginal(t)+"\ntasks = \"any\"", "", "jobs")
	for _, o := range d.brokers(db, "jobs") {
		t.Run(o.name, func(t *testing.T) {
			path := d.file(o.name)
			o.run(t, `
text = "lambda: (open(%r, 'a').write('ran\\n'), __import__('time').sleep(600))" % args[0]
publisher.publish_message(message=json.dumps({"task": text, "uuid": args[1]}))
`, path, "u-"+o.name)
			waitFile(t, path, 1)
			for _, command := range []string{"running", "cancel"} {
				reply := o.control(t, command, map[string]any{"uuid": "u-" + o.name})
				found := 0
				for _, v := range reply {
					if task, ok := v.(map[string]any); ok && task["uuid"] == "u-"+o.name {
						found++
					}
				}
				if found != 1 || len(reply) != 2 || reply["node_id"] != "test" {
					t.Errorf("%s answered %v, want the task and node_id", command, reply)
				}
			}
			if line := d.ended("u-" + o.name); !strings.Contains(line, "outcome=cancelled") {
				t.Errorf("the task ended so: %s", line)
			}
		})
	}
	d.waitCounters(0, 2)
}

func TestBoundFunctionWithoutItsBinderStillFinishes(t *testing.T) {
	t.Parallel()
	d, db := startListening(t, withOriginal(t)+"\ntasks = \"any\"", "max_workers = 1", "jobs")
	path := d.file("named")
	overPostgres(t, db, "jobs").run(t, `
submit_task(jobs.name_of, args=args, uuid="unbound")
submit_task(jobs.name_of, args=args, uuid="bound", bind=True)
`, path)
	if line := d.ended("unbound"); !strings.Contains(line, "outcome=failed") || !strings.Contains(line, "missing 1 required positional argument") {
		t.Errorf("a function that lacks its binder ended so: %s", line)
	}
	if lines := waitFile(t, path, 1); fmt.Sprint(lines) != "[bound]" {
		t.Errorf("the tasks wrote %v, want the uuid of the bound one", lines)
	}
	d.waitCounters(2, 0)
}

func TestExitInAFollowUpStopsTheRestAndTheWorker(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ kind, task, outcome string }{
		{"errbacks", `"task": "app.tasks.fail", "args": ["boom"]`, "outcome=failed"},
		{"callbacks", `"task": "app.tasks.nothing"`, "outcome=succeeded"},
	} {
		t.Run(tt.kind, func(t *testing.T) {
			t.Parallel()
			d := start(t, config(t, "", "max_workers = 1"))
			worker := d.waitIdle(1)[0]
			path := d.file("marks")
			mark := func(text string) string {
				return fmt.Sprintf(`{"task": "app.tasks.mark", "args": [%q, %q]}`, path, text)
			}
			d.connect().send(fmt.Sprintf(`{%s, "uuid": "u", %q: [%s, {"task": "app.jobs.last"}, %s]}`,
				tt.task, tt.kind, mark("before"), mark("behind")))
			if line := d.ended("u"); !strings.Contains(line, tt.outcome) {
				t.Errorf("the task ended so: %s", line)
			}
			waitFor(t, "the worker to be retired", func() bool { return d.endedWorkers()[worker]["status"] == "retired" })
			if exit, want := d.endedWorkers()[worker]["exit"], "a task of "+tt.kind+" raised DispatcherExit; exit code 0"; exit != want {
				t.Errorf("the worker left for %q, want %q", exit, want)
			}
			if lines := waitFile(t, path, 1); fmt.Sprint(lines) != "[before]" {
				t.Errorf("the follow-ups wrote %v, want none behind the exit", lines)
			}
		})
	}
}
