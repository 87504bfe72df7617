package tests

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"

	"dispatcherd/tests/postgres"
)

// rewrite puts another configuration in the place of the daemon's, whole at every moment.
func (d *daemon) rewrite(toml string) {
	d.t.Helper()
	write(d.t, d.file("next.toml"), toml, 0o600)
	if err := os.Rename(d.file("next.toml"), d.file("dispatcherd.toml")); err != nil {
		d.t.Fatal(err)
	}
}

// reload has the daemon read it and returns what it says.
func (d *daemon) reload() answer {
	d.t.Helper()
	return d.ctl("reload", "-o", "json")
}

// wantReload reloads and looks for texts in the reply.
func (d *daemon) wantReload(texts ...string) {
	d.t.Helper()
	a := d.reload()
	for _, want := range texts {
		if a.code != 0 || !strings.Contains(a.stdout, want) {
			d.t.Errorf("reload ended with %d, want %s\n%s%s", a.code, want, a.stdout, a.stderr)
		}
	}
}

func TestReloadWithABadFileKeepsEverythingAndSaysWhy(t *testing.T) {
	t.Parallel()
	good := config(t, "", "max_workers = 1")
	d := start(t, good)
	for name, change := range map[string]struct {
		do   func()
		want string
	}{
		"a typo":    {func() { d.rewrite(strings.Replace(good, "max_workers", "max_worker", 1)) }, "did you mean pool.max_workers?"},
		"a value":   {func() { d.rewrite(strings.Replace(good, "max_workers = 1", "max_workers = -1", 1)) }, "pool.max_workers: must be at least 1"},
		"no syntax": {func() { d.rewrite("version = = 2") }, "dispatcherd.toml:1:"},
		"no file":   {func() { os.Remove(d.file("dispatcherd.toml")) }, "cannot be read: no such file or directory"},
	} {
		change.do()
		a := d.reload()
		if a.code != 1 || !strings.Contains(a.stderr, "nothing is changed: ") || !strings.Contains(a.stderr, change.want) || strings.Count(a.stderr, "\n") != 1 {
			t.Errorf("with %s, reload ended with %d\n%s%s", name, a.code, a.stdout, a.stderr)
		}
	}
	d.task("app.tasks.nothing")
	d.rewrite(strings.Replace(good, "max_workers = 1", "max_workers = 2", 1))
	d.wantReload(`"changed": ["pool.max_workers"]`)
}

func TestReloadChangesThePoolBesideARunningTask(t *testing.T) {
	t.Parallel()
	toml := config(t, "", "max_workers = 1")
	d := start(t, toml)
	held := d.hold("held")
	d.rewrite(strings.Replace(toml, "max_workers = 1", "min_workers = 2\nmax_workers = 3", 1))
	d.wantReload(`{"changed": ["pool.min_workers", "pool.max_workers"], "needs_restart": [], "node_id": "test", "workers_replaced": false}`)
	waitFor(t, "a second worker", func() bool { return d.figure("pool", "ready") == 1 })
	d.task("app.tasks.nothing")
	held.letGo()
	held.wantEnd(0, "outcome: succeeded", "worker: 0")
}

func TestWorkersOfAnOlderPythonConfigurationAreReplacedAsTheyBecomeIdle(t *testing.T) {
	t.Parallel()
	toml := config(t, "tasks_allow = [\"app.tasks.hold\", \"app.tasks.nothing\"]", "min_workers = 2\nmax_workers = 3")
	d := start(t, toml)
	held := d.hold("held")
	d.rewrite(strings.Replace(toml, `"app.tasks.hold", "app.tasks.nothing"`, `"app.tasks.getpid"`, 1))
	d.wantReload(`"changed": ["worker.tasks_allow"]`, `"workers_replaced": true`)
	// From now on no task begins in a worker that would still let it through.
	for range 5 {
		if a := d.task("app.tasks.nothing"); a.code != 1 || !strings.Contains(a.stdout, "tasks_allow") {
			t.Errorf("a task that is not allowed any more ended with %d\n%s%s", a.code, a.stdout, a.stderr)
		}
	}
	if n := d.figure("tasks", "running"); n != 1 {
		t.Errorf("%d tasks run, want the one that was there before", n)
	}
	held.letGo()
	held.wantEnd(0, "outcome: succeeded", "worker: ")
	d.waitLog("fork server is ready")
	waitFor(t, "the worker of before to leave", func() bool {
		w, _ := d.ask("workers")["worker-0"].(map[string]any)
		return w == nil || w["exit"] != nil
	})
}

func TestReloadChangesChannelsScheduleAndRights(t *testing.T) {
	t.Parallel()
	db := postgres.Shared(t).NewDatabase(t)
	toml := config(t, withOriginal(t), "max_workers = 1", listening(db, "jobs"))
	d := start(t, toml)
	d.waitLog(lineListening)
	d.openToGroup()
	c := d.as(person{uid: 61009})
	const cancel = `{"control": "cancel", "reply_to": "x", "control_data": {"uuid": "none"}}`
	c.send(cancel)
	c.expect("is refused")
	d.rewrite(strings.Replace(toml, `"jobs"`, `"jobs", "more"`, 1) + fmt.Sprintf(`
[control]
operators = ["61009"]
[[schedule]]
task = "app.tasks.mark"
args = [%q]
every = "100ms"
`, d.file("again")))
	d.wantReload("brokers.pg_notify.channels", "control.operators", `"schedule"`, `"needs_restart": []`)
	c.send(cancel)
	c.expect(`{"node_id": "test"}`)
	waitFile(t, d.file("again"), 2)
	d.waitLog("listening to other channels")
	overPostgres(t, db, "more").run(t, `submit_task(tasks.mark, args=args)`, d.file("marked"))
	waitFile(t, d.file("marked"), 1)
	d.rewrite(toml)
	d.wantReload(`"changed": [`)
	before := d.figure("tasks", "accepted")
	c.send(cancel)
	c.expect("is refused")
	if after := d.figure("tasks", "accepted"); after != before {
		t.Errorf("the schedule that was taken away has made %d tasks", after-before)
	}
}

func TestReloadToAnotherDatabase(t *testing.T) {
	t.Parallel()
	first, second := postgres.Shared(t).NewDatabase(t), postgres.Shared(t).NewDatabase(t)
	toml := config(t, withOriginal(t), "max_workers = 1", listening(first, "jobs"))
	d := start(t, toml)
	d.waitLog(lineListening)
	d.rewrite(strings.Replace(toml, first.ConnInfo(), second.ConnInfo(), 1))
	d.wantReload("brokers.pg_notify.conninfo")
	d.waitLog("listening to Postgres again")
	over := overPostgres(t, second, "jobs")
	over.run(t, `submit_task(tasks.mark, args=args)`, d.file("marked"))
	waitFile(t, d.file("marked"), 1)
	wantAlive(t, over.control(t, "alive", nil))
}

func TestWhatNeedsARestartIsNamedEachTime(t *testing.T) {
	t.Parallel()
	toml := config(t, "", "max_workers = 1")
	d := start(t, toml)
	d.rewrite(strings.NewReplacer(`"test"`, `"other"`, `"d.sock"`, `"e.sock"`).Replace(toml) + "[metrics]\nlisten = \"localhost:0\"\n")
	for range 2 {
		d.wantReload(`{"changed": [], "needs_restart": ["node_id", "brokers.socket.path", "metrics"], "node_id": "test", "workers_replaced": false}`)
	}
}

func TestHangUpReloadsAndAStormOfThemHarmsNothing(t *testing.T) {
	t.Parallel()
	toml := config(t, "", "max_workers = 1")
	d := start(t, toml)
	held := d.hold("held")
	d.rewrite(strings.Replace(toml, "max_workers = 1", "max_workers = 2", 1))
	send(t, "the daemon", d.pid(), syscall.SIGHUP)
	d.waitLog(`msg="the configuration is reloaded" part=reload changed=[pool.max_workers]`)
	for range 300 {
		send(t, "the daemon", d.pid(), syscall.SIGHUP)
	}
	d.rewrite("version = 3")
	send(t, "the daemon", d.pid(), syscall.SIGHUP)
	line := d.waitLog("the configuration could not be reloaded")
	if !strings.Contains(line, "level=ERROR") || !strings.Contains(line, "version: must be 2, got 3") {
		t.Errorf("the line is %s", line)
	}
	d.task("app.tasks.nothing")
	held.letGo()
	held.wantEnd(0, "outcome: succeeded")
}

func TestReloadsAtOnceAreDoneOneAfterTheOther(t *testing.T) {
	t.Parallel()
	toml := config(t, "", "max_workers = 1")
	d := start(t, toml)
	d.rewrite(strings.Replace(toml, "max_workers = 1", "max_workers = 2", 1))
	var all sync.WaitGroup
	answers := make([]*caller, 20)
	for i := range answers {
		answers[i] = d.connect()
		all.Go(func() { answers[i].nc.Write([]byte(`{"control": "reload", "reply_to": "x"}` + "\n")) })
	}
	all.Wait()
	changed := 0
	for _, c := range answers {
		switch reply := c.reply(); {
		case strings.Contains(reply, `"changed": ["pool.max_workers"]`):
			changed++
		case !strings.Contains(reply, `"changed": []`):
			t.Errorf("reload is answered %s", reply)
		}
	}
	if changed != 1 {
		t.Errorf("%d reloads have changed something, want one", changed)
	}
}

func TestReloadDuringADrainLeavesItADrainAndIsRefusedDuringAStop(t *testing.T) {
	t.Parallel()
	toml := config(t, "", "max_workers = 1")
	d := start(t, toml)
	held := d.hold("held")
	d.ctl("drain", "--no-wait")
	d.rewrite(strings.Replace(toml, "max_workers = 1", "max_workers = 2", 1))
	d.wantReload(`"changed": ["pool.max_workers"]`)
	if tasks := d.ask("tasks"); tasks["draining"] != true {
		t.Errorf("after the reload tasks are %v", tasks)
	}
	send(t, "the daemon", d.pid(), syscall.SIGTERM)
	waitFor(t, "the stop", func() bool { return d.ask("tasks")["stopping"] == true })
	if a := d.reload(); a.code != 1 || !strings.Contains(a.stderr, "nothing is changed: the service is stopping") {
		t.Errorf("reload during the stop ended with %d\n%s", a.code, a.stderr)
	}
	held.letGo()
	if code := d.wait(); code != 0 {
		t.Errorf("the daemon ended with %d", code)
	}
}

func TestShutdownGraceOfAReloadCounts(t *testing.T) {
	t.Parallel()
	toml := config(t, "", "max_workers = 1\nshutdown_grace = \"10m\"")
	d := start(t, toml)
	held := d.hold("held")
	d.rewrite(strings.Replace(toml, `"10m"`, `"0s"`, 1))
	d.wantReload("pool.shutdown_grace")
	d.stop()
	held.wantEnd(1)
}

func TestReloadOfTheOriginalsYAML(t *testing.T) {
	t.Parallel()
	yaml := fmt.Sprintf(originalYAML, postgres.Shared(t).NewDatabase(t).ConnInfo())
	d := startYAML(t, yaml, nil)
	write(t, d.file(d.config), strings.Replace(yaml, "max_workers: 2", "max_workers: 3", 1), 0o600)
	d.wantReload(`{"changed": ["pool.max_workers"], "needs_restart": [], "node_id": "yaml", "workers_replaced": false}`)
	write(t, d.file(d.config), yaml+"\nversion: 3\n", 0o600)
	if a := d.reload(); a.code != 1 || !strings.Contains(a.stderr, "must be given once") {
		t.Errorf("reload ended with %d\n%s%s", a.code, a.stdout, a.stderr)
	}
}
