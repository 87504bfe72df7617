package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"dispatcherd/control"
	"dispatcherd/control/commands"
	"dispatcherd/daemon/dispatch"
	"dispatcherd/daemon/message"
	"dispatcherd/workers"
)

// controlBound is how long the answer to a task's control request may take.
const controlBound = 10 * time.Second

// runner carries tasks down to the pool and its events up to the dispatcher.
type runner struct {
	pool       *workers.Pool
	dispatcher *dispatch.Dispatcher // set before run
	intake     *intake              // set before run
	log        *slog.Logger
	next       *workers.Task  // the one that was made last; owned by the dispatcher
	asking     sync.WaitGroup // a worker has one request open at most
}

var _ dispatch.Runner = (*runner)(nil)

// TryRun hands the message to a free worker.
func (r *runner) TryRun(seq uint64, m *message.Message) (worker int, ok bool) {
	return r.pool.TryRun(r.task(seq, m))
}

// Ahead hands the message to a worker that has not ended its task.
func (r *runner) Ahead(seq uint64, m *message.Message) (ok bool) { return r.pool.Ahead(r.task(seq, m)) }

// TakeBack takes back what was handed ahead and has not begun.
func (r *runner) TakeBack() []uint64 { return seqs(r.pool.TakeBack()) }

// Requeued tells the pool that so many returned tasks are queued again.
func (r *runner) Requeued(n int) { r.pool.Requeued(n) }

func seqs(tasks []*workers.Task) []uint64 {
	if len(tasks) == 0 {
		return nil
	}
	numbers := make([]uint64, len(tasks))
	for i, t := range tasks {
		numbers[i] = t.Seq
	}
	return numbers
}

// task is the message as the pool knows it. One that nobody has taken is asked for again and again.
func (r *runner) task(seq uint64, m *message.Message) *workers.Task {
	if r.next == nil || r.next.Seq != seq {
		r.next = &workers.Task{Seq: seq, UUID: m.UUID, Name: m.Task, Body: m.Body, Timeout: m.Timeout, Limits: m.Restraint}
	}
	return r.next
}

// Waiting tells the pool how many tasks wait.
func (r *runner) Waiting(n int) { r.pool.Waiting(n) }

// Cancel interrupts a running task.
func (r *runner) Cancel(seq uint64) { r.pool.Cancel(seq) }

// report passes on what the pool says.
func (r *runner) report(e workers.Event) {
	switch e.Kind {
	case workers.TaskEnded:
		end := dispatch.Ended{
			Seq: e.Task.Seq, Outcome: e.Outcome, Detail: e.Detail,
			Result: e.Result, RunTime: e.RunTime, Usage: e.Usage, Death: e.Death, Worker: e.Worker, Back: seqs(e.Tasks),
		}
		if e.Next != nil {
			end.Next = e.Next.Seq
		}
		r.dispatcher.Finished(end)
	case workers.TaskReturned:
		r.dispatcher.Returned(seqs(e.Tasks)...)
	case workers.WorkerFree:
		r.dispatcher.Freed()
	case workers.ControlRequest:
		// Beside the others: a long answer must not keep the ends of tasks waiting.
		r.asking.Go(func() { r.control(context.Background(), e) })
	}
}

// run waits for the end of the pool, and then for the requests that it has passed on.
func (r *runner) run(ctx context.Context) error {
	<-ctx.Done()
	r.asking.Wait() // which is bounded
	return nil
}

// control answers a bound task's request: the bare result, without node_id.
func (r *runner) control(ctx context.Context, e workers.Event) {
	ctx, cancel := context.WithTimeout(ctx, controlBound)
	defer cancel()
	answer := r.intake.carryOut(ctx, e.Command, commands.Call{Data: e.Data, Caller: control.Trusted{}},
		func() []any { return []any{"worker", e.Worker, "of_task", e.Task.UUID} })
	if answer.BadData {
		// The first words are all that the original says.
		answer.Reply["error"] = fmt.Sprintf("Failed to run control task: %s", answer.Reply["error"])
	}
	if err := r.pool.Reply(e.Worker, e.Request, message.Encode(answer.Object())); err != nil {
		r.log.Warn("a task's control request could not be answered", "worker", e.Worker, "command", e.Command, "err", err)
	}
}
