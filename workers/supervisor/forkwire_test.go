package supervisor

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
)

// openCage holds nothing.
type openCage struct{ cage }

func (openCage) kill() error { return nil }

func TestAnswerToAForkThatWasGivenUpIsNotTheNextOnes(t *testing.T) {
	t.Parallel()
	ours, theirs := packetPair(t)
	var log bytes.Buffer // written by answers only
	f := &forkServer{
		log: slog.New(slog.NewTextHandler(&log, nil)), cage: openCage{}, raw: ours,
		ready: make(chan forkPacket, 1), gone: make(chan struct{}), waiting: map[int][]chan forkPacket{},
	}
	var answers sync.WaitGroup
	answers.Go(f.answers)
	python := newReader(theirs)
	asked := func() {
		var p forkPacket
		if _, err := python.read(&p); err != nil || p.Op != "fork" || p.Worker != 1 {
			t.Errorf("the fork server was asked %+v, %v", p, err)
		}
	}
	answer := func(p forkPacket) {
		if err := writePacket(theirs, p, nil); err != nil {
			t.Error(err)
		}
	}
	answer(forkPacket{Op: "ready"})
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() { _, err := f.fork(ctx, 1, false, nil); failed <- err }()
	asked()
	cancel()
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Errorf("fork = %v, want that it was given up", err)
	}
	pid := make(chan int, 1)
	go func() { got, _ := f.fork(t.Context(), 1, false, nil); pid <- got }()
	asked()
	answer(forkPacket{Op: "forked", Worker: 1, PID: 11})
	answer(forkPacket{Op: "forked", Worker: 1, PID: 22})
	if got := <-pid; got != 22 {
		t.Errorf("the second fork has made process %d, want 22", got)
	}
	theirs.Close()
	answers.Wait()
	if log.Len() > 0 {
		t.Errorf("logged: %s", &log)
	}
}
