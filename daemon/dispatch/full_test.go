package dispatch

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"dispatcherd/cgroups"
	"dispatcherd/daemon/message"
)

// bounded is a queue of so many tasks.
func bounded(tasks int, onFull string) Config { return Config{MaxTasks: tasks, OnFull: onFull} }

func (r *rig) wantQueue(tasks int, full bool, rejected uint64) {
	r.Helper()
	synctest.Wait()
	if q := r.Queue(); q.Tasks != tasks || q.Full != full || q.Rejected != rejected {
		r.Errorf("Queue() = %d tasks, full: %v, %d rejected; want %d, %v, %d", q.Tasks, q.Full, q.Rejected, tasks, full, rejected)
	}
}

// offer submits a task that may be refused.
func (r *rig) offer(text string) error {
	r.Helper()
	err := r.Submit(parse(r, text), nil)
	synctest.Wait()
	return err
}

func TestFullQueueRejectsUntilATenthIsFree(t *testing.T) {
	inBubble(t, 0, func(r *rig) {
		r.UseQueue(bounded(10, Reject))
		r.submit(`{"uuid": "late", "task": "job", "delay": 3600}`)
		for i := range 9 {
			r.submit(body(fmt.Sprint("u", i), "job", message.Serial)) // one is queued, the others blocked
		}
		r.wantQueue(10, false, 0)
		for range 1000 {
			if err := r.offer(body("x", "other", message.Parallel)); err != ErrFull {
				t.Fatalf("Submit to a full queue = %v, want ErrFull", err)
			}
		}
		r.wantQueue(10, true, 1000)
		if s, err := r.Stats(r.Context()); err != nil || s.Accepted != 1010 || s.Ended[Rejected] != 1000 {
			t.Errorf("Stats = %d accepted, %v, %v; want 1010 and 1000 rejected", s.Accepted, s.Ended, err)
		}
		if _, err := r.Dispatcher.Cancel(r.Context(), Filter{UUID: []byte(`"late"`)}); err != nil {
			t.Fatal(err)
		}
		r.wantQueue(9, false, 1000)
		if err := r.offer(body("y", "other", message.Parallel)); err != nil {
			t.Errorf("Submit to a queue with room = %v, want nil", err)
		}
		log := r.logged.String()
		if n := strings.Count(log, "the queue is full; tasks are rejected"); n != 1 {
			t.Errorf("%d lines say that the queue is full, want 1", n)
		}
		if n := strings.Count(log, `"msg":"the queue has room again","tasks":9,"bytes":`); n != 1 || !strings.Contains(log, `"rejected":1000,"event":"queue-room"`) {
			t.Errorf("%d lines say that it has room again, want 1 with 1000 rejected", n)
		}
		r.stop()
	})
}

func TestQueueThatFlapsIsSpokenOfOnceAMinute(t *testing.T) {
	inBubble(t, 0, func(r *rig) {
		r.UseQueue(bounded(1, Reject))
		for range 100 {
			r.submit(body("a", "job", message.Parallel))
			if err := r.offer(body("b", "job", message.Parallel)); err != ErrFull {
				t.Fatalf("Submit to a full queue = %v, want ErrFull", err)
			}
			if _, err := r.Dispatcher.Cancel(r.Context(), Filter{UUID: []byte(`"a"`)}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		if n := strings.Count(r.logged.String(), "the queue is full; tasks are rejected"); n != 2 {
			t.Errorf("%d lines in 100 seconds, want 2", n)
		}
	})
}

func TestWorkersMakeRoomAndWhatTheyReturnIsTakenBack(t *testing.T) {
	inBubble(t, 1, func(r *rig) {
		r.UseQueue(bounded(1, Reject))
		r.submit(body("a", "job", message.Parallel))
		r.submit(body("b", "job", message.Parallel))
		r.wantQueue(1, false, 0)
		seq := r.runner.lose("a")
		r.Returned(seq)
		r.wantQueue(2, false, 0) // over its bound, and nothing is lost
		r.runner.hire(7)
		r.Freed()
		r.wantQueue(1, false, 0)
		r.stop()
		if q := r.Queue(); q.Tasks != 0 || q.Bytes != 0 {
			t.Errorf("after the end Queue() = %d tasks, %d bytes, want none", q.Tasks, q.Bytes)
		}
	})
}

func TestBytesBoundTheQueueAndALongTaskComesIntoAnEmptyOne(t *testing.T) {
	inBubble(t, 0, func(r *rig) {
		var size cgroups.Size
		if err := size.UnmarshalText([]byte("4K")); err != nil {
			t.Fatal(err)
		}
		r.UseQueue(Config{MaxBytes: size, OnFull: Reject})
		r.submit(`{"uuid": "long", "task": "job", "args": ["` + strings.Repeat("x", 10_000) + `"]}`)
		if err := r.offer(body("a", "job", message.Parallel)); err != ErrFull {
			t.Errorf("Submit = %v, want ErrFull", err)
		}
		r.wantQueue(1, true, 1)
		if _, err := r.Dispatcher.Cancel(r.Context(), Filter{UUID: []byte(`"long"`)}); err != nil {
			t.Fatal(err)
		}
		for i := range 3 { // of a kibibyte and a few bytes
			r.submit(body(fmt.Sprint(i), "job", message.Parallel))
		}
		if err := r.offer(body("b", "job", message.Parallel)); err != ErrFull {
			t.Errorf("Submit = %v, want ErrFull", err)
		}
		r.stop()
	})
}

// patiently submits in the background.
func (r *rig) patiently(uuid string, stop <-chan struct{}) <-chan error {
	answer := make(chan error, 1)
	go func() { answer <- r.SubmitPatiently(parse(r, body(uuid, "job", message.Parallel)), stop) }()
	synctest.Wait()
	return answer
}

func wantAnswer(t *testing.T, what string, answer <-chan error, want error) {
	t.Helper()
	synctest.Wait()
	select {
	case err := <-answer:
		if err != want {
			t.Errorf("%s: %v, want %v", what, err, want)
		}
	default:
		t.Errorf("%s: it waits, want %v", what, want)
	}
}

func TestPausedSenderWaitsForWhatEndsThePause(t *testing.T) {
	for name, tt := range map[string]struct {
		end  func(r *rig)
		want error
	}{
		"room":               {func(r *rig) { r.runner.hire(0); r.Freed() }, nil},
		"a larger bound":     {func(r *rig) { r.UseQueue(bounded(5, Pause)) }, nil},
		"another rule":       {func(r *rig) { r.UseQueue(bounded(1, Reject)) }, ErrFull},
		"a full Postgres":    {func(r *rig) { r.Press(true) }, ErrFull},
		"a stop":             {func(r *rig) { _ = r.StopTaking(r.Context()) }, ErrFull},
		"the dispatcher end": {func(r *rig) { r.stop() }, ErrEnded},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 0, func(r *rig) {
				r.UseQueue(bounded(1, Pause))
				r.submit(body("a", "job", message.Parallel))
				answer := r.patiently("b", nil)
				if len(answer) != 0 || !r.Queue().Paused {
					r.Errorf("the sender got an answer (%d), paused: %v; want that he waits", len(answer), r.Queue().Paused)
				}
				if err := r.offer(body("c", "job", message.Parallel)); err != ErrFull {
					r.Errorf("Submit = %v, want ErrFull: it never waits", err)
				}
				if _, err := r.Stats(r.Context()); err != nil {
					r.Errorf("Stats during a pause: %v", err)
				}
				if log := r.logged.String(); !strings.Contains(log, "the queue is full; tasks wait with their senders") {
					r.Errorf("the pause is not logged: %s", log)
				}
				tt.end(r)
				wantAnswer(r.T, "after the pause", answer, tt.want)
				r.stop()
			})
		})
	}
}

func TestSenderWhoStopsWaitsNoLonger(t *testing.T) {
	inBubble(t, 0, func(r *rig) {
		r.UseQueue(bounded(1, Pause))
		r.submit(body("a", "job", message.Parallel))
		stop := make(chan struct{})
		answer := r.patiently("b", stop)
		close(stop)
		wantAnswer(t, "after stop", answer, ErrFull)
		r.wantQueue(1, true, 1)
		r.stop()
	})
}

func TestQueueConfigNamesWhatCannotBe(t *testing.T) {
	t.Parallel()
	var percent cgroups.Size
	if err := percent.UnmarshalText([]byte("50%")); err != nil {
		t.Fatal(err)
	}
	const want = `queue.max_tasks: must be at least 0 (which is any number), got -1
queue.max_bytes: must be a size such as "512M", or "infinity", got "50%"
queue.on_full: must be "reject" or "pause", got "drop"`
	if err := (Config{MaxTasks: -1, MaxBytes: percent, OnFull: "drop"}).Validate(); err == nil || err.Error() != want {
		t.Errorf("Validate() = %v, want\n%s", err, want)
	}
	if err := DefaultConfig().Validate(); err != nil {
		t.Errorf("DefaultConfig().Validate() = %v, want nil", err)
	}
	if n, ok := DefaultConfig().MaxBytes.Number(); !ok || n != 1<<30 {
		t.Errorf("the default of max_bytes is %d, %v, want 1 GiB", n, ok)
	}
}
