package supervisor

import (
	"context"
	"log/slog"

	"golang.org/x/sys/unix"
)

// watch waits for the worker's end, ends what it left behind, and tells.
func (s *Supervisor) watch(ctx context.Context, w *worker) {
	exit := <-w.ended
	if err := s.bury(ctx, w, &exit); err != nil {
		s.log.Warn("what a worker left could not be removed", "worker", w.id, "pid", w.PID, "err", err)
	}
	s.mu.Lock()
	to, stage := s.session, w.stage
	delete(s.workers, w.id)
	s.mu.Unlock()
	w.release(drainedTime)
	task := w.task()
	w.ends.close()
	if to != nil {
		to.conn.send(packet{Op: opExited, Worker: w.id, Exit: &exit}) // the daemon is gone
	}
	if to == nil || stage != stageNone {
		level := slog.LevelInfo
		if exit.Code != 0 || exit.Signal != 0 {
			level = slog.LevelWarn
		}
		s.log.Log(ctx, level, "worker ended without its daemon", append([]any{
			"worker", w.id, "pid", w.PID, "exit", exit.String(), "verdict", string(stage), "survivors", exit.Survivors, "output", w.output.lines()}, task...)...)
	}
	s.report()
	poke(s.fewer)
}

func (s *Supervisor) bury(ctx context.Context, w *worker, exit *Exit) error {
	w.ledger.mu.Lock() // an account that is under way has its time
	defer w.ledger.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), buryTime)
	defer cancel()
	w.ledger.sampled.suspect()
	err := w.cage.bury(ctx, exit)
	s.settleUpLocked(w, exit)
	return err
}

// settleUpLocked adds to the exit of a worker what was used until then, and who has killed it.
func (s *Supervisor) settleUpLocked(w *worker, exit *Exit) {
	w.ledger.closed = true
	// The largest resident set is that of all its life, and of children of earlier tasks: it
	// tells nothing of what this one has given back.
	a := w.ledger.close(exit.counted, Spent{
		CPUEnd: exit.UserTime + exit.SystemTime, ReadEnd: exit.read, WrittenEnd: exit.written, MaxRSS: exit.MaxRSS,
	}, exit.MaxRSS)
	a.Leftovers = exit.Survivors
	s.bygone(exit)
	exit.Account = &a
	if exit.Signal != unix.SIGKILL {
		return
	}
	s.mu.Lock()
	exit.By = w.killedBy
	s.mu.Unlock()
	if exit.By == "" && a.OOMKills > 0 {
		exit.OOM, exit.By, a.OOMVictim = true, ByOOM, ""
	}
}

// killBy ends a worker, and keeps who has wanted that.
func (s *Supervisor) killBy(w *worker, who string) {
	s.mu.Lock()
	w.killedBy = who
	s.mu.Unlock()
	s.kill(w)
}

func (s *Supervisor) kill(w *worker) {
	if err := w.cage.kill(); err != nil {
		s.log.Warn("worker could not be killed", "worker", w.id, "pid", w.PID, "err", err)
	}
}
