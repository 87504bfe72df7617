package workers_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"dispatcherd/workers"
)

// bench is a running pool on fake processes in fake time. Whatever a test does
// with it, at its end the pool must have ended, with every task accounted for.
type bench struct {
	t        *testing.T
	pool     *workers.Pool
	launcher *fakeLauncher
	cfg      workers.Config
	log      *record
	cancel   context.CancelFunc

	mu     sync.Mutex // guards the fields below
	fresh  []workers.Event
	over   chan struct{}   // closed when Run has returned
	open   map[uint64]bool // tasks that a worker was given and that have not come back
	wrongs []string
	late   bool // returned tasks are not queued again at once
}

// pool is a configuration without scaling down and retirement.
func pool(least, most int) workers.Config {
	return workers.Config{
		MinWorkers: least, MaxWorkers: most,
		ScaledownWait: 1000 * time.Hour,
		CancelGrace:   10 * time.Second,
		ShutdownGrace: 30 * time.Second,
	}
}

// newBench starts a pool; it must be called in a bubble.
func newBench(t *testing.T, cfg workers.Config, h habits) *bench {
	t.Helper()
	b := &bench{
		t: t, cfg: cfg, log: &record{},
		launcher: &fakeLauncher{habits: h, procs: map[int]*fakeProcess{}},
		over:     make(chan struct{}), open: map[uint64]bool{},
	}
	log := slog.New(slog.NewTextHandler(b.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	b.pool = workers.NewPool(cfg, b.launcher, b.report, log)
	b.launcher.hold()
	ctx, cancel := context.WithCancel(t.Context())
	b.cancel = cancel
	ended := make(chan error, 1)
	go func() {
		ended <- b.pool.Run(ctx)
		close(b.over)
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run() = %v, want nil", err)
		}
		b.check()
		if n := len(b.pool.Workers()); n != 0 {
			t.Errorf("%d workers are left", n)
		}
		for seq := range b.open {
			t.Errorf("task %d was given to a worker and never heard of again", seq)
		}
	})
	synctest.Wait()
	b.launcher.greet()
	return b
}

// demand tells the pool that n tasks wait; new workers get ready by their numbers.
func (b *bench) demand(n int) {
	b.t.Helper()
	b.launcher.hold()
	b.pool.Waiting(n)
	synctest.Wait()
	b.launcher.greet()
	b.check()
}

// report is what the pool calls.
func (b *bench) report(e workers.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fresh = append(b.fresh, e)
	if !b.late {
		b.pool.Requeued(len(e.Tasks))
	}
	back := e.Tasks
	if e.Kind == workers.TaskEnded {
		back = append(slices.Clone(back), e.Task)
	}
	for _, t := range back {
		if !b.open[t.Seq] {
			b.wrongs = append(b.wrongs, fmt.Sprintf("task %d came back and was not out", t.Seq))
		}
		delete(b.open, t.Seq)
	}
}

// check compares the pool with itself.
func (b *bench) check() {
	b.t.Helper()
	for _, wrong := range b.inconsistencies() {
		b.t.Error(wrong)
	}
}

func (b *bench) inconsistencies() []string {
	b.mu.Lock()
	wrongs := slices.Clone(b.wrongs)
	b.mu.Unlock()
	if err := b.pool.Consistent(); err != nil {
		wrongs = append(wrongs, err.Error())
	}
	if most := b.launcher.mostAlive(); most > b.cfg.MaxWorkers {
		wrongs = append(wrongs, fmt.Sprintf("%d processes were alive at once, want at most %d", most, b.cfg.MaxWorkers))
	}
	return wrongs
}

// run gives a task to the pool.
func (b *bench) run(t *workers.Task) (id int, ok bool) {
	b.mu.Lock()
	b.open[t.Seq] = true // before it can come back
	b.mu.Unlock()
	if id, ok = b.pool.TryRun(t); !ok {
		b.mu.Lock()
		delete(b.open, t.Seq)
		b.mu.Unlock()
	}
	synctest.Wait()
	return id, ok
}

// ahead hands a task ahead.
func (b *bench) ahead(t *workers.Task) (ok bool) {
	b.mu.Lock()
	b.open[t.Seq] = true
	b.mu.Unlock()
	if ok = b.pool.Ahead(t); !ok {
		b.mu.Lock()
		delete(b.open, t.Seq)
		b.mu.Unlock()
	}
	synctest.Wait()
	return ok
}

// start gives task seq to the pool, which must have a worker for it.
func (b *bench) start(seq uint64, timeout time.Duration) *fakeProcess {
	b.t.Helper()
	id, ok := b.run(&workers.Task{Seq: seq, Timeout: timeout})
	if !ok {
		b.t.Fatalf("TryRun(task %d) = false, want a worker; %v", seq, b.states())
	}
	return b.proc(id)
}

func (b *bench) proc(id int) *fakeProcess {
	b.t.Helper()
	p := b.launcher.proc(id)
	if p == nil {
		b.t.Fatalf("worker %d was never launched; %v", id, b.states())
	}
	return p
}

// pass lets time pass.
func (b *bench) pass(d time.Duration) {
	b.t.Helper()
	time.Sleep(d) // of the bubble
	b.settle()
}

// settle lets everything happen that happens now.
func (b *bench) settle() {
	b.t.Helper()
	synctest.Wait()
	b.check()
}

// told returns the events since the last call, as words.
func (b *bench) told() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var words []string
	for _, e := range b.fresh {
		words = append(words, inWords(e))
	}
	b.fresh = nil
	return words
}

func inWords(e workers.Event) string {
	switch e.Kind {
	case workers.WorkerFree:
		return fmt.Sprintf("worker %d free", e.Worker)
	case workers.TaskReturned:
		return fmt.Sprintf("returned: %v", seqs(e.Tasks))
	case workers.ControlRequest:
		return fmt.Sprintf("task %d asks %d %s %s", e.Task.Seq, e.Request, e.Command, e.Data)
	case workers.TaskEnded:
		text := fmt.Sprintf("task %d %s", e.Task.Seq, e.Outcome)
		if e.Detail != "" {
			text += ": " + e.Detail
		}
		if e.Next != nil {
			text += fmt.Sprintf(", then %d", e.Next.Seq)
		}
		if len(e.Tasks) > 0 {
			text += fmt.Sprintf(", returned: %v", seqs(e.Tasks))
		}
		return text
	default:
		return fmt.Sprintf("event of kind %d", e.Kind)
	}
}

func seqs(tasks []*workers.Task) (seqs []uint64) {
	for _, t := range tasks {
		seqs = append(seqs, t.Seq)
	}
	return seqs
}

// end is the end of a task that was told since the last call of told.
func (b *bench) end(seq uint64) workers.Event {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.fresh {
		if e.Kind == workers.TaskEnded && e.Task.Seq == seq {
			return e
		}
	}
	b.t.Fatalf("the end of task %d was not told", seq)
	return workers.Event{}
}

// states lists the workers as "id state".
func (b *bench) states() []string {
	var states []string
	for _, w := range b.pool.Workers() {
		states = append(states, fmt.Sprintf("%d %s", w.ID, w.State))
	}
	return states
}

func (b *bench) wantStates(want ...string) {
	b.t.Helper()
	if diff := cmp.Diff(want, b.states()); diff != "" {
		b.t.Errorf("workers (-want +got):\n%s", diff)
	}
}

// wantTold compares the events since the last call; what different workers tell
// at the same moment comes in no order.
func (b *bench) wantTold(want ...string) {
	b.t.Helper()
	told := b.told()
	slices.Sort(told)
	slices.Sort(want)
	if diff := cmp.Diff(want, told); diff != "" {
		b.t.Errorf("events (-want +got):\n%s", diff)
	}
}

func (b *bench) wantHeard(id int, want ...string) {
	b.t.Helper()
	if diff := cmp.Diff(want, b.proc(id).heard()); diff != "" {
		b.t.Errorf("worker %d was told (-want +got):\n%s", id, diff)
	}
}

// record is a log that may be read while it is written.
type record struct {
	mu   sync.Mutex // guards text
	text strings.Builder
}

func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(p)
}

func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

// bubble runs a test in fake time.
func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, f)
}
