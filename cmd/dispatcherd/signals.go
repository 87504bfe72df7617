package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// echo is how soon a signal after another is the same order: timeout(1) signals
// its command and then the whole group, which the command is in.
const echo = 250 * time.Millisecond

// signals returns a context that the first SIGTERM or SIGINT ends; each further
// one is a value on hurry. stop gives the signals back to the system.
func signals(parent context.Context) (ctx context.Context, hurry <-chan struct{}, stop func()) {
	ctx, cancel := context.WithCancel(parent)
	arrived := make(chan os.Signal, 4)
	again := make(chan struct{}, 2)
	done := make(chan struct{})
	signal.Notify(arrived, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		defer close(done)
		obey(arrived, cancel, again)
	}()
	return ctx, again, func() {
		signal.Stop(arrived)
		close(arrived)
		<-done
		cancel()
	}
}

// obey stops at the first signal and tells again of each further one, until
// arrived is closed.
func obey(arrived <-chan os.Signal, stop func(), again chan<- struct{}) {
	var last time.Time
	for range arrived {
		now := time.Now()
		switch {
		case last.IsZero():
			stop()
		case now.Sub(last) < echo:
			continue
		default:
			select {
			case again <- struct{}{}:
			default: // nobody waits for running tasks any more
			}
		}
		last = now
	}
}

// outliveReader lets the program go on when nobody reads its standard error any
// more: a write then fails, where it would end the process (os/signal, "SIGPIPE").
// In "dispatcherd 2>&1 | tee log" Ctrl-C ends tee first, and the tasks have yet
// to be ended in order. Children get the system's default back.
func outliveReader() {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
}

// reloads calls reload once for the SIGHUPs that have come since it was called before, until
// stop is called, which waits for one that is under way. With nohup(1) there are none.
func reloads(ctx context.Context, reload func(context.Context) error) (stop func()) {
	if signal.Ignored(syscall.SIGHUP) {
		return func() {}
	}
	arrived := make(chan os.Signal, 1)
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	signal.Notify(arrived, syscall.SIGHUP)
	go func() {
		defer close(done)
		for range arrived {
			_ = reload(ctx) // it has said what was wrong
		}
	}()
	return func() {
		signal.Stop(arrived)
		close(arrived)
		cancel()
		<-done
	}
}
