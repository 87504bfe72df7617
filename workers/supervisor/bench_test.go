package supervisor

import (
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// BenchmarkLaunch measures from the request until the worker's process runs in its
// cage, and until it is ready, for one worker and for eight at once.
func BenchmarkLaunch(b *testing.B) {
	for _, cfg := range []Config{{}, {Tree: noTree}} {
		name := isolationCgroup
		if cfg.Tree == noTree {
			name = isolationGroup
		}
		for _, n := range []int{1, 8} {
			b.Run(name+"/"+strconv.Itoa(n), func(b *testing.B) {
				tm := newTeam(b, cfg, project(b))
				tm.hire(b, 99)
				var started, ready time.Duration
				for b.Loop() {
					s, r := tm.launchAll(b, n)
					started += s
					ready += r
				}
				b.ReportMetric(float64(started.Microseconds())/1e3/float64(b.N), "ms-started")
				b.ReportMetric(float64(ready.Microseconds())/1e3/float64(b.N), "ms-ready")
				b.ReportMetric(rss(b, tm.cmd.Process.Pid), "MB-supervisor")
			})
		}
	}
}

// BenchmarkTask measures what a worker's process uses for a task that does nothing, with and
// without an account of it. The two take turns: what else the machine does hits both.
func BenchmarkTask(b *testing.B) {
	var hands [2]*hand
	for i := range hands {
		spec := project(b)
		spec.Measure = i == 1
		hands[i] = newTeam(b, Config{}, spec).hire(b, 1)
	}
	const turn = 500
	var used [2]time.Duration
	tasks := 0
	for b.Loop() {
		for i, h := range hands {
			before := cpuOf(b, h.PID)
			for range turn {
				h.run(b, "nothing")
				h.done(b)
			}
			used[i] += cpuOf(b, h.PID) - before
		}
		tasks += turn
	}
	for i, name := range []string{"plain", "measured"} {
		b.ReportMetric(float64(used[i].Nanoseconds())/1e3/float64(tasks), "us-cpu-"+name)
	}
}

// inEachIsolation runs f with one worker, in a cgroup and without any.
func inEachIsolation(b *testing.B, f func(*testing.B, *team)) {
	for _, cfg := range []Config{{}, {Tree: noTree}} {
		name := isolationCgroup
		if cfg.Tree == noTree {
			name = isolationGroup
		}
		b.Run(name, func(b *testing.B) {
			tm := newTeam(b, cfg, project(b))
			tm.hire(b, 1)
			f(b, tm)
		})
	}
}

// BenchmarkAccount measures the answer to what a task has cost.
func BenchmarkAccount(b *testing.B) {
	inEachIsolation(b, func(b *testing.B, tm *team) {
		for b.Loop() {
			if _, err := tm.client.Account(b.Context(), 1, Spent{}); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// cpuOf returns the CPU time of a process with one thread.
func cpuOf(b *testing.B, pid int) time.Duration {
	b.Helper()
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/schedstat")
	if err != nil {
		b.Fatal(err)
	}
	return time.Duration(number(b, strings.Fields(string(text))[0]))
}

// launchAll starts n workers at once, and ends them.
func (tm *team) launchAll(b *testing.B, n int) (started, ready time.Duration) {
	b.Helper()
	began := time.Now()
	hands := make([]*hand, n)
	var wg sync.WaitGroup
	for i := range hands {
		wg.Go(func() {
			l, err := tm.client.Launch(bounded(b), i)
			if err != nil {
				b.Error(err)
				return
			}
			hands[i] = &hand{Launched: l}
		})
	}
	wg.Wait()
	started = time.Since(began)
	if b.Failed() {
		b.FailNow()
	}
	for _, h := range hands {
		h.frame(b)
	}
	ready = time.Since(began)
	b.StopTimer()
	for i, h := range hands {
		tm.client.Kill(i)
		exitOfWorker(b, h.Launched)
		h.close()
	}
	b.StartTimer()
	return started, ready
}

// rss returns a process's resident memory in megabytes.
func rss(b *testing.B, pid int) float64 {
	b.Helper()
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kilobytes := number(b, strings.TrimSuffix(strings.TrimSpace(rest), " kB"))
			return float64(kilobytes) / 1024
		}
	}
	b.Fatal("no VmRSS")
	return 0
}

// BenchmarkLimit measures a change of a worker's limits between two tasks, from the daemon's
// request to the answer, where the kernel hands controllers down and where it does not.
func BenchmarkLimit(b *testing.B) {
	inEachIsolation(b, func(b *testing.B, tm *team) {
		for b.Loop() {
			for _, limits := range []string{`{"memory_max": "1G", "cpu_quota": "50%"}`, `{"memory_max": "2G", "tasks_max": 64}`} {
				if l := tm.limited(b, 1, limits, true); l.Err != nil {
					b.Fatal(l.Err)
				}
			}
		}
		b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(2*b.N), "µs/change")
	})
}
