package supervisor

import (
	"fmt"
	"time"
)

// Manager is a service manager that wants to know how the supervisor is. Its methods
// must not block.
type Manager interface {
	Ready(status string)
	Status(status string)
	Stopping(status string)
	// Extend asks for so much more time to stop.
	Extend(by time.Duration)
}

// nobody is told when there is no service manager.
type nobody struct{}

func (nobody) Ready(string)         {}
func (nobody) Status(string)        {}
func (nobody) Stopping(string)      {}
func (nobody) Extend(time.Duration) {}

const (
	// extendEvery is how often a drain asks for more time, and extension for how much.
	extendEvery = 5 * time.Second
	extension   = 30 * time.Second
)

// report tells the service manager how the supervisor is.
func (s *Supervisor) report() { s.manager.Status(s.status()) }

// status is one line for an administrator.
func (s *Supervisor) status() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	workers := fmt.Sprintf("%d workers", len(s.workers))
	if len(s.workers) == 1 {
		workers = "1 worker"
	}
	daemon := "; no daemon"
	switch {
	case s.draining:
		return "stopping: " + workers
	case s.session != nil:
		daemon = fmt.Sprintf("; daemon: process %d", s.session.pid)
	}
	return workers + daemon + s.lack()
}

// lack is what the status adds where the service manager has delegated nothing.
func (s *Supervisor) lack() string {
	if s.iso == nil || s.iso.tree != nil {
		return ""
	}
	return "; no control groups"
}
