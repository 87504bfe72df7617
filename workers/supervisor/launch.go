package supervisor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

var errStopping = errors.New("the supervisor is stopping")

// launch starts a worker, answers the daemon and follows the worker to its end.
// Several run at the same time.
func (s *Supervisor) launch(ctx context.Context, to *session, p packet) {
	answer := packet{Op: opLaunched, ID: p.ID, Worker: p.Worker}
	if err := s.reserve(p.Worker); err != nil {
		answer.Error = err.Error()
		to.conn.send(answer) // the daemon is gone
		return
	}
	w, err := s.start(ctx, p.Worker)
	late := s.settle(p.Worker, w)
	s.report()
	var files []*os.File
	if err == nil {
		files, err = duplicate(w.ends.files()...)
	}
	if err != nil {
		answer.Error = err.Error()
	} else {
		answer.Launched = w.describe()
	}
	to.conn.send(answer, files...) // the daemon is gone: the drain has the worker
	if w == nil {
		return
	}
	if err != nil || late {
		s.kill(w)
	}
	// After the answer, so that the worker's end is never told before its start.
	s.watchers.Go(func() { s.watch(context.WithoutCancel(ctx), w) })
}

func (w *worker) describe() *launched {
	return &launched{process: w.process, Cgroup: w.cage.path(), Generation: w.generation, Limits: json.RawMessage(w.limits.text())}
}

// start makes the process of worker id and lets it run, in its cage.
func (s *Supervisor) start(ctx context.Context, id int) (*worker, error) {
	ours, theirs, err := newEnds(s.nursery.lanes())
	if err != nil {
		return nil, err
	}
	defer theirs.close()
	cage, err := s.iso.cage(fmt.Sprintf("worker-%d", id))
	if err != nil {
		ours.close()
		return nil, err
	}
	w := &worker{id: id, cage: cage, ends: ours, stage: stageNone}
	if err := s.fork(ctx, w, theirs); err != nil {
		ours.close()
		return nil, errors.Join(err, s.bury(ctx, w, &Exit{}))
	}
	return w, nil
}

// fork asks for the process, once more if the fork server turns out to be gone.
func (s *Supervisor) fork(ctx context.Context, w *worker, theirs ends) error {
	err := s.forkOnce(ctx, w, theirs)
	if errors.Is(err, errForkServerGone) && ctx.Err() == nil {
		err = s.forkOnce(ctx, w, theirs)
	}
	return err
}

func (s *Supervisor) forkOnce(ctx context.Context, w *worker, theirs ends) error {
	server, err := s.nursery.ready(ctx)
	if err != nil {
		return err
	}
	w.generation = server.spec.Generation
	// A pipe of its own for each try: a worker that was forked and not noticed
	// leaves when its pipe ends without the byte.
	wait, goAhead, err := pipe("go")
	if err != nil {
		return err
	}
	defer goAhead.Close()
	defer wait.Close()
	if err := unix.SetNonblock(rawFD(wait), false); err != nil {
		return fmt.Errorf("make go pipe: %w", err)
	}
	s.reaper.expect()
	defer s.reaper.settle()
	files := append(theirs.files(), wait) // the worker has no note: behind the outputs is its lane
	if server.spec.Measure {
		members, err := w.cage.members()
		if err != nil {
			return err
		}
		if members != nil {
			defer members.Close()
			files = append(files, members)
		}
	}
	pid, err := server.fork(ctx, w.id, theirs.lane != nil, files)
	if err != nil {
		return err
	}
	w.ended = s.reaper.register(pid, func() { w.cage.dying(pid) })
	w.PID = pid
	if err := s.admitPID(w); err != nil {
		s.reaper.signal(pid, unix.SIGKILL) // it has ended, then
		<-w.ended
		return fmt.Errorf("start worker %d: %w", w.id, err)
	}
	s.nursery.proved()
	goAhead.Write([]byte{1}) // it has ended, then, which is told as for any other
	return nil
}

// admitPID puts the waiting process into its cage, with the limits of every worker.
func (s *Supervisor) admitPID(w *worker) error {
	stat, err := readStat(w.PID)
	if err != nil {
		return err
	}
	w.Start = stat.start
	if err := w.cage.add(w.PID); err != nil {
		return err
	}
	return s.restrain(w, s.nursery.limits().WithoutMemory(), true)
}

// reserve takes the id for a worker that is being started.
func (s *Supervisor) reserve(id int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch w, taken := s.workers[id]; {
	case s.draining:
		return errStopping
	case taken && w == nil:
		return fmt.Errorf("launch worker %d: it is being launched already", id)
	case taken:
		return fmt.Errorf("launch worker %d: it is there already, as process %d", id, w.PID)
	}
	s.workers[id] = nil
	return nil
}

// settle puts the worker in the place that was reserved, or gives that up. It
// says whether a drain has begun meanwhile: then the worker was not told to leave.
func (s *Supervisor) settle(id int, w *worker) (late bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w == nil {
		delete(s.workers, id)
		poke(s.fewer)
		return false
	}
	s.workers[id] = w
	if s.draining {
		w.stage = stageKilled
	}
	return s.draining
}
