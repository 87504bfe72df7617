package tests

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"net"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"dispatcherd/workers"
	"dispatcherd/workers/process"
	"dispatcherd/workers/supervisor"
)

// desk is the test in the daemon's place: with a supervisor of its own, and one worker.
type desk struct {
	workers.Process
	t    *testing.T
	seq  uint64
	tree string // "" without cgroups
}

var desks atomic.Int64

// hire starts a supervisor and a worker, which has said hello.
func hire(t *testing.T, leftovers string) *desk {
	t.Helper()
	d := prepare(t, "")
	d.keep()
	cfg := process.DefaultConfig()
	cfg.PythonPath, cfg.Preload, cfg.LeftoverProcesses = []string{absolute(t, "project")}, []string{"app.tasks", "app.cost"}, leftovers
	log := slog.New(slog.DiscardHandler)
	dial := func(context.Context) (*net.UnixConn, error) {
		return net.DialUnix("unixpacket", nil, &net.UnixAddr{Net: "unixpacket", Name: d.file("supervisor.sock")})
	}
	tree := fmt.Sprintf("account-test-%d-%d", syscall.Getpid(), desks.Add(1))
	client := supervisor.NewClient(cfg.Spec(1, time.Second, time.Second), tree, dial, log)
	ctx, cancel := context.WithCancel(context.Background())
	over := make(chan error, 1)
	go func() { over <- client.Run(ctx) }()
	bound, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	p, err := process.NewLauncher(client, log).Launch(bound, 1)
	if err != nil {
		t.Fatal(err)
	}
	k := &desk{Process: p, t: t, tree: client.Info().Tree}
	t.Cleanup(func() {
		_ = p.Kill() // if the test has not ended it
		for r := p.Receive(); r.Kind != workers.Exited; r = p.Receive() {
		}
		cancel()
		<-over
	})
	if r := p.Receive(); r.Kind != workers.Hello {
		t.Fatalf("the first report is %+v", r)
	}
	return k
}

// give hands over a task.
func (k *desk) give(name string, args ...any) {
	k.t.Helper()
	k.seq++
	body, err := json.Marshal(map[string]any{"task": "app.cost." + name, "uuid": fmt.Sprint("u-", k.seq), "args": append([]any{}, args...)})
	if err == nil {
		err = k.Send(&workers.Task{Seq: k.seq, UUID: fmt.Sprint("u-", k.seq), Name: "app.cost." + name, Body: body})
	}
	if err != nil {
		k.t.Fatal(err)
	}
}

// carryOut runs a task to its end and returns the number that it has returned.
func (k *desk) carryOut(name string, args ...any) (workers.Report, float64) {
	k.t.Helper()
	k.give(name, args...)
	r := k.Receive()
	var result float64
	if r.Kind != workers.Done || r.Outcome != workers.Succeeded || json.Unmarshal(r.Result, &result) != nil {
		k.t.Fatalf("%s%v: %+v", name, args, r)
	}
	return r, result
}

// near says whether got is within 5 % and 2 ms of want, both in seconds. What the worker
// does around a task is in the 2 ms.
func near(got time.Duration, want float64) bool {
	return math.Abs(got.Seconds()-want) <= 0.05*want+0.002
}

func TestHundredMixedTasksCostWhatTheyHaveUsed(t *testing.T) {
	t.Parallel()
	k := hire(t, "kill")
	kinds := []struct {
		name   string
		amount float64
	}{{"burn", 0.02}, {"sleep", 0.03}, {"burn", 0.15}, {"child", 0.1}, {"nothing", 0}, {"memory", 24}, {"burn", 0.04}, {"sleep", 0.08}, {"child", 0.2}, {"burn", 0.06}}
	var got time.Duration
	var want float64
	for i := range 100 {
		kind := kinds[i%len(kinds)]
		r, seconds := k.carryOut("mixed", kind.name, kind.amount)
		if !near(r.Usage.CPU, seconds) {
			t.Errorf("task %d, %s: accounted are %v, it has used %.4f s", i, kind.name, r.Usage.CPU, seconds)
		}
		if peak := r.Usage.MemoryPeak >> 20; kind.name == "memory" && peak < 24 || r.Usage.MemorySource == "" {
			t.Errorf("task %d, %s: %+v", i, kind.name, r.Usage)
		}
		if r.Usage.Leftovers != 0 {
			t.Errorf("task %d, %s has left %d processes", i, kind.name, r.Usage.Leftovers)
		}
		got += r.Usage.CPU
		want += seconds
	}
	if math.Abs(got.Seconds()-want) > 0.05*want {
		t.Errorf("all of them: accounted are %v, they have used %.4f s", got, want)
	}
	t.Logf("accounted are %v, used were %.4f s", got, want)
}

func TestWhatNobodyHasWaitedForIsAccounted(t *testing.T) {
	t.Parallel()
	k := hire(t, "kill")
	if k.tree == "" {
		t.Skip("no cgroup tree can be written to here")
	}
	for range 3 {
		r, seconds := k.carryOut("unseen", 0.2)
		if !near(r.Usage.CPU, seconds) && r.Usage.CPU.Seconds() > seconds+0.02 || r.Usage.CPU.Seconds() < seconds {
			t.Errorf("accounted are %v, the hidden process alone has used %.4f s", r.Usage.CPU, seconds)
		}
		r, seconds = k.carryOut("mixed", "burn", 0.1) // which is not charged for it
		if !near(r.Usage.CPU, seconds) {
			t.Errorf("the next one: accounted are %v, it has used %.4f s", r.Usage.CPU, seconds)
		}
	}
}

func TestHiddenProcessThatATaskLeavesIsGoneWhenItsEndIsReported(t *testing.T) {
	t.Parallel()
	k := hire(t, "kill")
	if k.tree == "" {
		t.Skip("no cgroup tree can be written to here")
	}
	r, pid := k.carryOut("leave")
	if r.Usage.Leftovers != 1 || r.Usage.LeftAlone || living(int(pid)) {
		t.Errorf("usage %+v, process alive: %v, want one that was ended", r.Usage, living(int(pid)))
	}
	if r, _ := k.carryOut("mixed", "sleep", 0); r.Usage.Leftovers != 0 {
		t.Errorf("the next one: %+v", r.Usage)
	}
}

func TestHiddenProcessThatMayStayIsReported(t *testing.T) {
	t.Parallel()
	k := hire(t, "report")
	if k.tree == "" {
		t.Skip("no cgroup tree can be written to here")
	}
	r, pid := k.carryOut("leave")
	if r.Usage.Leftovers != 1 || !r.Usage.LeftAlone || !living(int(pid)) {
		t.Errorf("usage %+v, process alive: %v, want one that was left alone", r.Usage, living(int(pid)))
	}
	if r, _ := k.carryOut("mixed", "sleep", 0); r.Usage.Leftovers != 0 || !living(int(pid)) {
		t.Errorf("the next one: %+v, process alive: %v", r.Usage, living(int(pid)))
	}
	if err := k.Kill(); err != nil {
		t.Fatal(err)
	}
	r = k.Receive()
	if r.Kind != workers.Exited || r.Death.By != supervisor.ByOrder || r.Death.Signal != syscall.SIGKILL {
		t.Errorf("the end of the worker: %+v", r)
	}
	waitGone(t, "the process that was left", int(pid))
}

func TestWorkerThatAbortsIsAccountedToItsDeath(t *testing.T) {
	t.Parallel()
	k := hire(t, "kill")
	k.carryOut("mixed", "burn", 0.1)
	k.give("abort")
	r := k.Receive()
	if r.Kind != workers.Exited || r.Death.Signal != syscall.SIGABRT || r.Death.By != "" || r.Death.OOM {
		t.Errorf("the end of the worker: %+v", r)
	}
	if cpu := r.Usage.CPU; cpu <= 0 || cpu > 90*time.Millisecond || r.Usage.MemoryPeak < 1<<20 {
		t.Errorf("its last task has cost %+v, want less than the one before it", r.Usage)
	}
}

func TestNothingOfKilledTasksIsLeft(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "min_workers = 2\nmax_workers = 2\ncancel_grace = \"50ms\""))
	before := d.waitIdle(2)
	groups := d.cgroups()
	path := d.file("hidden")
	const tasks = 20
	for i := range tasks {
		a := d.task("app.cost.leave", "--kwarg", "path="+quoted(path), "--kwarg", "hang=true", "--timeout", "0.3")
		if a.code == 0 {
			t.Fatalf("task %d has succeeded:\n%s", i, a.stdout)
		}
	}
	for _, line := range waitFile(t, path, tasks) {
		pid, err := strconv.Atoi(line)
		if err != nil {
			t.Fatal(err)
		}
		if living(pid) && d.inCgroups() {
			t.Errorf("process %d of a task that was killed is still there", pid)
		}
	}
	for _, pid := range before {
		waitGone(t, "a worker whose task was killed", pid)
	}
	d.waitIdle(2)
	waitFor(t, "the number of cgroups to be what it was", func() bool { return d.cgroups() == groups })
}

// cgroups is how many there are in the daemon's tree.
func (d *daemon) cgroups() int {
	if !d.inCgroups() {
		return 0
	}
	found, err := filepath.Glob(filepath.Join(d.tree(), "*", "cgroup.procs"))
	if err != nil {
		d.t.Fatal(err)
	}
	return len(found)
}
