package process

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"dispatcherd/workers"
	"dispatcherd/workers/supervisor"
)

// limiter plays the supervisor's part in limits.
type limiter struct {
	pool   string // the limits of every worker
	old    bool   // it cannot limit
	gone   bool   // there is no connection
	wanted []string
	done   func(supervisor.Limited)
	// atOnce is answered before Limit returns; nil for an answer that the test gives.
	atOnce *supervisor.Limited
}

func (l *limiter) Limits() string { return l.pool }

func (l *limiter) Limit(worker int, limits string, fresh bool, done func(supervisor.Limited)) (bool, error) {
	l.wanted = append(l.wanted, fmt.Sprintf("%d %s fresh=%v", worker, limits, fresh))
	l.done = done
	if l.gone {
		return false, errors.New("no connection")
	}
	if l.atOnce != nil {
		done(*l.atOnce)
	}
	return !l.old, nil
}

var limited = &workers.Task{Seq: 6, UUID: "u-6", Name: "app.work", Body: []byte(`{"task": "app.work"}`), Limits: `{"memory_max":"1G"}`}

// hears is what the worker has got so far; the stop frame is sent to end the list.
func (r *rig) hears() []string {
	r.t.Helper()
	if err := r.Stop(); err != nil {
		r.t.Fatal(err)
	}
	in, err := newInbox(r.worker)
	if err != nil {
		r.t.Fatal(err)
	}
	c := frameCounterpart{rig: r, in: in}
	var all []string
	for range 10 {
		word := c.Hear()
		if word == "stop" {
			return all
		}
		all = append(all, word)
	}
	r.t.Fatalf("no stop in %q", all)
	return nil
}

func (r *rig) want(what string, got []string, want ...string) {
	r.t.Helper()
	if !slices.Equal(got, want) {
		r.t.Errorf("%s: %q, want %q", what, got, want)
	}
}

func TestTaskWaitsForItsLimits(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	defer r.end()
	if err := r.Send(limited); err != nil {
		t.Fatal(err)
	}
	r.want("asked for", r.wanted, `3 {"memory_max":"1G"} fresh=true`)
	if _, running := r.noted(); running {
		t.Error("the task is noted as running while it waits")
	}
	r.want("before the limits", r.hears())
	r.done(supervisor.Limited{})
	r.want("with the limits", r.hears(), "task 6")
	if _, running := r.noted(); !running {
		t.Error("the task is not noted as running")
	}
	r.write(frame{doneFrame, 6, doneBody(1, 0, 1, 2, "", "")})
	r.Receive()

	// The same again costs nothing, and others are asked for.
	again := *limited
	again.Seq = 7
	if err := r.Send(&again); err != nil {
		t.Fatal(err)
	}
	r.want("the same limits", r.hears(), "task 7")
	r.write(frame{doneFrame, 7, doneBody(1, 0, 1, 2, "", "")})
	r.Receive()
	r.pool = `{}`
	if err := r.Send(sample); err != nil {
		t.Fatal(err)
	}
	r.want("asked for in all", r.wanted, `3 {"memory_max":"1G"} fresh=true`, `3 {} fresh=false`)
	r.done(supervisor.Limited{})
	r.want("with those of every worker", r.hears(), "task 5")
}

func TestCancelDoesNotOvertakeATaskThatWaitsForItsLimits(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	defer r.end()
	if err := r.Send(limited); err != nil {
		t.Fatal(err)
	}
	if err := r.Cancel(6); err != nil {
		t.Fatal(err)
	}
	r.want("before the limits", r.hears())
	r.done(supervisor.Limited{})
	r.want("with the limits", r.hears(), "task 6", "cancel 6")
	r.want("signals", r.said, "interrupt 3")
}

func TestRefusedLimitsEndTheTaskAndNotTheWorker(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	defer r.end()
	if err := r.Send(limited); err != nil {
		t.Fatal(err)
	}
	r.done(supervisor.Limited{Err: errors.New("memory_max must be at least 2G")})
	got := r.Receive()
	if got.Kind != workers.Done || got.Seq != 6 || got.Outcome != workers.Failed || got.Error != "limits: memory_max must be at least 2G" {
		t.Errorf("report %+v, want the task failed with the reason", got)
	}
	r.want("the worker", r.hears())
	if err := r.Send(sample); err != nil { // it has its former limits, which are those of every worker
		t.Fatal(err)
	}
	r.want("the next task", r.hears(), "task 5")
	r.write(frame{doneFrame, 5, doneBody(1, 0, 1, 2, "", "")})
	if got := r.Receive(); got.Kind != workers.Done || got.Seq != 5 {
		t.Errorf("report %+v, want the end of the next task", got)
	}
}

func TestWorkerThatHasGrownGivesTheTaskBack(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		task   *workers.Task
		answer supervisor.Limited
	}{
		{"grown", limited, supervisor.Limited{Err: errors.New("too small"), Grown: true}},
		{"limits of every worker", sample, supervisor.Limited{Err: errors.New("too small")}},
	} {
		r := newRig(t)
		r.pool = `{"tasks_max":"1"}`
		if err := r.Send(tt.task); err != nil {
			t.Fatal(err)
		}
		r.done(tt.answer)
		if got := r.Receive(); got.Kind != workers.Leaving || got.Reason != "limits: too small" {
			t.Errorf("%s: report %+v, want a worker that leaves", tt.name, got)
		}
		r.want(tt.name, r.hears()) // nothing but the stop
		r.end()
	}
}

func TestReportOfTheDaemonsOwnIsNotLostBehindTheEndOfTheProcess(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if err := r.Send(limited); err != nil {
		t.Fatal(err)
	}
	r.done(supervisor.Limited{Err: errors.New("too small"), Grown: true})
	r.die(supervisor.Exit{})
	<-r.Process.exited
	if got := r.Receive(); got.Kind != workers.Leaving {
		t.Errorf("first report %+v, want a worker that leaves", got)
	}
	if got := r.Receive(); got.Kind != workers.Exited || !got.Clean {
		t.Errorf("second report %+v, want its end", got)
	}
}

func TestHelloComesOnceTheWorkerHasItsLimits(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.pool, r.old = `{"memory_max":"1G"}`, true // which has nothing to wait for
	r.write(frame{helloFrame, 0, []byte(`{"version":1}`)})
	if got := r.Receive(); got.Kind != workers.Hello {
		t.Errorf("report %+v, want hello", got)
	}
	if err := r.Send(sample); err != nil {
		t.Fatal(err)
	}
	r.want("asked for", r.wanted, `3 {"memory_max":"1G"} fresh=true`)
	r.end()
}

func TestWorkerThatNeedsMoreThanEveryWorkerMayHaveLeaves(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.pool = `{"memory_max":"1M"}`
	r.write(frame{helloFrame, 0, []byte(`{"version":1}`)})
	r.atOnce = &supervisor.Limited{Err: errors.New("memory_max must be at least 20M")}
	got := r.Receive()
	if got.Kind != workers.Leaving || !strings.Contains(got.Reason, "at least 20M") {
		t.Errorf("report %+v, want a worker that leaves and says why", got)
	}
	r.end()
}

func TestTaskIsNotSentWithoutAConnection(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	defer r.end()
	r.gone = true
	if err := r.Send(limited); err == nil {
		t.Error("Send succeeded without its limits")
	}
	r.want("the worker", r.hears())
	if err := r.Cancel(6); err != nil {
		t.Fatal(err)
	}
	r.want("a cancel afterwards", r.hears(), "cancel 6")
}
