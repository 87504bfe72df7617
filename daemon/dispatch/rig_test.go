package dispatch

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"

	"dispatcherd/daemon/message"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeRunner has workers whose tasks end when a test says so. It keeps a record.
type fakeRunner struct {
	mu        sync.Mutex // guards the fields below
	free      []int      // ids, lowest first
	running   map[uint64]int
	seqs      map[string]uint64 // by uuid, of the last task with it
	started   []string          // uuids in order
	cancelled []uint64
	waiting   []int
	room      int      // for tasks that are handed ahead
	ahead     []uint64 // those
	requeued  int
	known     int      // to wait: what it was told, or has guessed since as the pool does
	tries     int
}

var _ Runner = (*fakeRunner)(nil)

func newFakeRunner(workers int) *fakeRunner {
	r := &fakeRunner{running: map[uint64]int{}, seqs: map[string]uint64{}}
	for w := range workers {
		r.free = append(r.free, w)
	}
	return r
}

func (r *fakeRunner) TryRun(seq uint64, m *message.Message) (int, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tries++
	if len(r.free) == 0 {
		r.known = max(r.known, 1)
		return 0, false
	}
	r.known = max(r.known-1, 0)
	w := r.free[0]
	r.free = r.free[1:]
	r.running[seq] = w
	r.seqs[m.UUID] = seq
	r.started = append(r.started, m.UUID)
	return w, true
}

// Ahead takes what there is room for.
func (r *fakeRunner) Ahead(seq uint64, m *message.Message) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.ahead) >= r.room {
		return false
	}
	r.ahead = append(r.ahead, seq)
	r.seqs[m.UUID] = seq
	return true
}

func (r *fakeRunner) TakeBack() []uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	back := r.ahead
	r.ahead = nil
	slices.Reverse(back) // their order is nothing to rely on
	return back
}

func (r *fakeRunner) hasAhead() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.ahead) > 0
}

// goOn ends the task of a worker, which begins the next one by itself, and returns both.
func (r *fakeRunner) goOn(uuid string) (seq, next uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	seq = r.seqs[uuid]
	next = r.ahead[0]
	r.ahead = r.ahead[1:]
	r.running[next] = r.running[seq]
	delete(r.running, seq)
	return seq, next
}

func (r *fakeRunner) Requeued(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requeued += n
}

func (r *fakeRunner) Waiting(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waiting = append(r.waiting, n)
	r.known = n
}

func (r *fakeRunner) Cancel(seq uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cancelled = append(r.cancelled, seq)
}

// leave frees the worker that runs the task and returns the task's seq.
func (r *fakeRunner) leave(uuid string) uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	seq := r.seqs[uuid]
	w, ok := r.running[seq]
	if !ok {
		panic("the fake runner does not run " + uuid)
	}
	delete(r.running, seq)
	r.free = append(r.free, w)
	slices.Sort(r.free)
	return seq
}

// lose ends the worker that runs the task, with nothing said about the task, and returns its seq.
func (r *fakeRunner) lose(uuid string) uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	seq := r.seqs[uuid]
	delete(r.running, seq)
	return seq
}

// hire adds a worker.
func (r *fakeRunner) hire(id int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.free = append(r.free, id)
	slices.Sort(r.free)
}

// rig is a running dispatcher in a bubble of fake time.
type rig struct {
	*testing.T
	*Dispatcher
	runner *fakeRunner
	logged *lockedBuffer
	stop   func()
}

// inBubble runs f with a dispatcher that has so many workers.
func inBubble(t *testing.T, workers int, f func(r *rig)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		runner, logged := newFakeRunner(workers), &lockedBuffer{}
		log := slog.New(slog.NewJSONHandler(logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
		d := New(runner, log)
		stop := start(t, d)
		f(&rig{T: t, Dispatcher: d, runner: runner, logged: logged, stop: stop})
	})
}

// start runs d; the returned function ends it and waits, as the test's end does.
func start(t *testing.T, d *Dispatcher) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan struct{})
	go func() {
		defer close(over)
		if err := d.Run(ctx); err != nil {
			t.Errorf("Run() = %v, want nil", err)
		}
	}()
	stop = func() { cancel(); <-over }
	t.Cleanup(stop)
	return stop
}

var discardLog = slog.New(slog.DiscardHandler)

// submit submits a message and waits until nothing more happens.
func (r *rig) submit(text string) <-chan Ended {
	r.Helper()
	watch := make(chan Ended, 1)
	if err := r.Submit(parse(r, text), watch); err != nil {
		r.Fatalf("Submit(%s): %v", text, err)
	}
	synctest.Wait()
	return watch
}

// finish ends a task that runs and waits until nothing more happens.
func (r *rig) finish(uuid string) {
	r.Finished(Ended{Seq: r.runner.leave(uuid), Outcome: Succeeded})
	synctest.Wait()
}

// list is every task, as "worker-0 a, blocked-0 b".
func (r *rig) list() string {
	r.Helper()
	return r.filtered(Filter{})
}

func (r *rig) filtered(f Filter) string {
	r.Helper()
	entries, err := r.Tasks(r.Context(), f)
	if err != nil {
		r.Fatalf("Tasks(%+v): %v", f, err)
	}
	return show(entries)
}

func show(entries []Entry) string {
	var words []string
	for _, e := range entries {
		words = append(words, e.Key()+" "+e.Message.UUID)
	}
	return strings.Join(words, ", ")
}

func (r *rig) wantList(want string) {
	r.Helper()
	if got := r.list(); got != want {
		r.Errorf("tasks are [%s], want [%s]", got, want)
	}
}

func (r *rig) wantStarted(want ...string) {
	r.Helper()
	r.runner.mu.Lock()
	defer r.runner.mu.Unlock()
	if !slices.Equal(r.runner.started, want) {
		r.Errorf("started %q, want %q", r.runner.started, want)
	}
}

func (r *rig) wantEnd(watch <-chan Ended, want Outcome) Ended {
	r.Helper()
	select {
	case e := <-watch:
		if e.Outcome != want {
			r.Errorf("the task ended as %q, want %q", e.Outcome, want)
		}
		return e
	default:
		r.Errorf("the task has not ended, want %q", want)
		return Ended{}
	}
}

func (r *rig) wantNoEnd(watch <-chan Ended) {
	r.Helper()
	select {
	case e := <-watch:
		r.Errorf("the task ended as %q, want it to be there", e.Outcome)
	default:
	}
}

// logs returns the log lines with this message.
func (r *rig) logs(message string) []map[string]any {
	r.Helper()
	var found []map[string]any
	for line := range strings.Lines(r.logged.String()) {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			r.Fatalf("log line %q: %v", line, err)
		}
		if fields["msg"] == message {
			found = append(found, fields)
		}
	}
	return found
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func parse(t testing.TB, text string) *message.Message {
	t.Helper()
	m, err := message.Parse([]byte(text))
	if err != nil {
		t.Fatalf("Parse(%s): %v", text, err)
	}
	return m
}

// body is a message with that uuid for a task that is the same for equal names.
func body(uuid, name string, mode message.OnDuplicate) string {
	return fmt.Sprintf(`{"uuid": %q, "task": %q, "args": [1], "on_duplicate": %q}`, uuid, name, mode)
}
