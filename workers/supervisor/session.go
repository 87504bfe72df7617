package supervisor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"dispatcherd/cgroups"

	"golang.org/x/sys/unix"
)

const (
	// helloTime bounds how long a peer may take to introduce itself.
	helloTime = 5 * time.Second
	// acceptPause is how long to wait after a connection could not be accepted.
	acceptPause = time.Second
)

// session is the connection of the daemon.
type session struct {
	conn    *conn
	pid     int
	cancel  context.CancelFunc // of the launches that are under way
	flushed chan struct{}      // closed when nothing more is sent
}

// accept takes connections until the listener is closed, and returns when the
// last one has ended.
func (s *Supervisor) accept(ctx context.Context) {
	var greetings sync.WaitGroup
	defer greetings.Wait()
	for ctx.Err() == nil {
		raw, err := s.listener.AcceptUnix()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil: // no descriptor is free, for one: nothing to end the workers for
			s.log.Error("connection could not be accepted", "err", err)
			select {
			case <-time.After(acceptPause):
			case <-ctx.Done():
			}
		default:
			greetings.Go(func() { s.greet(ctx, raw) })
		}
	}
}

// greet serves a connection to its end, if it is the daemon's.
func (s *Supervisor) greet(ctx context.Context, raw *net.UnixConn) {
	c := newConn(raw)
	defer c.close()
	defer context.AfterFunc(ctx, c.close)()
	h, err := s.introduce(c)
	if err == nil {
		requests, cancel := context.WithCancel(ctx)
		defer cancel()
		to := &session{conn: c, pid: h.PID, cancel: cancel, flushed: make(chan struct{})}
		if err = s.admit(to); err == nil {
			s.serve(requests, to, h)
			return
		}
	}
	s.log.Warn("connection refused", "err", err)
	refusal := packet{Op: opRefused, Error: err.Error()}
	var taken takenError
	if errors.As(err, &taken) {
		refusal.Daemon = taken.daemon
	}
	writePacket(raw, refusal, nil) // it is told if it listens
	if s.cfg.ExitWithDaemon && !s.wasMet() {
		poke(s.alone) // it was to be the daemon, and there will be no other
	}
}

// introduce finds out who calls, and whether we speak the same language.
func (s *Supervisor) introduce(c *conn) (*hello, error) {
	uid, pid, err := peer(c.raw)
	if err != nil {
		return nil, err
	}
	if uid != s.cfg.DaemonUID {
		return nil, fmt.Errorf("process %d of user %d may not connect, only user %d", pid, uid, s.cfg.DaemonUID)
	}
	c.raw.SetDeadline(time.Now().Add(helloTime)) // the read says so
	p, files, err := c.receive()
	closeAll(files)
	if err != nil {
		return nil, fmt.Errorf("hello of process %d: %w", pid, err)
	}
	if p.Op != opHello || p.Hello == nil {
		return nil, fmt.Errorf("hello of process %d: got %q instead", pid, p.Op)
	}
	if _, err := agree(p.Hello.Version, p.Hello.MinVersion); err != nil {
		return nil, err
	}
	p.Hello.PID = pid // the kernel's word, not the peer's
	return p.Hello, c.raw.SetDeadline(time.Time{})
}

// peer asks the kernel who connected (unix(7), SO_PEERCRED).
func peer(raw *net.UnixConn) (uid, pid int, err error) {
	sys, err := raw.SyscallConn()
	if err != nil {
		return 0, 0, err
	}
	var cred *unix.Ucred
	var failed error
	err = sys.Control(func(fd uintptr) { cred, failed = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	if err = errors.Join(err, failed); err != nil {
		return 0, 0, fmt.Errorf("ask who connected: %w", err)
	}
	return int(cred.Uid), int(cred.Pid), nil
}

// admit makes it the one session.
func (s *Supervisor) admit(to *session) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining {
		return errStopping
	}
	if s.session != nil {
		return takenError{to.pid, s.session.pid}
	}
	s.session = to
	return nil
}

// takenError refuses a second daemon.
type takenError struct{ refused, daemon int }

func (e takenError) Error() string {
	return fmt.Sprintf("process %d was refused: the daemon with process %d is connected", e.refused, e.daemon)
}

// serve handles the daemon's requests until it is gone.
func (s *Supervisor) serve(ctx context.Context, to *session, h *hello) {
	var parts sync.WaitGroup
	parts.Go(func() {
		defer close(to.flushed)
		to.conn.run()
	})
	s.welcome(ctx, to, h)
	s.report()
	err := s.requests(ctx, to, &parts)
	// Reset: it has left with an answer of ours unread. Broken pipe: before we sent one.
	if errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, unix.ECONNRESET) || errors.Is(err, unix.EPIPE) {
		s.log.Info("daemon has disconnected", "daemon", to.pid)
	} else {
		s.log.Warn("connection to the daemon is lost", "daemon", to.pid, "err", err)
	}
	to.cancel()
	to.conn.close()
	parts.Wait()
	s.leave()
	s.report()
}

// welcome prepares the place at the first hello, hands over the workers of
// earlier daemons, and says who we are.
func (s *Supervisor) welcome(ctx context.Context, to *session, h *hello) {
	if s.iso == nil {
		s.settleDown(ctx, h.Tree)
	}
	s.iso.killOrphans(h.Orphans, s.log)
	for _, w := range s.living() {
		s.handOver(to, w, h.Version >= lanesSince)
	}
	s.tellForkState(to)
	to.conn.send(packet{Op: opWelcome, Welcome: &welcome{ // requests meets the same end
		Version: wireVersion, MinVersion: minVersion, PID: s.pid, Isolation: s.iso.String(), Tree: s.iso.path(),
		Missing: s.iso.missing, Lesser: s.iso.lesser, Unit: s.iso.unit,
	}})
	s.log.Info("daemon has connected", "daemon", to.pid, "isolation", s.iso.String())
}

// handOver gives a worker of an earlier daemon to this one, which may know of lanes.
func (s *Supervisor) handOver(to *session, w *worker, lanes bool) {
	w.release(0)
	s.logOutput(w)
	passed := w.ends
	if !lanes {
		w.clearLane(s.log)
		passed.lane = nil
	}
	files, err := duplicate(passed.files()...)
	if !s.inherit(to, w, files, err) {
		closeAll(files)
		return
	}
	if err != nil {
		s.log.Error("worker could not be handed over", "worker", w.id, "pid", w.PID, "err", err)
	}
}

// logOutput logs what a worker has written while no daemon was there, line by line, as
// the daemon would have.
func (s *Supervisor) logOutput(w *worker) {
	lines, dropped := w.output.all()
	log := s.log.With("worker", w.id).With(w.task()...)
	if dropped {
		log.Warn("the beginning of what the worker wrote while no daemon was connected is lost", "kept", tailSize)
	}
	for _, line := range lines {
		log.Info(line)
	}
	w.output.reset()
}

// inherit sends the worker's descriptors, if it was possible to duplicate them, and
// says whether the worker was still there. If not, its own may have been closed
// meanwhile, and the duplicates are of anything.
func (s *Supervisor) inherit(to *session, w *worker, files []*os.File, err error) bool {
	s.mu.Lock() // so that its end cannot be told before it is
	defer s.mu.Unlock()
	if s.workers[w.id] != w {
		return false
	}
	if err == nil {
		to.conn.send(packet{Op: opInherited, Worker: w.id, Launched: w.describe()}, files...) // requests meets the same end
	}
	return true
}

// settleDown makes the tree and ends what is in it, or does without one.
func (s *Supervisor) settleDown(ctx context.Context, tree string) {
	if s.cfg.Tree != "" {
		tree = s.cfg.Tree
	}
	iso := &isolation{reaper: s.reaper, log: s.log}
	var err error
	if iso.tree, err = cgroups.Open(tree); err != nil {
		s.log.Warn("workers are held by process groups: no cgroup tree can be had", "err", err)
	}
	iso.assess(err, s.log)
	iso.sweep(ctx, s.log)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.iso = iso
	s.nursery = &nursery{iso: iso, entry: s.entry, log: s.forkLog, told: s.forkState}
}

// requests reads what the daemon wants. What may take long is done beside.
func (s *Supervisor) requests(ctx context.Context, to *session, beside *sync.WaitGroup) error {
	for {
		p, files, err := to.conn.receive()
		closeAll(files) // a daemon has none to give
		if err != nil {
			return err
		}
		switch p.Op {
		case opSpec:
			s.takeSpec(ctx, to, p)
		case opLaunch:
			beside.Go(func() { s.launch(ctx, to, p) })
		case opInterrupt:
			s.interrupt(p.Worker)
		case opKill:
			if w := s.find(p.Worker); w != nil {
				beside.Go(func() { s.killBy(w, ByOrder) })
			}
		case opLimit:
			beside.Go(func() { s.limitWorker(to, p) })
		case opUsage:
			beside.Go(func() { s.measure(to, p.ID) })
		case opWatch:
			if w := s.find(p.Worker); w != nil {
				s.watchTask(w)
			}
		case opAccount:
			beside.Go(func() { s.account(ctx, to, p) })
		default:
			s.log.Warn("request ignored: it is of a kind that this version does not know", "op", p.Op)
		}
	}
}

func (s *Supervisor) takeSpec(ctx context.Context, to *session, p packet) {
	var err error
	if p.Spec == nil {
		err = errNoSpec
	} else {
		err = p.Spec.Check()
	}
	if err != nil {
		to.conn.send(packet{Op: opRefused, Error: err.Error()}) // the next read says so
		return
	}
	s.nursery.use(ctx, to.pid, *p.Spec)
}

func (s *Supervisor) interrupt(id int) {
	if w := s.find(id); w != nil { // otherwise it has ended meanwhile
		s.ring(w)
	}
}

// leave ends the session: from here on nobody reads what workers write, but us.
func (s *Supervisor) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.session = nil
	for _, w := range s.workers { // all are started: serve has waited for the launches
		w.absorb(s.cfg.ExitWithDaemon)
	}
	poke(s.alone)
}

// tellForkState tells a daemon that has just come how the fork server is.
func (s *Supervisor) tellForkState(to *session) {
	s.mu.Lock() // so that a later state is told later
	defer s.mu.Unlock()
	if info := s.forks; info.State != forkNone {
		to.conn.send(packet{Op: opForks, ForkServer: &info}) // requests meets the same end
	}
}

// forkState tells the daemon how the fork server is.
func (s *Supervisor) forkState(info forkInfo) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forks = info
	if s.session != nil {
		s.session.conn.send(packet{Op: opForks, ForkServer: &info}) // the daemon is gone
	}
}
