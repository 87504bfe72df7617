package schedule

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"dispatcherd/daemon/message"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeSubmitter keeps a record of "seconds uuid task".
type fakeSubmitter struct {
	begin  time.Time
	record []string
	bodies []string
	answer func(m *message.Message) error
}

func (f *fakeSubmitter) Submit(_ context.Context, m *message.Message) error {
	f.record = append(f.record, fmt.Sprintf("%v %s %s", time.Since(f.begin).Seconds(), m.UUID(), m.Task))
	f.bodies = append(f.bodies, string(m.Body))
	if f.answer != nil {
		return f.answer(m)
	}
	return nil
}

// runFor runs a scheduler for that time and returns it.
func runFor(t *testing.T, cfg Config, to *fakeSubmitter, log *slog.Logger, d time.Duration) *Scheduler {
	t.Helper()
	to.begin = time.Now()
	s := New(cfg, to, log)
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	if err := s.Run(ctx); err != nil {
		t.Errorf("Run() = %v, want nil", err)
	}
	if got := time.Since(to.begin); got < d {
		t.Errorf("Run() ended after %v, want %v", got, d)
	}
	return s
}

var discardLog = slog.New(slog.DiscardHandler)

func wantRecord(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("submitted\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

func every(task string, period time.Duration) Recurring {
	return Recurring{Task: Task{Task: task}, Every: period}
}

func TestOnStartTasksRunOnceAndInOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		to := &fakeSubmitter{}
		s := runFor(t, Config{OnStart: []Task{{Task: "b"}, {Task: "a"}, {Task: "b"}}}, to, discardLog, time.Hour)
		wantRecord(t, to.record, "0 on-start-0 b", "0 on-start-1 a", "0 on-start-2 b")
		if got := s.Stats(); got.OnStart != 3 || got.Scheduled != 0 || got.Uptime != time.Hour {
			t.Errorf("Stats() = %+v, want 3 on start, up for 1h", got)
		}
	})
}

func TestScheduleBeginsOnePeriodAfterTheStartAndSharesItsNumbers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		to := &fakeSubmitter{}
		s := runFor(t, Config{Schedule: []Recurring{every("slow", 3*time.Second), every("quick", 2*time.Second)}}, to, discardLog, 7*time.Second)
		wantRecord(t, to.record, "2 sch-1 quick", "3 sch-2 slow", "4 sch-3 quick", "6 sch-4 slow", "6 sch-5 quick")
		if got := s.Stats().Scheduled; got != 5 {
			t.Errorf("Stats().Scheduled = %d, want 5", got)
		}
	})
}

func TestScheduleDoesNotDrift(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		to := &fakeSubmitter{answer: func(*message.Message) error { time.Sleep(300 * time.Millisecond); return nil }}
		runFor(t, Config{OnStart: []Task{{Task: "first"}}, Schedule: []Recurring{every("job", time.Second)}}, to, discardLog, 3500*time.Millisecond)
		wantRecord(t, to.record, "0 on-start-0 first", "1 sch-1 job", "2 sch-2 job", "3 sch-3 job")
	})
}

func TestMissedRunsAreNotMadeUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		to := &fakeSubmitter{answer: func(m *message.Message) error {
			if m.UUID() == "sch-1" {
				time.Sleep(4500 * time.Millisecond)
			}
			return nil
		}}
		runFor(t, Config{Schedule: []Recurring{every("job", time.Second)}}, to, discardLog, 7500*time.Millisecond)
		wantRecord(t, to.record, "1 sch-1 job", "6 sch-2 job", "7 sch-3 job")
	})
}

func TestRefusedTaskIsLoggedAndTheScheduleGoesOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var logged bytes.Buffer
		to := &fakeSubmitter{answer: func(m *message.Message) error {
			if m.UUID() == "sch-1" || m.UUID() == "on-start-0" {
				return errors.New("no room")
			}
			return nil
		}}
		cfg := Config{
			OnStart:  []Task{{Task: "a", Kwargs: map[string]any{"password": "hunter2"}}, {Task: "b"}},
			Schedule: []Recurring{every("job", time.Second)},
		}
		s := runFor(t, cfg, to, slog.New(slog.NewTextHandler(&logged, nil)), 2500*time.Millisecond)
		wantRecord(t, to.record, "0 on-start-0 a", "0 on-start-1 b", "1 sch-1 job", "2 sch-2 job")
		if got := s.Stats(); got.OnStart != 1 || got.Scheduled != 1 {
			t.Errorf("Stats() = %+v, want one produced of each kind", got)
		}
		text := logged.String()
		if strings.Count(text, "\n") != 2 || strings.Count(text, `level=WARN`) != 2 || !strings.Contains(text, "uuid=sch-1 task=job err=\"no room\"") {
			t.Errorf("logged %s, want two warnings", text)
		}
		if strings.Contains(text, "hunter2") {
			t.Error("the log holds a keyword argument")
		}
	})
}

func TestEmptyScheduleWaitsForTheEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		to := &fakeSubmitter{}
		runFor(t, DefaultConfig(), to, discardLog, time.Hour)
		wantRecord(t, to.record)
	})
}

func TestNothingIsSubmittedAfterTheEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		to := &fakeSubmitter{answer: func(*message.Message) error { cancel(); time.Sleep(time.Minute); return nil }}
		s := New(Config{OnStart: []Task{{Task: "a"}, {Task: "b"}}, Schedule: []Recurring{every("job", time.Second)}}, to, discardLog)
		to.begin = time.Now()
		if err := s.Run(ctx); err != nil {
			t.Errorf("Run() = %v, want nil", err)
		}
		wantRecord(t, to.record, "0 on-start-0 a")
	})
}

func TestDueTaskIsNotSubmittedAfterTheEnd(t *testing.T) {
	t.Parallel()
	// Both the end and the next run are there when Submit returns; which of the
	// two a select takes is chance, so this is tried often enough.
	for range 50 {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			to := &fakeSubmitter{answer: func(*message.Message) error { time.Sleep(time.Second); cancel(); return nil }}
			s := New(Config{Schedule: []Recurring{every("a", time.Second), every("b", time.Second)}}, to, discardLog)
			to.begin = time.Now()
			if err := s.Run(ctx); err != nil {
				t.Errorf("Run() = %v, want nil", err)
			}
			wantRecord(t, to.record, "1 sch-1 a")
		})
	}
}

func TestGridSurvivesAnEarlyTimer(t *testing.T) {
	t.Parallel()
	start := time.Unix(100, 0)
	for _, tt := range []struct {
		done, now, want time.Duration
	}{
		{10, 10, 20},
		{10, 19, 20},
		{10, 20, 30},
		{10, 57, 60},
		{10, 9, 20}, // it rang too early: the same run must not come twice
	} {
		if got := after(start, start.Add(tt.done), 10, start.Add(tt.now)); !got.Equal(start.Add(tt.want)) {
			t.Errorf("after(start, +%d, 10, +%d) = start%+d, want %+d", tt.done, tt.now, got.Sub(start), tt.want)
		}
	}
}
