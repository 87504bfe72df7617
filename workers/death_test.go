package workers_test

import (
	"testing"
	"time"

	"dispatcherd/workers"
)

func TestOutOfMemoryBeforeTheKillIsWhatEndedTheTask(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(1, 1), habits{})
		b.told()
		p := b.start(1, 3*time.Second)
		b.pass(4 * time.Second)
		b.wantHeard(0, "task 1", "cancel 1")
		p.exit("killed by SIGKILL: out of memory", false)
		b.settle()
		b.wantTold("task 1 oom_killed: killed by SIGKILL: out of memory; the kernel ended a process of it: its worker, process 1000", "worker 1 free")
	})
}

func TestOutOfMemoryAfterTheKillChangesNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(1, 1), habits{immortal: true})
		b.told()
		p := b.start(1, 3*time.Second)
		b.pass(13 * time.Second)
		b.wantHeard(0, "task 1", "cancel 1", "kill")
		p.exit("killed by SIGKILL: out of memory", false)
		b.settle()
		b.wantTold("task 1 timed_out: timed out after 3s; killed by SIGKILL: out of memory; the kernel ended a process of it: its worker, process 1000", "worker 1 free")
	})
}

func TestDeathSaysWhetherThePoolWasIt(t *testing.T) {
	t.Parallel()
	for by, kill := range map[string]func(b *bench, p *fakeProcess){
		"":           func(_ *bench, p *fakeProcess) { p.exit("killed by SIGKILL", false) },
		"the daemon": func(b *bench, _ *fakeProcess) { b.pool.Cancel(1); b.pass(time.Minute) },
	} {
		t.Run(by, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				b := newBench(t, pool(1, 1), habits{})
				kill(b, b.start(1, 0))
				b.settle()
				if e := b.end(1); e.Death == nil || e.Death.By != by || e.Death.Signal != 9 {
					t.Errorf("the end is %+v with %+v, want SIGKILL by %q", e, e.Death, by)
				}
			})
		})
	}
}

func TestEndInOrderHasWhatItHasCostAndNoDeath(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(1, 1), habits{})
		cost := workers.Usage{CPU: time.Second, MemoryPeak: 5 << 20, MemorySource: workers.PeakOfProcess}
		b.start(1, 0).say(workers.Report{Kind: workers.Done, Seq: 1, Outcome: workers.Failed, Usage: cost})
		b.settle()
		if e := b.end(1); e.Death != nil || e.Usage != cost {
			t.Errorf("the end is %+v, want no death and %+v", e, cost)
		}
	})
}

func TestMemoryThatRanOutIsToldWithHowMuchThereWas(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		usage workers.Usage
		want  string
	}{
		{"nothing", workers.Usage{MemoryPeak: 1 << 30, MemoryMax: 2 << 30}, ""},
		{"a child", workers.Usage{OOMKills: 1, OOMVictim: "process 78 (python3)", MemoryPeak: 50<<20 - 1000, MemoryMax: 50 << 20},
			"out of memory; 50M of 50M were taken; the kernel ended a process of it: process 78 (python3)"},
		{"several", workers.Usage{OOMKills: 3, MemoryPeak: 3 << 29}, "out of memory; 1.5G were taken; the kernel ended 3 processes of it"},
		{"unmeasured", workers.Usage{OOMKills: 1, MemoryMax: 512}, "out of memory; its limit is 512; the kernel ended a process of it"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				b := newBench(t, pool(1, 1), habits{})
				b.start(1, 0).say(workers.Report{Kind: workers.Done, Seq: 1, Outcome: workers.Succeeded, Usage: tt.usage})
				b.settle()
				if e := b.end(1); e.Detail != tt.want || e.Outcome != workers.Succeeded {
					t.Errorf("the end is %s, %q, want %q", e.Outcome, e.Detail, tt.want)
				}
			})
		})
	}
}
