package process

import (
	"bytes"
	"testing"

	"dispatcherd/workers"
	"dispatcherd/workers/supervisor"
)

// noted is what the next daemon would read.
func (r *rig) noted() (supervisor.Note, bool) {
	r.t.Helper()
	n, running, err := supervisor.ReadNote(r.note)
	if err != nil {
		r.t.Fatal(err)
	}
	return n, running
}

func TestTaskIsNotedForAsLongAsItRuns(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	defer r.end()
	if _, running := r.noted(); running {
		t.Error("something is noted before a task was sent")
	}
	if err := r.Send(sample); err != nil {
		t.Fatal(err)
	}
	n, running := r.noted()
	if !running || n.Seq != 5 || n.UUID != "u-5" || n.Task != "app.work" || !bytes.Equal(n.Message, sample.Body) || n.Began.IsZero() {
		t.Errorf("noted %+v, running %v", n, running)
	}
	r.write(frame{doneFrame, 5, doneBody(1, 0, 1, 2, "", "")})
	r.Receive()
	if _, running := r.noted(); running {
		t.Error("the task is noted after its end")
	}
}

func TestTaskOfAnEarlierDaemonHasTwoNumbers(t *testing.T) {
	t.Parallel()
	r := newRigWith(t, Inherited{&workers.Task{Seq: 70, UUID: "u-70", Name: "app.old"}, 5})
	defer r.end()
	if _, err := r.stdout.WriteString("still here\n"); err != nil {
		t.Fatal(err)
	}
	if err := r.Cancel(70); err != nil {
		t.Fatal(err)
	}
	in, err := newInbox(r.worker)
	if err != nil {
		t.Fatal(err)
	}
	if f, err := in.next(); err != nil || f.kind != cancelFrame || f.seq != 5 {
		t.Errorf("the worker got %+v, %v, want a cancel of task 5", f, err)
	}
	r.write(frame{doneFrame, 5, doneBody(3, 0, 1, 2, "", "")})
	if report := r.Receive(); report.Kind != workers.Done || report.Seq != 70 || report.Outcome != workers.Cancelled {
		t.Errorf("reported %+v, want that task 70 was cancelled", report)
	}
	r.logged(`msg="still here" worker=3 stream=stdout uuid=u-70 task=app.old`)
}

func TestProcessThatIsGivenUpInTheMiddleOfAFrameReadsItsRest(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if err := r.Send(sample); err != nil {
		t.Fatal(err)
	}
	whole := appendFrame(nil, frame{doneFrame, 5, doneBody(1, 0, 1, 2, "", "")})
	if _, err := r.worker.Write(whole[:20]); err != nil {
		t.Fatal(err)
	}
	received := make(chan workers.Report)
	go func() {
		received <- r.Receive()
		received <- r.Receive()
	}()
	r.Close()
	if _, err := r.worker.Write(whole[20:]); err != nil {
		t.Fatal(err)
	}
	if report := <-received; report.Kind != workers.Done || report.Seq != 5 {
		t.Errorf("reported %+v, want the end of task 5", report)
	}
	if report := <-received; report.Kind != workers.Exited {
		t.Errorf("reported %+v, want the end of the process", report)
	}
	if len(r.said) > 0 {
		t.Errorf("the supervisor was asked %q, want nothing: the worker lives on", r.said)
	}
}

func TestProcessThatIsGivenUpWritesItsFramesOut(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	long := &workers.Task{Seq: 6, Body: bytes.Repeat([]byte("x"), 4<<20)} // more than a socket holds
	if err := r.Send(long); err != nil {
		t.Fatal(err)
	}
	go func() {
		for r.Receive().Kind != workers.Exited {
		}
	}()
	r.Close()
	in, err := newInbox(r.worker)
	if err != nil {
		t.Fatal(err)
	}
	if f, err := in.next(); err != nil || len(f.body) != len(long.Body) {
		t.Errorf("the worker got %d bytes, %v, want the whole task", len(f.body), err)
	}
	if n, running := r.noted(); !running || n.Seq != 6 || n.Message != nil {
		t.Errorf("noted task %d with %d bytes, running %v", n.Seq, len(n.Message), running)
	}
}

// adopted is a worker of an earlier daemon that has written frames which nobody has read.
func adopted(t *testing.T, unread ...[]byte) (*rig, *inbox) {
	t.Helper()
	r := newRigWith(t, Inherited{&workers.Task{Seq: 70, UUID: "u-70", Name: "app.old"}, 5})
	for _, b := range unread {
		if _, err := r.worker.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.disown(); err != nil {
		t.Fatal(err)
	}
	in, err := newInbox(r.worker)
	if err != nil {
		t.Fatal(err)
	}
	return r, in
}

func TestRequestThatTheEarlierDaemonHasReadIsDisowned(t *testing.T) {
	t.Parallel()
	log := appendFrame(nil, frame{logFrame, 0, []byte(`{"level":"info","message":"waiting"}`)})
	for name, unread := range map[string][][]byte{
		"nothing": nil, "a log frame": {log}, "a part of one": {log[:20]},
	} {
		r, in := adopted(t, unread...)
		if f, err := in.next(); err != nil || f.kind != replyFrame || f.seq != noRequest {
			t.Errorf("with %s unread the worker got %+v, %v, want to know that no reply comes", name, f, err)
		}
		r.end()
	}
}

func TestRequestThatNobodyHasReadIsAnswered(t *testing.T) {
	t.Parallel()
	log := appendFrame(nil, frame{logFrame, 0, []byte(`{"level":"info","message":"before it"}`)})
	request := appendFrame(nil, frame{requestFrame, 9, []byte(`{"command":"alive"}`)})
	for name, cut := range map[string]int{"whole": len(request), "in part": 20} {
		r, in := adopted(t, log, request[:cut])
		if _, err := r.worker.Write(request[cut:]); err != nil {
			t.Fatal(err)
		}
		report := r.Receive()
		if report.Kind != workers.Asked || report.Seq != 9 {
			t.Fatalf("%s: reported %+v, want request 9", name, report)
		}
		if err := r.Reply(9, []byte("{}")); err != nil {
			t.Fatal(err)
		}
		if f, err := in.next(); err != nil || f.kind != replyFrame || f.seq != 9 {
			t.Errorf("%s: the worker got %+v, %v first, want the reply", name, f, err)
		}
		r.end()
	}
}
