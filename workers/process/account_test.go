package process

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dispatcherd/workers"
	"dispatcherd/workers/supervisor"
)

const ms = time.Millisecond

// usedBody is what a worker writes that measures its tasks: this one has run for ran, took
// CPU time from 10 to 12 ms, 64 KiB of memory, read 512 of 1024 bytes and wrote nothing.
func usedBody(outcome, flags byte, ran time.Duration) []byte {
	b := doneBody(outcome, flags|measuredFlag, 10, 10+ran.Seconds(), "", "")
	for _, seconds := range []float64{0.010, 0.012} {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(seconds))
	}
	for _, n := range []uint64{64 << 10, 512, 1024, 4096, 4096} {
		b = binary.LittleEndian.AppendUint64(b, n)
	}
	return b
}

var (
	ownUsage = workers.Usage{CPU: 2 * ms, MemoryPeak: 64 << 10, MemorySource: workers.PeakOfProcess, Read: 512}
	counted  = supervisor.Account{
		CPU: 90 * ms, Throttled: ms, MemoryPeak: 5 << 20, MemorySource: supervisor.PeakCounted, MemoryMax: 6 << 20, OOMKills: 1,
		PIDsPeak: 4, Read: 7, Written: 8, Leftovers: 2, LeftAlone: true,
	}
	countedUsage = workers.Usage{
		CPU: 90 * ms, Throttled: ms, MemoryPeak: 5 << 20, MemorySource: workers.PeakCounted, MemoryMax: 6 << 20, OOMKills: 1,
		PIDsPeak: 4, Read: 7, Written: 8, Leftovers: 2, LeftAlone: true,
	}
)

func TestOnlyATaskThatCanHaveHiddenSomethingIsAskedFor(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		body   []byte
		limits string
		watch  bool
		asked  bool
		want   workers.Usage
	}{
		{"short, alone and well", usedBody(1, 0, 49*ms), "", false, false, ownUsage},
		{"long", usedBody(1, 0, 51*ms), "", false, true, countedUsage},
		{"with others in its cgroup", usedBody(1, moreFlag, ms), "", false, true, countedUsage},
		{"failed", usedBody(2, 0, ms), "", false, true, countedUsage},
		{"cancelled", usedBody(3, 0, ms), "", false, true, countedUsage},
		{"with limits of its own", usedBody(1, 0, ms), `{"memory_max":"1G"}`, false, true, countedUsage},
		{"watched", usedBody(1, 0, 49*ms), "", true, true, countedUsage},
		{"of a runtime that does not measure", doneBody(1, 0, 10, 20, "", ""), "", false, false, workers.Usage{}},
	} {
		r := newRig(t)
		r.account, r.atOnce = counted, &supervisor.Limited{}
		if err := r.Send(&workers.Task{Seq: 5, UUID: "u-5", Name: "app.work", Body: []byte("{}"), Limits: tt.limits}); err != nil {
			t.Fatal(err)
		}
		if tt.watch {
			if err := r.Process.Watch(); err != nil {
				t.Fatal(err)
			}
		}
		r.write(frame{helloFrame, 0, []byte(`{"version":1,"cpu":0.004,"residents":[77]}`)}, frame{doneFrame, 5, tt.body})
		r.Receive()
		if got := r.Receive(); got.Kind != workers.Done || got.Usage != tt.want {
			t.Errorf("%s: usage %+v, want %+v", tt.name, got.Usage, tt.want)
		}
		r.mu.Lock()
		asked := r.asked
		r.mu.Unlock()
		if (len(asked) == 1) != tt.asked || tt.asked && (asked[0].CPUEnd != 12*ms || !slices.Equal(asked[0].Residents, []int{77})) {
			t.Errorf("%s: the supervisor was asked %+v", tt.name, asked)
		}
		r.end()
	}
}

func TestTaskThatCannotBeAccountedIsKnownInPart(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		refusal error
		warned  bool
	}{{errors.New("no answer"), true}, {supervisor.ErrTooOld, false}} {
		r := newRig(t)
		r.refusal = tt.refusal
		if err := r.Send(sample); err != nil {
			t.Fatal(err)
		}
		r.write(frame{doneFrame, 5, usedBody(2, 0, ms)})
		if got := r.Receive(); got.Kind != workers.Done || got.Usage != ownUsage {
			t.Errorf("%v: %+v, want what the worker itself has said", tt.refusal, got)
		}
		if tt.warned {
			r.logged(`msg="what a task has cost is known in part" worker=3 err="no answer" uuid=u-5 task=app.work`)
		} else if log := r.log.String(); log != "" {
			t.Errorf("%v: logged\n%s", tt.refusal, log)
		}
		r.end()
	}
}

func TestTaskAfterWhichItsWorkerHasLeftIsAccountedByItsExit(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.refusal = fmt.Errorf("account: %w", supervisor.ErrGone)
	if err := r.Send(sample); err != nil {
		t.Fatal(err)
	}
	r.write(frame{doneFrame, 5, usedBody(1, moreFlag|leavesFlag, ms)})
	r.exited <- supervisor.Exit{Account: &supervisor.Account{CPU: 50 * ms, Read: 600, Written: 5000, Leftovers: 3}}
	want := workers.Usage{CPU: 40 * ms, Read: 88, Written: 904, Leftovers: 3}
	if got := r.Receive(); got.Kind != workers.Done || got.Usage != want {
		t.Errorf("%+v, want usage %+v", got, want)
	}
	r.worker.Close()
	if got := r.last(); got.Usage != (workers.Usage{}) {
		t.Errorf("the end of the worker has usage %+v", got.Usage)
	}
}

func TestTaskWhoseWorkerDiesIsAccountedByItsExit(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.write(frame{helloFrame, 0, []byte(`{"version":1,"cpu":0.004}`)})
	r.Receive()
	for _, seq := range []uint64{5, 6} {
		if err := r.Send(&workers.Task{Seq: seq, Body: []byte("{}")}); err != nil {
			t.Fatal(err)
		}
		if seq == 5 {
			r.write(frame{doneFrame, 5, usedBody(1, 0, ms)})
			r.Receive()
		}
	}
	exit := supervisor.Exit{Signal: syscall.SIGKILL, OOM: true, By: supervisor.ByOOM, Account: &supervisor.Account{
		CPU: 50 * ms, Read: 2000, Written: 4000, MemoryPeak: 9, MemorySource: supervisor.PeakCounted, OOMKills: 1,
	}}
	r.die(exit)
	got := r.last()
	want := workers.Usage{CPU: 38 * ms, Read: 976, Written: 0, MemoryPeak: 9, MemorySource: workers.PeakCounted, OOMKills: 1}
	if got.Usage != want {
		t.Errorf("usage %+v, want %+v", got.Usage, want)
	}
	death := workers.Death{Signal: syscall.SIGKILL, OOM: true, By: supervisor.ByOOM}
	if diff := cmp.Diff(death, got.Death); diff != "" {
		t.Errorf("death: -want +got\n%s", diff)
	}
}

func TestWorkerThatDiesWithoutATaskHasNoUsage(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.write(frame{helloFrame, 0, []byte(`{"version":1,"cpu":0.004}`)})
	r.die(supervisor.Exit{Code: 3, Account: &supervisor.Account{CPU: 50 * ms}})
	if got := r.last(); got.Usage != (workers.Usage{}) || got.Death != (workers.Death{Code: 3}) {
		t.Errorf("usage %+v, death %+v, want none and exit code 3", got.Usage, got.Death)
	}
}

func TestTaskOfAnEarlierDaemonIsNotChargedForThoseBeforeIt(t *testing.T) {
	t.Parallel()
	r := newRigWith(t, Inherited{sample, 2})
	r.die(supervisor.Exit{Signal: syscall.SIGSEGV, Core: true, Account: &supervisor.Account{CPU: time.Hour, Read: 5, Written: 6, MemoryPeak: 7}})
	if got := r.last(); got.Usage != (workers.Usage{MemoryPeak: 7}) || got.Death != (workers.Death{Signal: syscall.SIGSEGV, Core: true}) {
		t.Errorf("usage %+v, death %+v", got.Usage, got.Death)
	}
}

func TestDeathThatNobodySawIsUnknown(t *testing.T) {
	t.Parallel()
	for _, e := range []supervisor.Exit{{Lost: true}, {GivenUp: true}} {
		if got := deathOf(e); got != (workers.Death{Unknown: true}) {
			t.Errorf("death of %+v is %+v", e, got)
		}
	}
}

func TestDoneFrameIsReadWithAndWithoutAUsage(t *testing.T) {
	t.Parallel()
	body := append(usedBody(1, moreFlag|leavesFlag, ms), "[1]"...)
	r, d, err := doneReport(7, body)
	if err != nil || string(r.Result) != "[1]" || !r.Stopping || !d.measured || !d.more || d.spent.WrittenEnd != 4096 {
		t.Errorf("doneReport = %+v, %+v, %v", r, d, err)
	}
	if _, _, err := doneReport(7, usedBody(1, 0, ms)[:doneSize+usageSize-1]); err == nil {
		t.Error("a usage that is cut short was read")
	}
}
