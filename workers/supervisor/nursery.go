package supervisor

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"dispatcherd/cgroups"
)

const (
	firstDelay = 100 * time.Millisecond // before a start that follows a failed one; doubles
	lastDelay  = 5 * time.Second
)

var errNoSpec = errors.New("no worker spec has been sent yet")

// nursery has the one fork server that new workers come from: it starts it, and
// starts it again when one is wanted after it has ended or its spec has changed.
type nursery struct {
	iso   *isolation
	entry string
	log   *slog.Logger
	// told is called with each change of state, one at a time; it must not block.
	told func(forkInfo)
	// restarts counts the fork servers that ended unasked and were replaced. It is
	// owned by the attempts, of which one runs at a time.
	restarts int

	mu       sync.Mutex // guards the fields below
	daemon   int        // the process whose spec it is
	spec     *Spec
	current  *attempt
	failures int    // starts that failed, or ended before a worker was forked, in a row
	known    string // the error of the last start, as far as it was one with this spec
	closed   bool
	wg       sync.WaitGroup
}

// attempt is one start of a fork server, and the server that came of it.
type attempt struct {
	cancel context.CancelFunc
	done   chan struct{} // closed when the fields below are set
	server *forkServer
	err    error
}

// ended says that no worker can come from it.
func (a *attempt) ended() bool {
	select {
	case <-a.done:
	default:
		return false
	}
	if a.err != nil {
		return true
	}
	select {
	case <-a.server.gone:
		return true
	default:
		return false
	}
}

// use has a fork server started for the spec of a daemon, unless it runs already. Another
// daemon gets another one: whoever restarts it has perhaps changed what was imported.
func (n *nursery) use(ctx context.Context, daemon int, spec Spec) {
	n.mu.Lock()
	defer n.mu.Unlock()
	same := n.daemon == daemon
	n.daemon = daemon
	if same && n.spec != nil && n.spec.equal(spec) {
		n.spec = &spec // its graces may differ
		return
	}
	n.spec, n.failures, n.known = &spec, 0, ""
	n.startLocked(ctx)
}

// grace returns the spec's, or none.
func (n *nursery) grace() (shutdown, cancel time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.spec == nil {
		return 0, 0
	}
	return n.spec.ShutdownGrace, n.spec.CancelGrace
}

// limits are those of the spec.
func (n *nursery) limits() cgroups.Limits {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.spec == nil {
		return cgroups.Limits{}
	}
	return n.spec.Limits
}

// lanes says whether workers are to have lanes; see Spec.
func (n *nursery) lanes() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.spec != nil && n.spec.Lanes
}

// leftovers is what is to become of what tasks leave behind; see Spec.
func (n *nursery) leftovers() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.spec == nil {
		return ""
	}
	return n.spec.Leftovers
}

// ready returns a running fork server. It waits for the one that is being
// started; if the last one has ended, it starts another, later each time that fails.
func (n *nursery) ready(ctx context.Context) (*forkServer, error) {
	n.mu.Lock()
	if n.spec == nil || n.closed {
		n.mu.Unlock()
		return nil, errNoSpec
	}
	if n.current.ended() {
		n.startLocked(ctx)
	}
	a := n.current
	n.mu.Unlock()
	select {
	case <-a.done:
		return a.server, a.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// proved says that the fork server works.
func (n *nursery) proved() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.failures = 0
}

// startLocked replaces the current attempt. Its fork server lives until the next
// one replaces it, or until close.
func (n *nursery) startLocked(ctx context.Context) {
	if n.closed {
		return
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // it is not this request's alone
	before := n.current
	a := &attempt{cancel: cancel, done: make(chan struct{})}
	n.current = a
	spec, delay, known := *n.spec, startDelay(n.failures), n.known
	n.failures++
	n.wg.Go(func() {
		defer close(a.done)
		if before.retire() {
			n.restarts++
		}
		n.told(forkInfo{State: forkStarting, Restarts: n.restarts})
		a.server, a.err = n.start(ctx, spec, delay, known)
		n.learn(a)
		if a.err == nil {
			n.told(forkInfo{State: forkReady, Restarts: n.restarts})
			return
		}
		n.told(forkInfo{State: forkFailed, Error: a.err.Error(), Restarts: n.restarts})
		if ctx.Err() == nil {
			// The daemon is told, and says it; there is one try for each launch that it asks for.
			n.log.Debug("fork server could not be started", "generation", spec.Generation, "err", a.err)
		}
	})
}

// learn notes how the attempt went, unless another one is wanted by now.
func (n *nursery) learn(a *attempt) {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case n.current != a:
	case a.err != nil:
		n.known = a.err.Error()
	default:
		n.known = ""
	}
}

func (n *nursery) start(ctx context.Context, spec Spec, delay time.Duration, known string) (*forkServer, error) {
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return startForkServer(ctx, spec, n.entry, known, n.iso, n.log)
}

// retire ends what came of the attempt, and says whether it had ended unasked. The
// workers live on.
func (a *attempt) retire() (died bool) {
	if a == nil {
		return false
	}
	a.cancel()
	<-a.done
	if a.server == nil {
		return false
	}
	a.server.stop()
	return a.server.died
}

// close ends the fork server and waits until nothing is left of it.
func (n *nursery) close() {
	n.mu.Lock()
	n.closed = true
	last := n.current
	n.mu.Unlock()
	last.retire()
	n.wg.Wait()
}

// startDelay is how long to wait after so many failures in a row.
func startDelay(failures int) time.Duration {
	if failures == 0 {
		return 0
	}
	return min(firstDelay<<min(failures-1, 10), lastDelay)
}
