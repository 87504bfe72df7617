package main

import (
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestFirstSignalStopsAndFurtherOnesHurry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		arrived, again := make(chan os.Signal), make(chan struct{}, 2)
		stopped, done := 0, make(chan struct{})
		go func() {
			defer close(done)
			obey(arrived, func() { stopped++ }, again)
		}()
		for i, step := range []struct {
			after   time.Duration
			hurries int
		}{
			{0, 0},
			{echo - 1, 0}, // the same order again
			{1, 1},
			{echo - 1, 1},
			{time.Hour, 2},
			{time.Hour, 2}, // nobody listens: it is dropped
		} {
			time.Sleep(step.after)
			arrived <- syscall.SIGTERM
			synctest.Wait()
			if stopped != 1 || len(again) != step.hurries {
				t.Errorf("signal %d: stopped %d times and hurried %d times, want 1 and %d", i, stopped, len(again), step.hurries)
			}
		}
		close(arrived)
		<-done
	})
}
