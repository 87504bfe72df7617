package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"dispatcherd/control"
	"dispatcherd/control/commands"
	"dispatcherd/daemon/dispatch"
	"dispatcherd/daemon/message"
	"dispatcherd/daemon/policy"
)

var (
	// errStopping refuses a task once the service stops.
	errStopping = errors.New("the service is stopping")
	// errDraining refuses a task whose sender hears of it.
	errDraining = errors.New("the service is draining; dispatcherctl drain --resume ends that")
)

// termsError refuses a task that asks for more than the configuration allows.
type termsError struct{ reason error }

func (e termsError) Error() string { return e.reason.Error() }

// intake makes messages of what the sources bring and routes them: tasks to the
// dispatcher, control requests to the commands. Bad input ends here, as one
// logged and counted line or an error reply.
type intake struct {
	nodeID     string
	policy     *policy.Policy
	dispatcher *dispatch.Dispatcher
	commands   *commands.Table // set before the first source runs
	log        *slog.Logger
	expire     chan struct{} // buffered 1: an expiry may be due earlier

	received, controls, rejected atomic.Uint64
	stopping                     atomic.Bool
	// draining refuses the tasks that come from inside or by run. Others are taken all the same
	// and kept by the dispatcher: nobody would tell their senders that they are lost.
	draining atomic.Bool

	mu        sync.Mutex // guards assembler
	assembler *message.Assembler

	ending  sync.RWMutex // held for reading to add to waiters; guards ended
	waiters sync.WaitGroup
	ended   bool // every accepted task has ended, and nothing is added any more
}

// newIntake returns an intake that gives up a chunked message whose parts take longer
// than chunkTimeout to come; 0 is never.
func newIntake(nodeID string, chunkTimeout time.Duration, p *policy.Policy, d *dispatch.Dispatcher, log *slog.Logger) *intake {
	return &intake{
		nodeID: nodeID, policy: p, dispatcher: d, log: log,
		expire:    make(chan struct{}, 1),
		assembler: message.NewAssembler(chunkTimeout, time.Now),
	}
}

// handle takes one message in. ctx ends when the way back to the sender does.
func (in *intake) handle(ctx context.Context, i Incoming) {
	whole, done, err := in.assemble(i.Payload)
	if err != nil {
		in.reject(i, err)
		return
	}
	if !done {
		return
	}
	m, err := message.Parse(whole)
	if err != nil {
		in.reject(i, err)
		return
	}
	if m.IsControl {
		err = in.request(ctx, i, m)
	} else {
		err = in.task(ctx, i, m)
	}
	if err != nil {
		in.reject(i, err)
	}
}

// task takes a task in, if its sender may submit one.
func (in *intake) task(ctx context.Context, i Incoming, m *message.Message) error {
	if err := i.caller().Task(); err != nil {
		in.refuseTask(ctx, i, m, err)
		return nil
	}
	err := in.prepare(m, i.Channel)
	var refused termsError
	if errors.As(err, &refused) {
		in.refuseTask(ctx, i, m, err)
		return nil
	}
	if err != nil {
		return err
	}
	stopping := i.Stopping
	if stopping == nil {
		stopping = ctx.Done()
	}
	err = in.dispatcher.SubmitPatiently(m, stopping)
	if errors.Is(err, dispatch.ErrFull) {
		return nil // it has an end, and nobody hears an answer
	}
	if err != nil {
		return err
	}
	if in.log.Enabled(ctx, slog.LevelDebug) { // it looks the user up
		in.log.Debug("task is submitted", append(i.from(), "uuid", m.UUID)...)
	}
	return nil
}

func (in *intake) assemble(payload []byte) (whole []byte, done bool, err error) {
	in.mu.Lock()
	whole, done, err = in.assembler.Add(payload)
	in.mu.Unlock()
	if !done && err == nil {
		select {
		case in.expire <- struct{}{}:
		default:
		}
	}
	return whole, done, err
}

// reject logs and counts a message that is dropped; what was in it is not said.
func (in *intake) reject(i Incoming, err error) {
	in.rejected.Add(1)
	attrs := []any{"channel", i.Channel, "bytes", len(i.Payload), "err", err}
	if i.Peer != nil {
		attrs = append(attrs, "peer", i.Peer.String())
	}
	in.log.Warn("message is dropped", attrs...)
}

// submit hands a task to the dispatcher, and does not wait for room.
func (in *intake) submit(m *message.Message, watch chan<- dispatch.Ended) error {
	if err := in.prepare(m, ""); err != nil {
		return err
	}
	return in.dispatcher.Submit(m, watch)
}

// prepare gives a task what it may use, and its labels.
func (in *intake) prepare(m *message.Message, channel string) error {
	if in.stopping.Load() {
		return errStopping
	}
	terms, err := in.policy.Terms(m.Task, m.Timeout, m.Limits)
	if err != nil {
		return termsError{err}
	}
	m.Timeout, m.Restraint = terms.Timeout, terms.Limits
	in.label(m, channel, in.received.Add(1)-1)
	if m.Bare {
		in.log.Debug("message is not JSON and is taken for the name of a task", "channel", channel, "uuid", m.UUID)
	}
	return nil
}

// label gives the message, before which n were received, its channel, and a uuid if it
// has none.
func (in *intake) label(m *message.Message, channel string, n uint64) {
	uuid := ""
	if !m.HasUUID {
		uuid = fmt.Sprintf("internal-%d", n)
	}
	m.SetLabels(uuid, channel)
}

// Submit takes a message that comes from inside.
func (in *intake) Submit(ctx context.Context, m *message.Message) error {
	return in.take(ctx, control.Trusted{}, m, nil)
}

// take takes a task that comes from inside, or from a control request; or another control
// request, whose reply goes nowhere.
func (in *intake) take(ctx context.Context, by control.Caller, m *message.Message, watch chan<- dispatch.Ended) error {
	if !m.IsControl {
		if in.draining.Load() {
			return errDraining
		}
		return in.submit(m, watch)
	}
	m.ReplyTo = ""
	return in.request(ctx, Incoming{Caller: by}, m)
}

// later sends a reply that may have to wait for the end of a task. When no task
// is left it has nothing to wait for.
func (in *intake) later(send func()) {
	in.ending.RLock()
	defer in.ending.RUnlock()
	if in.ended {
		send()
		return
	}
	in.waiters.Go(send)
}

// awaitReplies holds the way back open until those who wait for the end of a
// task have been answered. It is stopped after the dispatcher.
func (in *intake) awaitReplies(ctx context.Context) error {
	<-ctx.Done()
	in.ending.Lock()
	in.ended = true
	in.ending.Unlock()
	in.waiters.Wait()
	return nil
}

// chunkStats counts the messages that came in parts.
func (in *intake) chunkStats() message.ChunkStats {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.assembler.Stats()
}

// chunks shows the messages that came in parts.
func (in *intake) chunks() (message.ChunkStats, []message.Partial) {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.assembler.Stats(), in.assembler.Partials()
}

// setChunkTimeout changes how long the parts of a message may take, of those too that wait.
func (in *intake) setChunkTimeout(timeout time.Duration) {
	in.mu.Lock()
	in.assembler.SetTimeout(timeout)
	in.mu.Unlock()
	select {
	case in.expire <- struct{}{}:
	default:
	}
}

// stop refuses every task from now on; control requests are still answered.
func (in *intake) stop() { in.stopping.Store(true) }

// run drops chunked messages whose parts have not all come in time.
func (in *intake) run(ctx context.Context) error {
	timer := time.NewTimer(0)
	timer.Stop()
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-in.expire:
		case <-timer.C:
		}
		in.mu.Lock()
		dropped := in.assembler.Expire()
		next, ok := in.assembler.NextExpiry()
		in.mu.Unlock()
		for _, e := range dropped {
			in.rejected.Add(1)
			in.log.Warn("chunked message is dropped", "err", e)
		}
		if ok {
			timer.Reset(time.Until(next))
		}
	}
}
