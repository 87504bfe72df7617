package supervisor

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// killTime bounds how long killed workers may take to end.
	killTime = 15 * time.Second
	// drainedTime bounds the reading of an ended worker's last output, where a
	// process that got away still holds the other end.
	drainedTime = time.Second
	// ringTime is how often a cancelled worker is signalled: a signal that comes just
	// before a blocking system call does not interrupt it.
	ringTime = time.Second
)

// drain ends the workers without the help of a daemon, which is the one that
// knows of tasks: they are asked to leave after their task, then the task is
// cancelled, then they are killed. A signal skips what is left of the graces.
func (s *Supervisor) drain(signals <-chan os.Signal) {
	s.mu.Lock()
	s.draining = true
	count, nursery := len(s.workers), s.nursery
	if s.session != nil {
		s.session.cancel()
	}
	s.mu.Unlock()
	if count == 0 {
		return
	}
	s.report()
	finish, cancel := nursery.grace()
	s.log.Info("ending the workers", "workers", count, "grace", finish.String(), "cancel_grace", cancel.String())
	hurried := false
	for _, step := range []struct {
		stage stage
		tell  func(*worker)
		again func(*worker) // every ringTime; nil for never
		grace time.Duration
	}{
		{stageAsked, s.askToLeave, nil, finish},
		{stageCancelled, s.cancel, s.ring, cancel},
		{stageKilled, func(w *worker) { s.killBy(w, ByDrain) }, nil, killTime},
	} {
		switch {
		case step.stage == stageKilled:
			signals = nil // there is nothing left to hurry
		case hurried:
			continue
		}
		for _, w := range s.reached(step.stage) {
			step.tell(w)
		}
		done, signalled := s.awaitNone(step.grace, signals, step.again)
		if done {
			return
		}
		hurried = hurried || signalled
	}
	for _, w := range s.living() {
		s.log.Error("worker cannot be killed and is left behind", "worker", w.id, "pid", w.PID, "cgroup", w.cage.path())
	}
}

// reached notes how far the drain has come with the workers that are left.
func (s *Supervisor) reached(now stage) []*worker {
	workers := s.living()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range workers {
		w.stage = now
	}
	return workers
}

// askToLeave has the worker end after the task that it runs.
func (s *Supervisor) askToLeave(w *worker) {
	w.clearLane(s.log)
	w.tell(frameStop, anyTask)
}

// cancel raises the cancellation in whatever task the worker runs.
func (s *Supervisor) cancel(w *worker) {
	w.tell(frameCancel, anyTask)
	s.ring(w)
}

// ring has the worker look for a cancel; without one it does nothing.
func (s *Supervisor) ring(w *worker) {
	if err := s.reaper.signal(w.PID, unix.SIGUSR1); err != nil && !errors.Is(err, errEnded) {
		s.log.Warn("worker could not be interrupted", "worker", w.id, "pid", w.PID, "err", err)
	}
}

// awaitNone returns when no worker is left, or time is up, or a signal came. Until
// then it does again, if not nil, to each worker.
func (s *Supervisor) awaitNone(within time.Duration, signals <-chan os.Signal, again func(*worker)) (done, signalled bool) {
	timer := time.NewTimer(within)
	defer timer.Stop()
	extend := time.NewTicker(extendEvery)
	defer extend.Stop()
	s.manager.Extend(extension)
	var rings <-chan time.Time
	if again != nil {
		ticker := time.NewTicker(ringTime)
		defer ticker.Stop()
		rings = ticker.C
	}
	for {
		s.mu.Lock()
		left := len(s.workers)
		s.mu.Unlock()
		if left == 0 {
			return true, false
		}
		select {
		case <-s.fewer:
			s.report()
		case <-extend.C:
			s.manager.Extend(extension)
		case <-rings:
			for _, w := range s.living() {
				again(w)
			}
		case <-timer.C:
			return false, false
		case <-signals:
			return false, true
		}
	}
}
