package workers_test

import (
	"testing"
	"time"

	"dispatcherd/workers"
)

// eager is a pool of so many workers that have run quick tasks, and are busy with tasks 1, 2, ...
func eager(t *testing.T, size int) *bench {
	t.Helper()
	cfg := pool(size, size)
	cfg.HandAhead = 3
	b := newBench(t, cfg, habits{})
	for id := range size {
		b.earn(id, 100*uint64(id+1))
	}
	b.told()
	for id := range size {
		b.start(uint64(id+1), 0)
	}
	return b
}

// earn has the worker that is free for longest run three quick tasks.
func (b *bench) earn(id int, seq uint64) {
	b.t.Helper()
	for range 3 {
		for { // until it is this one's turn
			seq++
			p := b.start(seq, 0)
			p.done(seq, workers.Succeeded)
			b.settle()
			if p == b.proc(id) {
				break
			}
		}
	}
}

func (b *bench) wantAhead(seq uint64, want bool) {
	b.t.Helper()
	if got := b.ahead(&workers.Task{Seq: seq}); got != want {
		b.t.Errorf("task %d was handed ahead: %v, want %v", seq, got, want)
	}
}

func TestQuickWorkerIsHandedTasksAheadAndBeginsThem(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := eager(t, 1)
		for seq := uint64(10); seq <= 12; seq++ {
			b.wantAhead(seq, true)
		}
		b.wantAhead(13, false) // there is room for three
		if got := b.pool.Stats().Waiting; got != 3 {
			t.Errorf("%d tasks wait, want those that were handed ahead", got)
		}
		b.proc(0).goOn(1)
		b.settle()
		b.wantTold("task 1 succeeded, then 10")
		b.wantAhead(13, false) // not before half of them are gone
		b.proc(0).goOn(10)
		b.settle()
		b.wantTold("task 10 succeeded, then 11")
		b.wantAhead(13, true)
		for _, seq := range []uint64{11, 12, 13} {
			b.proc(0).goOn(seq)
			b.settle()
		}
		b.wantTold("task 11 succeeded, then 12", "task 12 succeeded, then 13", "task 13 succeeded")
		b.wantStates("0 ready")
	})
}

func TestNothingIsHandedAheadThatMustNotBe(t *testing.T) {
	for _, tt := range []struct {
		name string
		prep func(b *bench)
		task workers.Task
	}{
		{"with a timeout", func(*bench) {}, workers.Task{Timeout: time.Hour}},
		{"with limits", func(*bench) {}, workers.Task{Limits: "{}"}},
		{"behind a task that is to end", func(b *bench) { b.pool.Cancel(1) }, workers.Task{}},
		{"to a worker that has died", func(b *bench) { b.proc(0).exit("killed by SIGSEGV", false) }, workers.Task{}},
		{"while a worker is free", func(b *bench) { b.proc(0).done(1, workers.Succeeded) }, workers.Task{}},
		{"to a worker that is to be replaced", func(b *bench) {
			b.wantAhead(8, true)
			b.pool.Replace()
		}, workers.Task{}},
		{"while one could be started", func(b *bench) { b.grow() }, workers.Task{}},
		{"behind a task that takes long", func(b *bench) {
			b.wantAhead(8, true)
			b.pass(5 * time.Millisecond)
		}, workers.Task{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				b := eager(t, 1)
				tt.prep(b)
				b.settle()
				tt.task.Seq = 9
				if b.ahead(&tt.task) {
					t.Error("it was handed ahead")
				}
			})
		})
	}
}

// grow allows one more worker.
func (b *bench) grow() {
	b.cfg.MaxWorkers++
	b.pool.Use(b.cfg)
}

func TestWorkerMustHaveRunQuickTasks(t *testing.T) {
	for _, tt := range []struct {
		name string
		last workers.Report
	}{
		{"slow", workers.Report{Outcome: workers.Succeeded, RunTime: time.Millisecond}},
		{"failed", workers.Report{Outcome: workers.Failed}},
		{"printed", workers.Report{Outcome: workers.Succeeded, Printed: true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				b := eager(t, 1)
				tt.last.Kind, tt.last.Seq = workers.Done, 1
				b.proc(0).say(tt.last)
				b.settle()
				for seq := uint64(2); seq <= 4; seq++ {
					b.start(seq, 0)
					b.wantAhead(9, false)
					b.proc(0).done(seq, workers.Succeeded)
					b.settle()
				}
				b.start(5, 0)
				b.wantAhead(9, true)
			})
		})
	}
}

func TestWhatWaitsBehindALongTaskIsTakenBack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := eager(t, 1)
		b.wantAhead(10, true)
		b.wantAhead(11, true)
		b.pass(4 * time.Millisecond)
		b.wantTold()
		b.pass(6 * time.Millisecond)
		b.wantTold("returned: [10 11]")
		b.proc(0).goOn(1)
		b.settle()
		b.wantTold("task 1 succeeded")
	})
}

func TestWorkerThatBeginsNoneGivesAllBack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := eager(t, 1)
		b.wantAhead(10, true)
		b.wantAhead(11, true)
		b.proc(0).done(1, workers.Succeeded)
		b.settle()
		b.wantTold("task 1 succeeded, returned: [10 11]")
		b.wantStates("0 ready")
	})
}

func TestWorkerThatIsFreeHasTheOthersShare(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := eager(t, 2)
		for seq := uint64(10); seq <= 13; seq++ {
			b.wantAhead(seq, true) // three for one, one for the other
		}
		for _, w := range b.pool.Workers() {
			if b.proc(w.ID).parked() == 1 {
				b.proc(w.ID).goOn(w.Task.Seq)
				b.settle()
				b.proc(w.ID).goOn(13)
			}
		}
		b.settle()
		if told := b.told(); told[len(told)-1] != "task 13 succeeded, returned: [10 11 12]" {
			t.Errorf("told %q, want that 10 to 12 are returned with the end of the last task", told)
		}
	})
}

// parked is how many tasks wait at the process.
func (p *fakeProcess) parked() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.lane)
}

func TestWhatADeadWorkerHasNotBegunIsReturned(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := eager(t, 1)
		b.wantAhead(10, true)
		b.wantAhead(11, true)
		b.proc(0).take() // without a word: it has not begun
		b.proc(0).exit("killed by SIGKILL", false)
		b.settle()
		b.wantTold("returned: [10 11]", "task 1 killed: killed by SIGKILL", "worker 1 free")
	})
}

func TestTakeBackLeavesWhatIsAboutToBegin(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := eager(t, 1)
		b.wantAhead(10, true)
		b.wantAhead(11, true)
		b.proc(0).take()
		back := b.pool.TakeBack()
		if len(back) != 1 || back[0].Seq != 11 {
			t.Errorf("TakeBack() = %v, want task 11", back)
		}
		b.mu.Lock()
		delete(b.open, 11)
		b.mu.Unlock()
		b.proc(0).say(workers.Report{Kind: workers.Done, Seq: 1, Outcome: workers.Succeeded, Begins: true})
		b.settle()
		b.wantTold("task 1 succeeded, then 10")
		b.proc(0).goOn(10)
		b.settle()
		b.wantTold("task 10 succeeded")
	})
}

func TestWorkerThatBeginsWhatItWasNotHandedIsKilled(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := eager(t, 1)
		b.proc(0).say(workers.Report{Kind: workers.Done, Seq: 1, Outcome: workers.Succeeded, Begins: true})
		b.settle()
		b.wantTold("task 1 killed: its worker broke the protocol; killed by SIGKILL", "worker 1 free")
	})
}

func TestNothingOvertakesWhatComesBack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := eager(t, 1)
		b.late = true
		b.wantAhead(10, true)
		b.wantAhead(11, true)
		b.proc(0).done(1, workers.Succeeded)
		b.settle()
		b.wantTold("task 1 succeeded, returned: [10 11]")
		if id, ok := b.run(&workers.Task{Seq: 12}); ok {
			t.Errorf("worker %d was given a task before those that came back were queued again", id)
		}
		b.pool.Requeued(2)
		b.start(10, 0)
	})
}

func TestADrainTakesBackWhatHasNotBegun(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := eager(t, 1)
		b.wantAhead(10, true)
		b.cancel()
		b.settle()
		b.wantTold("returned: [10]")
		b.proc(0).goOn(1)
		b.settle()
		b.wantTold("task 1 succeeded")
		b.wantEnded(true)
	})
}

func TestInheritedTasksEndOneAfterTheOther(t *testing.T) {
	for _, tt := range []struct {
		name string
		ends []uint64
		want []string
	}{
		{"all are heard of", []uint64{1, 2}, []string{"task 1 succeeded, then 2", "task 2 succeeded"}},
		{"the first one was told to the earlier daemon", []uint64{2}, []string{
			"task 1 lost: how it ended is not known: the daemon before this one was killed as it heard of it", "task 2 succeeded",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				b := newBench(t, pool(0, 1), habits{})
				i := b.left(4, &workers.Task{Seq: 1}, habits{deaf: true})
				i.Later = []*workers.Task{{Seq: 2}}
				b.open[1], b.open[2] = true, true
				b.inherit(i)
				for _, seq := range tt.ends {
					b.proc(4).say(workers.Report{Kind: workers.Done, Seq: seq, Outcome: workers.Succeeded, Begins: seq == 1})
					b.settle()
				}
				b.wantTold(tt.want...)
				b.wantStates("4 stopping")
				b.proc(4).exit("exit code 0", true)
				b.settle()
			})
		})
	}
}

func TestInheritedTasksOfWhichNothingIsHeardEndWithTheirWorker(t *testing.T) {
	const lost = "lost: how it ended is not known: the daemon before this one was killed as it heard of it"
	for _, tt := range []struct {
		name string
		end  func(*fakeProcess)
		last string
	}{
		{"it leaves", func(p *fakeProcess) {
			p.say(workers.Report{Kind: workers.Leaving, Reason: "stop requested"})
			p.exit("exit code 0", true)
		}, "task 3 " + lost},
		{"it dies", func(p *fakeProcess) { p.exit("killed by SIGKILL", false) }, "task 3 killed: killed by SIGKILL"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				b := newBench(t, pool(0, 1), habits{})
				i := b.left(4, &workers.Task{Seq: 1}, habits{deaf: true})
				i.Later = []*workers.Task{{Seq: 2}, {Seq: 3}}
				b.open[1], b.open[2], b.open[3] = true, true, true
				b.inherit(i)
				tt.end(b.proc(4))
				b.settle()
				b.wantTold("task 1 "+lost, "task 2 "+lost, tt.last)
			})
		})
	}
}
