package schedule

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestOtherScheduleKeepsTheTimesOfWhatWasThereBefore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		to := &fakeSubmitter{begin: time.Now()}
		s := New(Config{Schedule: []Recurring{every("kept", 10*time.Second), every("gone", 4*time.Second)}}, to, discardLog)
		ctx, cancel := context.WithTimeout(t.Context(), 21*time.Second)
		defer cancel()
		done := make(chan error)
		go func() { done <- s.Run(ctx) }()
		time.Sleep(5 * time.Second)
		s.Use([]Recurring{every("new", 6*time.Second), every("kept", 10*time.Second)})
		if err := <-done; err != nil {
			t.Error(err)
		}
		wantRecord(t, to.record, "4 sch-1 gone", "10 sch-2 kept", "11 sch-3 new", "17 sch-4 new", "20 sch-5 kept")
	})
}

func TestEmptyScheduleCanBeFilledAndEmptiedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		to := &fakeSubmitter{begin: time.Now()}
		s := New(Config{}, to, discardLog)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		done := make(chan error)
		go func() { done <- s.Run(ctx) }()
		time.Sleep(time.Second)
		s.Use([]Recurring{every("one", 2*time.Second)})
		time.Sleep(5 * time.Second)
		s.Use(nil)
		if err := <-done; err != nil {
			t.Error(err)
		}
		wantRecord(t, to.record, "3 sch-1 one", "5 sch-2 one")
	})
}
