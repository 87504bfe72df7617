package tests

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"dispatcherd/tests/postgres"
)

// limiting is a configuration with something of everything.
const limiting = `[limits]
memory_max = "1G"
[[task]]
match = "app.tasks.take"
limits = { memory_max = "2G" }
[[task]]
match = "app.tasks.nap"
timeout = "200ms"
[[task]]
match = "app.tasks.never"
`

// withLimit runs a task with a memory_max of its own, unless it is "".
func (d *daemon) withLimit(most, name string, args ...string) answer {
	d.t.Helper()
	if most != "" {
		args = append(args, "--limit", "memory_max="+most)
	}
	return d.task(name, args...)
}

func TestMoreThanTheConfigurationAllowsIsRefusedWithTheReason(t *testing.T) {
	t.Parallel()
	db := postgres.Shared(t).NewDatabase(t)
	d := start(t, config(t, "", "max_workers = 1", limiting, listening(db, "jobs")))
	d.waitLog(lineListening)
	const reason = "limits.memory_max: 2G is more than the 1G that the configuration allows"
	marker := d.file("ran")
	task := func(uuid string) string {
		return fmt.Sprintf(`{"task": "app.tasks.mark", "uuid": %q, "args": [%q], "limits": {"memory_max": "2G"}}`, uuid, marker)
	}

	c := d.connect()
	c.send(task("by-socket"))
	c.expect("task is refused: "+reason, `"node_id": "test"`)
	c.send(fmt.Sprintf(`{"control": "run", "reply_to": "me", "control_data": %s}`, task("by-run")))
	c.expect("task is not accepted: " + reason)
	db.Exec(t, fmt.Sprintf(`NOTIFY jobs, '%s'`, task("by-postgres")))
	for _, uuid := range []string{"by-socket", "by-postgres"} {
		if line := d.waitLog("uuid=" + uuid); !strings.Contains(line, `msg="task is refused"`) || !strings.Contains(line, reason) {
			t.Errorf("logged %q, want the refusal of %s", line, uuid)
		}
	}
	for limits, want := range map[string]string{
		`{"memory_max": "12Q"}`:                     `limits.memory_max: must be a size such as \"512M\"`,
		`{"memory_max": "101%"}`:                    `limits.memory_max: must be a percentage of at most 100%`,
		`{"memory_high": "2M", "memory_max": "1M"}`: "limits.memory_high: must be at most limits.memory_max (1M), got 2M",
		`{"memory_maximum": 5}`:                     `limits: unknown key \"memory_maximum\"`,
		`[1]`:                                       "limits: must be an object",
	} {
		c.send(fmt.Sprintf(`{"task": "app.tasks.mark", "args": [%q], "limits": %s}`, marker, limits))
		c.expect(want)
	}
	// The section of the task allows what that of every worker does not.
	c.send(`{"task": "app.tasks.take", "args": [1], "limits": {"memory_max": "2G"}, "uuid": "allowed"}`)
	if line := d.ended("allowed"); !strings.Contains(line, "outcome=succeeded") {
		t.Errorf("a task within its limits: %s", line)
	}
	if _, err := os.Stat(marker); err == nil {
		t.Error("a task that was refused has run")
	}
}

func TestLimitsChangeBetweenTheTasksOfAWorker(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "min_workers = 1\nmax_workers = 1", limiting))
	if d.memoryController() {
		t.Skip("memory is limited by cgroups here: tests/host shows that")
	}
	worker := d.waitIdle(1)
	for _, tt := range []struct {
		outcome, limits, task, mebibytes string
	}{
		{"failed", ``, "app.tasks.keep", "1200"}, // of every worker: 1G
		{"succeeded", ``, "app.tasks.take", "1200"},
		{"failed", ``, "app.tasks.take", "2200"},
		{"failed", `500M`, "app.tasks.take", "600"},
		{"succeeded", `500M`, "app.tasks.take", "100"},
		{"failed", ``, "app.tasks.keep", "1200"},
	} {
		a := d.withLimit(tt.limits, tt.task, "--arg", tt.mebibytes)
		if !strings.Contains(a.stdout, "outcome: "+tt.outcome) || tt.outcome == "failed" && !strings.Contains(a.stdout, "MemoryError") {
			t.Errorf("%s of %s MiB with %s: want it %s\n%s%s", tt.task, tt.mebibytes, tt.limits, tt.outcome, a.stdout, a.stderr)
		}
	}
	if now := d.workerPIDs(); !slices.Equal(now, worker) {
		t.Errorf("the worker was %v and is %v, want the same one for all", worker, now)
	}
	d.waitLog(`limit=memory_max instead="each process may have as much memory of its own (RLIMIT_DATA)"`)
	if n := d.log.count("a limit has no effect here"); n != 1 {
		t.Errorf("said %d times that the limit is a lesser one, want once", n)
	}
}

// memoryController says whether the memory of workers is limited by cgroups.
func (d *daemon) memoryController() bool {
	d.t.Helper()
	if !d.inCgroups() {
		return false
	}
	supervisor, _ := d.ask("status")["supervisor"].(map[string]any)
	missing, _ := supervisor["missing"].([]any)
	return !strings.Contains(fmt.Sprint(missing), "memory")
}

func TestTimeoutOfTheConfigurationCounts(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "max_workers = 1", limiting))
	for _, more := range [][]string{nil, {"--timeout", "60"}} {
		a := d.task("app.tasks.nap", append([]string{"--arg", "30"}, more...)...)
		if a.code == 0 || !strings.Contains(a.stdout, "timeout of 200ms") && !strings.Contains(a.stdout, "200ms") {
			t.Errorf("a nap of 30 s with %q ended with %d\n%s%s", more, a.code, a.stdout, a.stderr)
		}
	}
}

func TestOnlySoManyTasksOfASectionRunAtOnce(t *testing.T) {
	t.Parallel()
	const section = "[[task]]\nmatch = \"app.tasks.h*\"\nmax_concurrency = 1\n"
	toml := config(t, "", "max_workers = 3", section)
	d := start(t, toml)
	one := d.hold("one")
	two := d.submitHeld("two")
	waitFor(t, "the second task to be queued", func() bool { return d.figure("tasks", "queued") == 1 })
	d.wantWork() // others pass it
	if n := d.figure("tasks", "running"); n != 1 {
		t.Errorf("%d tasks run, want one", n)
	}
	one.letGo()
	one.wantEnd(0, "outcome: succeeded")
	waitFile(t, two.path, 1)
	three := d.submitHeld("three")
	waitFor(t, "the third task to be queued", func() bool { return d.figure("tasks", "queued") == 1 })
	d.rewrite(strings.Replace(toml, "max_concurrency = 1", "max_concurrency = 2", 1))
	d.wantReload(`"changed": ["task"]`)
	waitFile(t, three.path, 1)
	two.letGo()
	three.letGo()
	two.wantEnd(0, "outcome: succeeded")
	three.wantEnd(0, "outcome: succeeded")
}

func TestStatusTellsWhatIsLimitedAndWhatCannotBe(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "min_workers = 1", limiting))
	d.waitIdle(1)
	d.withLimit("", "app.tasks.take", "--arg", "1")
	status := d.ask("status")
	limits, _ := status["limits"].(map[string]any)
	if got := fmt.Sprint(limits["worker"]); got != "map[memory_max:1G]" {
		t.Errorf("status tells of each worker %s, want memory_max", got)
	}
	table := d.ctl("status", "--output", "table").stdout
	for _, want := range []string{"tasks app.tasks.take ", "1 tasks", "tasks app.tasks.never ", "NO TASK YET"} {
		if !strings.Contains(strings.Join(strings.Fields(table), " "), strings.TrimSpace(want)) {
			t.Errorf("the table does not tell %q:\n%s", want, table)
		}
	}
	supervisor, _ := status["supervisor"].(map[string]any)
	missing, _ := supervisor["missing"].([]any)
	if !d.inCgroups() {
		d.waitLog("workers are held by process groups")
	} else if len(missing) > 0 {
		d.waitLog("not everything can be limited and counted")
	}
	for _, sentence := range missing {
		if !strings.Contains(table, fmt.Sprint(sentence)) {
			t.Errorf("the table does not tell %q:\n%s", sentence, table)
		}
	}
	if len(missing) == 0 && !d.memoryController() {
		t.Error("status does not tell what is missing")
	}
}

func TestWhatIsRequiredAndCannotBeHadEndsTheDaemon(t *testing.T) {
	t.Parallel()
	probe := start(t, config(t, "", "max_workers = 1"))
	if probe.memoryController() {
		t.Skip("everything can be limited here")
	}
	d := prepare(t, config(t, "", "max_workers = 1", "[cgroups]\nrequire = true"))
	d.run()
	if code := d.wait(); code == 0 {
		t.Error("the daemon ended with 0")
	}
	line := d.waitLog("cgroups.require: ")
	if !strings.Contains(line, "level=ERROR") || !strings.Contains(line, "controllers that are not given") && !strings.Contains(line, "no cgroups") {
		t.Errorf("logged %q, want what is missing", line)
	}
	d.leftNothing()
}

func TestLimitThatNoWorkerCanLiveWithIsNamedWithTheSizeThatIsNeeded(t *testing.T) {
	t.Parallel()
	toml := config(t, "", "min_workers = 1\nmax_workers = 1", "[limits]\nmemory_max = \"64K\"")
	d := start(t, toml)
	waitFor(t, "three workers to have ended", func() bool { return len(d.endedWorkers()) >= 3 })
	d.wantCrashLoop("memory_max must be at least ")
	held := d.submitHeld("waits")
	waitFor(t, "the task to be queued", func() bool { return d.figure("tasks", "queued") == 1 })
	// The task is not lost, and runs as soon as it can.
	d.rewrite(strings.Replace(toml, "64K", "2G", 1))
	d.wantReload(`"changed": ["limits.memory_max"]`)
	waitFile(t, held.path, 1)
	held.letGo()
	held.wantEnd(0, "outcome: succeeded")
}

func TestTaskWhoseLimitIsTooLowFailsWithTheSizeThatIsNeeded(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "min_workers = 1\nmax_workers = 1"))
	worker := d.waitIdle(1)
	a := d.withLimit("64K", "app.tasks.nothing")
	if a.code != 1 || !strings.Contains(a.stdout, "memory_max must be at least ") || !strings.Contains(a.stdout, "outcome: failed") {
		t.Errorf("a limit of 64K ended with %d\n%s%s", a.code, a.stdout, a.stderr)
	}
	d.wantWork()
	if now := d.workerPIDs(); !slices.Equal(now, worker) {
		t.Errorf("the worker was %v and is %v, want the same", worker, now)
	}
}

func TestWorkerThatHasGrownIsReplacedForATaskWithALowLimit(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "min_workers = 1\nmax_workers = 1"))
	d.waitIdle(1)
	if a := d.withLimit("1G", "app.tasks.keep", "--arg", "600"); a.code != 0 {
		t.Fatalf("ended with %d\n%s%s", a.code, a.stdout, a.stderr)
	}
	before := d.workerPIDs()
	a := d.withLimit("500M", "app.tasks.take", "--arg", "10")
	if a.code != 0 || !strings.Contains(a.stdout, "outcome: succeeded") {
		t.Errorf("a task that a fresh worker has room for ended with %d\n%s%s", a.code, a.stdout, a.stderr)
	}
	if now := d.workerPIDs(); slices.Equal(now, before) {
		t.Errorf("the worker is still %v, want a fresh one", now)
	}
	if n := d.log.count("level=ERROR"); n > 0 {
		t.Errorf("an error was logged:\n%s", d.log)
	}
}

func TestThereAreAsManyWorkersAsThereIsRoomFor(t *testing.T) {
	t.Parallel()
	toml := config(t, "", "min_workers = 1", "[limits]\nmemory_max = \"60%\"\n")
	d := start(t, toml)
	d.waitIdle(1)
	if n := d.figure("limits", "max_workers"); n != 1 {
		t.Errorf("max_workers is %d, want the one that 60%% of the memory leave room for", n)
	}
	d.rewrite(strings.Replace(toml, "60%", "1%", 1))
	d.wantReload(`"changed": ["limits.memory_max"]`)
	if n, cpus := d.figure("limits", "max_workers"), d.figure("limits", "unit", "cpus"); n != cpus {
		t.Errorf("max_workers is %d, want one for each of the %d CPUs", n, cpus)
	}
}
