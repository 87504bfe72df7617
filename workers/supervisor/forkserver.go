package supervisor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// startTime bounds how long python and its preloads may take until they are ready.
	startTime = 2 * time.Minute
	// forkTime bounds how long one fork may take; a fork server that takes longer is stuck.
	forkTime = 30 * time.Second
	// buryTime bounds how long killed processes may take to end.
	buryTime = 10 * time.Second
	// stopTime is how long the fork server may take to leave by itself.
	stopTime = time.Second
)

var errForkServerGone = errors.New("the fork server has ended")

// forkServer is one Python process that has imported the preloads and forks workers.
type forkServer struct {
	log    *slog.Logger
	spec   Spec
	pid    int
	reaper *reaper
	cage   cage
	raw    *net.UnixConn
	output *forkOutput

	served  bool        // it was ready; set by answers, read after it
	stopped atomic.Bool // it was told to end

	ready  chan forkPacket // buffered; its first word: "ready" or "failed"
	gone   chan struct{}   // closed when the process has ended; cause is set before
	buried chan struct{}   // closed when the process and its cage are gone
	cause  error
	died   bool // it was ready and ended unasked; set before gone is closed

	mu      sync.Mutex                // guards the fields below and orders the requests
	waiting map[int][]chan forkPacket // by worker, in the order of the requests, which is that of the answers
}

// startForkServer starts python and returns once it is ready to fork. When ctx
// ends before, or the preloads fail, nothing of it is left. known is the error of
// the start before this one, or "": what python writes on the way to the very
// same error is not logged again.
func startForkServer(ctx context.Context, spec Spec, entry, known string, iso *isolation, log *slog.Logger) (*forkServer, error) {
	f, err := spawnForkServer(ctx, spec, entry, iso, &forkOutput{log: log, holding: known != ""})
	if err != nil {
		return nil, err
	}
	first, err := f.begin(ctx)
	if err != nil {
		f.stop()
		if err.Error() != known {
			f.output.release(ctx)
		}
		return nil, err
	}
	f.output.release(ctx)
	log.Info("fork server is ready", "pid", f.pid, "generation", spec.Generation, "python", first.Python)
	return f, nil
}

// begin sends the spec and waits until it is carried out.
func (f *forkServer) begin(ctx context.Context) (forkPacket, error) {
	if err := writePacket(f.raw, forkSpecOf(f.spec), nil); err != nil {
		f.stop()
		return forkPacket{}, f.endedEarly()
	}
	ctx, cancel := context.WithTimeoutCause(ctx, startTime, fmt.Errorf("the fork server was not ready within %s", startTime))
	defer cancel()
	select {
	case first := <-f.ready:
		return first, first.failure()
	case <-f.gone:
		select {
		case first := <-f.ready: // said and left at once
			if err := first.failure(); err != nil {
				return forkPacket{}, err
			}
		default:
		}
		return forkPacket{}, f.endedEarly()
	case <-ctx.Done():
		f.kill()
		return forkPacket{}, context.Cause(ctx)
	}
}

// endedEarly may be called once the process is gone.
func (f *forkServer) endedEarly() error {
	return fmt.Errorf("the fork server ended before it was ready: %w", f.cause)
}

// spawnForkServer starts the process, and the goroutine that ends with it.
func spawnForkServer(ctx context.Context, spec Spec, entry string, iso *isolation, output *forkOutput) (*forkServer, error) {
	python, err := exec.LookPath(spec.Python)
	if err == nil {
		python, err = filepath.Abs(python)
	}
	if err != nil {
		return nil, startError(spec.Python, err)
	}
	control, theirs, err := pair(unix.SOCK_SEQPACKET)
	if err != nil {
		return nil, err
	}
	defer control.Close()
	defer theirs.Close()
	raw, err := net.FileConn(control)
	if err != nil {
		return nil, fmt.Errorf("open control socket of the fork server: %w", err)
	}
	f := &forkServer{
		log: output.log, spec: spec, reaper: iso.reaper, raw: raw.(*net.UnixConn), output: output,
		ready: make(chan forkPacket, 1), gone: make(chan struct{}), buried: make(chan struct{}),
		waiting: map[int][]chan forkPacket{},
	}
	pipes, ended, err := f.exec(ctx, python, entry, theirs, iso)
	if err != nil {
		raw.Close()
		return nil, startError(spec.Python, err)
	}
	go f.live(ctx, pipes, ended) // ends with the process; stop waits for it
	return f, nil
}

// startError names the interpreter once.
func startError(python string, err error) error {
	var inner *exec.Error
	if errors.As(err, &inner) {
		err = inner.Err
	}
	var path *os.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return fmt.Errorf("start python %q: %w", python, err)
}

// pipes are the read ends of the fork server's stdout and stderr.
type pipes struct{ stdout, stderr *os.File }

// exec starts the process in its cage. It waits for its spec before it imports
// anything of the project, so that it can be moved without haste.
func (f *forkServer) exec(ctx context.Context, python, entry string, control *os.File, iso *isolation) (pipes, <-chan Exit, error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return pipes{}, nil, err
	}
	defer null.Close()
	stdout, outW, err := pipe("stdout")
	if err != nil {
		return pipes{}, nil, err
	}
	defer outW.Close()
	stderr, errW, err := pipe("stderr")
	if err != nil {
		stdout.Close()
		return pipes{}, nil, err
	}
	defer errW.Close()
	ended, err := f.spawn(ctx, python, entry, iso, []uintptr{null.Fd(), outW.Fd(), errW.Fd(), control.Fd()})
	if err != nil {
		stdout.Close()
		stderr.Close()
	}
	return pipes{stdout, stderr}, ended, err
}

func (f *forkServer) spawn(ctx context.Context, python, entry string, iso *isolation, files []uintptr) (<-chan Exit, error) {
	var err error
	if f.cage, err = iso.cage("forkserver"); err != nil {
		return nil, err
	}
	f.reaper.expect()
	defer f.reaper.settle()
	f.pid, err = syscall.ForkExec(python, []string{python, entry}, &syscall.ProcAttr{
		Env:   environ(os.Environ(), f.spec.Env),
		Files: files,
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return nil, errors.Join(err, f.bury(ctx, &Exit{}))
	}
	ended := f.reaper.register(f.pid, func() { f.cage.dying(f.pid) })
	if err := f.cage.add(f.pid); err != nil && !errors.Is(err, unix.ESRCH) {
		f.reaper.signal(f.pid, unix.SIGKILL) // it has ended, then
		exit := <-ended
		return nil, errors.Join(err, f.bury(ctx, &exit))
	}
	return ended, nil
}

// bury removes the cage of the ended process.
func (f *forkServer) bury(ctx context.Context, exit *Exit) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), buryTime)
	defer cancel()
	return f.cage.bury(ctx, exit)
}

// live follows the process to its end.
func (f *forkServer) live(ctx context.Context, out pipes, ended <-chan Exit) {
	last := &tail{}
	var wg sync.WaitGroup
	wg.Go(f.answers)
	wg.Go(func() { f.output.follow(ctx, out.stdout, slog.LevelInfo, io.Discard) })
	wg.Go(func() { f.output.follow(ctx, out.stderr, slog.LevelWarn, last) })
	exit := <-ended
	// All of these end with the process, unless another one holds them too.
	soon := time.Now().Add(time.Second)
	for _, end := range []interface{ SetReadDeadline(time.Time) error }{f.raw, out.stdout, out.stderr} {
		end.SetReadDeadline(soon) // of a closed one
	}
	wg.Wait()
	f.raw.Close()
	out.stdout.Close()
	out.stderr.Close()
	f.cause = errors.New(exit.String())
	if lines := last.lines(); len(lines) > 0 && exit.Signal == 0 {
		f.cause = fmt.Errorf("%s: %s", exit, lines[len(lines)-1])
	}
	f.died = f.served && !f.stopped.Load() // before anybody stops it because it is gone
	close(f.gone)
	if err := f.bury(ctx, &exit); err != nil {
		f.log.Warn("what the fork server left could not be removed", "pid", f.pid, "err", err)
	}
	if f.died {
		f.log.Warn("fork server ended", "pid", f.pid, "generation", f.spec.Generation, "exit", exit.String())
	}
	close(f.buried)
}

// stop ends the process and waits until nothing is left of it. It leaves by
// itself when its socket ends, unless it is busy with an import.
func (f *forkServer) stop() {
	f.stopped.Store(true)
	f.raw.CloseWrite() // it is closed when the process has ended
	timer := time.NewTimer(stopTime)
	defer timer.Stop()
	select {
	case <-f.buried:
		return
	case <-timer.C:
	}
	f.kill()
	<-f.buried // bounded by buryTime
}

func (f *forkServer) kill() {
	if err := f.cage.kill(); err != nil {
		f.log.Warn("the fork server could not be killed", "pid", f.pid, "err", err)
	}
}
