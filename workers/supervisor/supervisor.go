// Package supervisor holds the worker processes: it starts them through the
// Python fork server, each in its own cgroup, kills, reaps and measures them,
// and outlives the daemon.
//
// [Supervisor] is that process; [Client] is the daemon's side of its connection.
package supervisor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"time"

	"dispatcherd/workers/python"

	"golang.org/x/sys/unix"
)

const (
	// firstDaemon is how long a supervisor that ends with its daemon waits for it.
	firstDaemon = 30 * time.Second
	// flushTime bounds the sending of the last words to the daemon.
	flushTime = 2 * time.Second
)

// Config is what the command line says; the rest comes from the daemon.
type Config struct {
	// Tree names the cgroup to make below our own; "" takes the name from the
	// daemon's hello, and if that has none either, our own cgroup itself, as a
	// service manager delegates it.
	Tree string
	// ExitWithDaemon ends the supervisor, after a drain, when its daemon is gone.
	ExitWithDaemon bool
	// DaemonUID is the only user that may connect.
	DaemonUID int
	// RuntimeDir is where the Python files are put; "" is a temporary directory
	// that is removed at the end. With ExitWithDaemon so are the files that were
	// put into it, and then RuntimeDir itself if it is empty.
	RuntimeDir string
	// Manager is told how the supervisor is; nil for nobody.
	Manager Manager
}

// Supervisor is the process that holds the workers.
type Supervisor struct {
	cfg      Config
	manager  Manager
	patience time.Duration // for the first daemon, see firstDaemon
	listener *net.UnixListener
	log      *slog.Logger
	forkLog  *slog.Logger // the fork server's
	pid      int
	entry    string // of the Python files, once they are installed
	reaper   *reaper
	watchers sync.WaitGroup // one for each worker

	measuring sync.Mutex   // held while the workers are measured
	watched   chan *worker // taken by sampling

	alone chan struct{} // poked when the daemon is gone
	fewer chan struct{} // poked when a worker is gone

	// Set by the first session, under mu; then both stay. Who may run before that
	// reads them under mu.
	iso     *isolation
	nursery *nursery

	mu       sync.Mutex      // guards the fields below
	workers  map[int]*worker // by id; nil while it is being launched
	session  *session        // nil while no daemon is connected
	forks    forkInfo
	past     Totals // of the workers that have ended
	draining bool
}

// NewSupervisor returns a supervisor that serves one daemon at a time on
// listener, which must be of the "unixpacket" network and is closed by Run. It
// adds to log which part of the process speaks: itself, or the fork server.
func NewSupervisor(cfg Config, listener *net.UnixListener, log *slog.Logger) *Supervisor {
	own := log.With("part", "supervisor")
	manager := cfg.Manager
	if manager == nil {
		manager = nobody{}
	}
	return &Supervisor{
		cfg: cfg, manager: manager, patience: firstDaemon, listener: listener, pid: os.Getpid(),
		log: own, forkLog: log.With("part", "forkserver"), reaper: newReaper(own),
		watched: make(chan *worker, 1),
		alone:   make(chan struct{}, 1), fewer: make(chan struct{}, 1), workers: map[int]*worker{},
	}
}

// Run serves until ctx ends, or the process is told to end by SIGTERM or SIGINT,
// or the daemon is gone and it is to end with it. The workers get their grace
// before; another signal shortens it. Run owns the children of the whole
// process, and makes every descriptor close on exec.
func (s *Supervisor) Run(ctx context.Context) error {
	defer s.listener.Close()
	if err := adopt(); err != nil {
		return err
	}
	remove, err := s.install()
	if err != nil {
		return err
	}
	defer remove()
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, unix.SIGTERM, unix.SIGINT)
	defer signal.Stop(signals)

	// Both outlast ctx, which only begins the end.
	reaping, stopReaping := context.WithCancel(context.WithoutCancel(ctx))
	accepting, stopAccepting := context.WithCancel(context.WithoutCancel(ctx))
	var reaper, acceptor sync.WaitGroup
	reaper.Go(func() { s.reaper.run(reaping) })
	acceptor.Go(func() { s.accept(accepting) })
	acceptor.Go(func() { s.sampling(accepting) })

	s.manager.Ready(s.status())
	err = s.untilEnd(ctx, signals)
	s.manager.Stopping("stopping")
	s.drain(signals)
	s.listener.Close()
	s.dismiss(stopAccepting)
	acceptor.Wait()
	s.watchers.Wait()
	err = errors.Join(err, s.clear(reaping))
	stopReaping()
	reaper.Wait()
	return err
}

// adopt makes this process the one that orphans below it are handed to, and
// keeps its descriptors from the children.
func adopt() error {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("become the reaper of orphaned processes: %w", err)
	}
	// Ours have the flag; those that were passed to us may not (Linux 5.11).
	err := unix.CloseRange(3, ^uint(0), unix.CLOSE_RANGE_CLOEXEC)
	if err != nil && !errors.Is(err, unix.ENOSYS) && !errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("keep descriptors from children: %w", err)
	}
	return nil
}

// install writes the Python files, and returns what removes them again.
func (s *Supervisor) install() (remove func(), err error) {
	dir := s.cfg.RuntimeDir
	if dir == "" {
		if dir, err = os.MkdirTemp("", "dispatcherd-python-"); err != nil {
			return nil, fmt.Errorf("make a directory for the Python files: %w", err)
		}
		err = open755(dir)
	} else if err = os.Mkdir(dir, 0o700); err == nil {
		err = open755(dir)
	} else if errors.Is(err, fs.ErrExist) {
		err = nil // as somebody else has made it
	}
	if err == nil {
		s.entry, err = python.Install(dir)
	}
	if err == nil {
		s.checkRuntime()
	}
	remove = func() { s.uninstall(dir) }
	if err != nil {
		remove()
		return nil, fmt.Errorf("install the Python files in %s: %w", dir, err)
	}
	return remove, nil
}

// checkRuntime says when tasks could change what runs them. It is to be expected where
// daemon and tasks are one user.
func (s *Supervisor) checkRuntime() {
	if s.cfg.DaemonUID == os.Geteuid() {
		return
	}
	files := filepath.Dir(s.entry)
	for _, dir := range []string{filepath.Dir(files), files} {
		if unix.Access(dir, unix.W_OK) == nil {
			s.log.Warn("tasks can change the Python files that run them; have them installed by another user (supervisor --install)", "directory", dir)
			return
		}
	}
}

// uninstall removes what nobody will use after us, and of a directory that we
// were given no more than we have put there.
func (s *Supervisor) uninstall(dir string) {
	if s.cfg.RuntimeDir != "" && !s.cfg.ExitWithDaemon {
		return
	}
	var err error
	if s.entry != "" {
		err = os.RemoveAll(filepath.Dir(s.entry))
	}
	if err != nil {
		s.log.Warn("the Python files could not be removed", "err", err)
	}
	_ = os.Remove(dir) // somebody else's file may be there
}

// open755 lets everybody read dir, whatever the umask: python may run as another user.
func open755(dir string) error {
	return os.Chmod(dir, 0o755) // nothing in it is secret
}

// untilEnd returns when there is a reason to end.
func (s *Supervisor) untilEnd(ctx context.Context, signals <-chan os.Signal) error {
	var lonely <-chan time.Time
	if s.cfg.ExitWithDaemon {
		timer := time.NewTimer(s.patience)
		defer timer.Stop()
		lonely = timer.C
	}
	for {
		select {
		case <-ctx.Done():
			select {
			case <-signals: // the one that has ended ctx, perhaps: it is not a second one
			default:
			}
			return nil
		case sig := <-signals:
			s.log.Info("supervisor was told to end", "signal", unix.SignalName(sig.(unix.Signal)))
			return nil
		case <-s.alone:
			if s.cfg.ExitWithDaemon {
				return nil
			}
		case <-lonely:
			lonely = nil
			if !s.wasMet() {
				return fmt.Errorf("no daemon has connected within %s", s.patience)
			}
		}
	}
}

// wasMet says whether a daemon has ever connected.
func (s *Supervisor) wasMet() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.iso != nil || s.session != nil
}

// dismiss ends every connection, the daemon's after it was sent what is queued.
func (s *Supervisor) dismiss(stop context.CancelFunc) {
	s.mu.Lock()
	to := s.session
	s.mu.Unlock()
	if to == nil {
		stop()
		return
	}
	to.conn.finish(flushTime)
	<-to.flushed // bounded by flushTime
	stop()
}

// clear ends the fork server and removes the tree.
func (s *Supervisor) clear(ctx context.Context) error {
	if s.iso == nil {
		return nil
	}
	s.nursery.close()
	if s.iso.tree == nil {
		return nil
	}
	s.iso.sweep(ctx, s.log) // what could not be removed in its time
	ctx, cancel := context.WithTimeout(ctx, buryTime)
	defer cancel()
	return s.iso.tree.Close(ctx)
}

// living returns the workers that are there.
func (s *Supervisor) living() []*worker {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []*worker
	for _, w := range s.workers {
		if w != nil {
			list = append(list, w)
		}
	}
	return list
}

func (s *Supervisor) find(id int) *worker {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.workers[id]
}

// poke wakes who waits on c, or will next.
func poke(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
