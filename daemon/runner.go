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
}

var _ dispatch.Runner = (*runner)(nil)

// TryRun hands the message to a free worker.
func (r *runner) TryRun(seq uint64, m *message.Message) (worker int, ok bool) {
	return r.pool.TryRun(&workers.Task{Seq: seq, UUID: m.UUID(), Name: m.Task, Body: m.Body, Timeout: m.Timeout, Limits: m.Restraint()})
}

// Waiting tells the pool how many tasks wait.
func (r *runner) Waiting(n int) { r.pool.Waiting(n) }

// Cancel interrupts a running task.
func (r *runner) Cancel(seq uint64) { r.pool.Cancel(seq) }

// run reads the pool's events until the pool has ended.
func (r *runner) run(ctx context.Context) error {
	var asking sync.WaitGroup // a worker has one request open at most
	defer asking.Wait()
	for e := range r.pool.Events() {
		switch e.Kind {
		case workers.TaskEnded:
			r.dispatcher.Finished(dispatch.Ended{
				Seq: e.Task.Seq, Outcome: e.Outcome, Detail: e.Detail,
				Result: e.Result, RunTime: e.RunTime, Usage: e.Usage, Death: e.Death,
			})
		case workers.TaskReturned:
			r.dispatcher.Returned(e.Task.Seq)
		case workers.WorkerFree:
			r.dispatcher.Freed()
		case workers.ControlRequest:
			// Beside the others: a long answer must not keep the ends of tasks waiting.
			asking.Go(func() { r.control(ctx, e) })
		}
	}
	return nil
}

// control answers a bound task's request: the bare result, without node_id.
func (r *runner) control(ctx context.Context, e workers.Event) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), controlBound)
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
