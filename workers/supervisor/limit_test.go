package supervisor

import (
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"dispatcherd/cgroups"
)

func limitsOf(t testing.TB, text string) cgroups.Limits {
	t.Helper()
	l, err := cgroups.ParseLimits([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// limited asks for limits and waits for the answer.
func (tm *team) limited(t testing.TB, worker int, limits string, fresh bool) Limited {
	t.Helper()
	answer := make(chan Limited, 1)
	waits, err := tm.client.Limit(worker, limits, fresh, func(l Limited) { answer <- l })
	if err != nil || !waits {
		t.Fatalf("Limit(%d, %s) = %v, %v", worker, limits, waits, err)
	}
	select {
	case l := <-answer:
		return l
	case <-time.After(limit):
		t.Fatalf("Limit(%d, %s) was not answered", worker, limits)
		return Limited{}
	}
}

// limitsMemoryHere says whether the worker is in a group whose memory can be limited.
func limitsMemoryHere(h *hand) bool {
	return h.Cgroup != "" && exists(h.Cgroup+"/memory.max")
}

// dataLimitOf is the soft RLIMIT_DATA of a process (proc_pid_limits(5)).
func dataLimitOf(t *testing.T, pid int) string {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "Max data size"); ok {
			return strings.Fields(rest)[0]
		}
	}
	t.Fatalf("no data size in %s", text)
	return ""
}

func TestWithoutAMemoryControllerEachProcessHasTheLimit(t *testing.T) {
	t.Parallel()
	for _, cfg := range []Config{{}, {Tree: noTree}} {
		t.Run("tree "+cfg.Tree, func(t *testing.T) {
			t.Parallel()
			tm := newTeam(t, cfg, project(t))
			h := tm.hire(t, 1)
			if limitsMemoryHere(h) {
				t.Skip("memory can be limited by cgroup here")
			}
			before := dataLimitOf(t, h.PID)
			if l := tm.limited(t, 1, `{"memory_max": "1G"}`, true); l.Err != nil {
				t.Fatal(l.Err)
			}
			if got := dataLimitOf(t, h.PID); got != "1073741824" {
				t.Errorf("RLIMIT_DATA is %s, want 1073741824", got)
			}
			h.run(t, "take", 2<<10)
			h.expect(t, "MemoryError")
			h.done(t)
			if l := tm.limited(t, 1, `{}`, false); l.Err != nil {
				t.Fatal(l.Err)
			}
			if got := dataLimitOf(t, h.PID); got != before {
				t.Errorf("RLIMIT_DATA is %s afterwards, want %s as before", got, before)
			}
			h.run(t, "take", 1)
			h.expect(t, "taken")
			h.done(t)
			if l := tm.limited(t, 1, `{"memory_max": "2G", "memory_high": "1G"}`, false); l.Err != nil {
				t.Fatal(l.Err)
			}
			tm.log.find(t, 1, "a limit has no effect here", "memory_max", "RLIMIT_DATA")
			tm.log.find(t, 1, "a limit has no effect here", "memory_high")
			tm.finish(t)
		})
	}
}

func TestALimitBelowWhatAnIdleWorkerTakesIsRefusedWithTheSizeItNeeds(t *testing.T) {
	t.Parallel()
	tm := newTeam(t, Config{}, project(t))
	h := tm.hire(t, 1)
	l := tm.limited(t, 1, `{"memory_max": "64K"}`, true)
	if l.Err == nil || l.Grown || !strings.HasPrefix(l.Err.Error(), "memory_max must be at least ") || !strings.HasSuffix(l.Err.Error(), "it is 64K") {
		t.Errorf("64K is answered with %+v, want the size that is needed", l)
	}
	if l := tm.limited(t, 1, `{"memory_high": "64K"}`, true); l.Err == nil || !strings.HasPrefix(l.Err.Error(), "memory_high must be") {
		t.Errorf("a high of 64K is answered with %+v, want it refused", l)
	}
	// The worker lives, and is as it was.
	h.run(t, "say", "well")
	h.expect(t, "well")
	h.done(t)
	if l := tm.limited(t, 1, `{"memory_max": "64K"}`, false); l.Err == nil || l.Grown {
		t.Errorf("64K after a task is answered with %+v, want that no fresh worker would do either", l)
	}
	tm.finish(t)
}

func TestAWorkerThatHasGrownIsToldFromALimitThatIsTooSmall(t *testing.T) {
	t.Parallel()
	tm := newTeam(t, Config{}, project(t))
	h := tm.hire(t, 1)
	if l := tm.limited(t, 1, `{"memory_max": "400M"}`, true); l.Err != nil {
		t.Fatal(l.Err)
	}
	if l := tm.limited(t, 1, `{}`, false); l.Err != nil {
		t.Fatal(l.Err)
	}
	h.run(t, "keep", 500)
	h.expect(t, "kept")
	h.done(t)
	if l := tm.limited(t, 1, `{"memory_max": "400M"}`, false); l.Err == nil || !l.Grown {
		t.Errorf("400M for a worker that keeps 500M is answered with %+v, want it refused as grown", l)
	}
	tm.finish(t)
}

func TestLimitsOfEveryWorkerAreThereBeforeItRuns(t *testing.T) {
	t.Parallel()
	spec := project(t)
	spec.Limits = limitsOf(t, `{"memory_max": "512M", "tasks_max": 64}`)
	tm := newTeam(t, Config{}, spec)
	h := tm.hire(t, 1)
	// The ones on memory come with the first task.
	if want := `{"tasks_max":"64"}`; h.Limits != want {
		t.Errorf("the worker begins with %s, want %s", h.Limits, want)
	}
	if got, want := tm.client.Limits(), `{"memory_max":"512M","tasks_max":"64"}`; got != want {
		t.Errorf("Limits = %s, want %s", got, want)
	}
	if l := tm.limited(t, 1, tm.client.Limits(), true); l.Err != nil {
		t.Fatal(l.Err)
	}
	tm.stop()
	tm.log.find(t, 1, "daemon has disconnected")
	next, _ := tm.connect(t, spec)
	select {
	case heirs := <-next.Inherited():
		if len(heirs) != 1 || heirs[0].Limits != tm.client.Limits() {
			t.Errorf("the next daemon hears of %+v, want the limits that the worker has now", heirs)
		}
		for _, l := range heirs {
			l.close()
		}
	case <-time.After(limit):
		t.Fatal("nothing was inherited")
	}
}

func TestWhatIsMissingIsSaidOnce(t *testing.T) {
	t.Parallel()
	tm := newTeam(t, Config{Tree: noTree}, project(t))
	info := tm.info(t)
	if len(info.Missing) != 1 || !strings.HasPrefix(info.Missing[0], "workers have no cgroups: ") {
		t.Errorf("Missing = %q", info.Missing)
	}
	if info.Unit.Memory < 64<<20 || info.Unit.CPUs < 1 || info.Unit.Tasks < 1 {
		t.Errorf("Unit = %+v, want the memory, the CPUs and the tasks that there may be", info.Unit)
	}
	tm.finish(t)
}

func TestRequiredLimitsThatCannotBeHadEndTheClient(t *testing.T) {
	t.Parallel()
	p := newPlace(t, Config{Tree: noTree})
	k := p.start(t)
	spec := project(t)
	spec.Require = true
	client := NewClient(spec, "", p.dial, slog.New(slog.DiscardHandler))
	if err := client.Run(bounded(t)); err == nil || !strings.HasPrefix(err.Error(), "cgroups.require: workers have no cgroups: ") {
		t.Errorf("Run = %v, want what is missing", err)
	}
	k.cmd.Process.Signal(os.Interrupt)
	k.ends(t)
}

func TestAnEarlierSupervisorLimitsNothing(t *testing.T) {
	t.Parallel()
	c := NewClient(Spec{Python: "python3"}, "", nil, slog.New(slog.DiscardHandler))
	c.conn, c.info.Version = newConn(nil), 1
	if waits, err := c.Limit(1, `{"memory_max": "1G"}`, true, nil); waits || err != nil {
		t.Errorf("Limit = %v, %v, want nothing to wait for", waits, err)
	}
	c.spec.Require = true
	if err := c.requireLocked(&welcome{}, 1); err == nil || !strings.Contains(err.Error(), "earlier version") {
		t.Errorf("requireLocked = %v, want it refused", err)
	}
}

func TestUnknownWorkerAndBadLimits(t *testing.T) {
	t.Parallel()
	tm := newTeam(t, Config{Tree: noTree}, project(t))
	tm.info(t)
	if _, err := tm.client.Limit(1, `{"memory_max": "12Q"}`, true, nil); err == nil || !strings.Contains(err.Error(), "12Q") {
		t.Errorf("Limit to 12Q = %v, want it refused", err)
	}
	// The end of a worker that is gone has been told already: there is no answer.
	if waits, err := tm.client.Limit(9, `{"memory_max": "1G"}`, true, func(l Limited) { t.Errorf("a worker that is gone has answered %+v", l) }); err != nil || !waits {
		t.Errorf("Limit of a worker that is gone = %v, %v", waits, err)
	}
	tm.hire(t, 1)
	tm.finish(t)
}
