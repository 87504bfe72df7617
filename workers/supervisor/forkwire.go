package supervisor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"
)

// forkPacket is what is said between supervisor and fork server.
type forkPacket struct {
	Op     string `json:"op"`
	Worker int    `json:"worker"`
	Lane   bool   `json:"lane,omitempty"` // its descriptors have that of a lane before the go pipe's
	PID    int    `json:"pid,omitempty"`
	Error  string `json:"error,omitempty"`
	Python string `json:"python,omitempty"`
}

// failure is what the first packet says, nil if it is that the fork server is ready.
func (p forkPacket) failure() error {
	if p.Op == "ready" {
		return nil
	}
	return errors.New(p.Error)
}

// forkSpec is the part of a Spec that the fork server carries out.
type forkSpec struct {
	Op               string          `json:"op"`
	Version          int             `json:"version"`
	Generation       int             `json:"generation"`
	PythonPath       []string        `json:"python_path,omitempty"`
	WorkingDirectory string          `json:"working_directory,omitempty"`
	Preload          []string        `json:"preload,omitempty"`
	Class            string          `json:"class,omitempty"`
	Kwargs           json.RawMessage `json:"kwargs,omitempty"`
	IdleTimeout      float64         `json:"idle_timeout"` // seconds
	Tasks            string          `json:"tasks,omitempty"`
	TasksAllow       []string        `json:"tasks_allow,omitempty"`
	Settings         json.RawMessage `json:"settings,omitempty"`
	Measure          bool            `json:"measure,omitempty"`
}

func forkSpecOf(s Spec) forkSpec {
	return forkSpec{
		Op: "spec", Version: 1, Generation: s.Generation, PythonPath: s.PythonPath,
		WorkingDirectory: s.WorkingDirectory, Preload: s.Preload, Class: s.Class,
		Kwargs: s.Kwargs, IdleTimeout: s.IdleTimeout.Seconds(), Tasks: s.Tasks, TasksAllow: s.TasksAllow,
		Settings: s.Settings, Measure: s.Measure,
	}
}

// fork asks for a worker that gets files as its ends, and returns its pid. The
// worker waits for the go byte and is a child of this process by now.
func (f *forkServer) fork(ctx context.Context, worker int, lane bool, files []*os.File) (int, error) {
	answer := make(chan forkPacket, 1)
	if err := f.ask(forkPacket{Op: "fork", Worker: worker, Lane: lane}, files, answer); err != nil {
		f.kill()
		<-f.gone // soon: so that who tries again gets another one
		return 0, err
	}
	timer := time.NewTimer(forkTime)
	defer timer.Stop()
	select {
	case a := <-answer:
		if a.Op != "forked" {
			return 0, fmt.Errorf("fork worker %d: %s", worker, a.Error)
		}
		return a.PID, nil
	case <-f.gone:
		return 0, fmt.Errorf("%w: %w", errForkServerGone, f.cause)
	case <-timer.C:
		f.kill()
		return 0, fmt.Errorf("fork worker %d: no answer within %s", worker, forkTime)
	case <-ctx.Done():
		// The worker, if there is one, leaves when its go pipe is closed. Its answer
		// is still expected, so that it is not taken for that of the next request.
		return 0, ctx.Err()
	}
}

func (f *forkServer) ask(p forkPacket, files []*os.File, answer chan forkPacket) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.raw.SetWriteDeadline(time.Now().Add(forkTime)) // the write says so
	if err := writePacket(f.raw, p, files); err != nil {
		return fmt.Errorf("%w: %w", errForkServerGone, err)
	}
	f.waiting[p.Worker] = append(f.waiting[p.Worker], answer) // answered takes the same lock
	return nil
}

// answered returns who has asked for the worker first, and forgets it; nil if nobody has.
func (f *forkServer) answered(worker int) chan forkPacket {
	f.mu.Lock()
	defer f.mu.Unlock()
	asked := f.waiting[worker]
	switch len(asked) {
	case 0:
		return nil
	case 1:
		delete(f.waiting, worker)
	default:
		f.waiting[worker] = asked[1:]
	}
	return asked[0]
}

// answers hands each answer to who waits for it. When it cannot read any more,
// the process is of no use.
func (f *forkServer) answers() {
	defer f.kill()
	in := newReader(f.raw)
	for first := true; ; first = false {
		var p forkPacket
		files, err := in.read(&p)
		closeAll(files)
		if err != nil {
			return
		}
		if first {
			f.served = p.failure() == nil
			f.ready <- p // buffered
			continue
		}
		answer := f.answered(p.Worker)
		if answer == nil {
			f.log.Warn("the fork server said something unexpected", "op", p.Op, "worker", p.Worker, "err", p.Error)
			continue
		}
		answer <- p // buffered
	}
}
