package process

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"dispatcherd/workers"
	"dispatcherd/workers/supervisor"
)

// withLane gives the process a lane, and returns the end of it that a worker has.
func (r *rig) withLane() (worker int) {
	r.t.Helper()
	lane, worker, err := supervisor.NewLane()
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { unix.Close(worker) })
	r.ahead.lane = lane
	return worker
}

// takes is the number of the task that the worker takes out of its lane.
func (r *rig) takes(worker int) uint64 {
	r.t.Helper()
	packet := make([]byte, supervisor.MaxLanePacket)
	n, err := unix.Read(worker, packet)
	if err != nil || n < headerSize || packet[4] != taskFrame {
		r.t.Fatalf("the worker read %q, %v from its lane", packet[:max(n, 0)], err)
	}
	return binary.LittleEndian.Uint64(packet[8:])
}

func numbered(seq uint64) *workers.Task {
	return &workers.Task{Seq: seq, UUID: fmt.Sprintf("u-%d", seq), Name: "app.work", Body: []byte("{}")}
}

// begins is the end of a task whose worker has begun the next one.
func begins(seq uint64) frame { return frame{doneFrame, seq, doneBody(1, beginsFlag, 1, 1, "", "")} }

func TestOutputIsThatOfTheTaskThatWasHandedAhead(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	defer r.end()
	worker := r.withLane()
	if err := r.Send(numbered(1)); err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(r.stdout, "no end of line")
	r.Process.stdout.catchUp()
	if !r.Ahead(numbered(2)) || !r.Ahead(numbered(3)) {
		t.Fatal("nothing could be handed ahead")
	}
	if got := r.takes(worker); got != 2 {
		t.Fatalf("the worker took %d, want 2", got)
	}
	fmt.Fprintln(r.stdout, "of the second") // before anybody here knows that it has begun
	fmt.Fprintln(r.stderr, "of the second, too")
	r.write(begins(1), frame{doneFrame, 2, doneBody(1, 0, 1, 1, "", "")})
	if got := r.Receive(); got.Kind != workers.Done || got.Seq != 1 || !got.Begins || got.Printed {
		t.Errorf("report %+v, want that 1 has ended and another one begun", got)
	}
	if got := r.Receive(); got.Kind != workers.Done || got.Seq != 2 || got.Begins || !got.Printed {
		t.Errorf("report %+v, want that 2 has ended and has printed", got)
	}
	r.logged(`msg="no end of line" worker=3 stream=stdout uuid=u-1`)
	r.logged(`msg="of the second" worker=3 stream=stdout uuid=u-2`)
	r.logged(`msg="of the second, too" worker=3 stream=stderr uuid=u-2`)
	if got := r.TakeBack(); len(got) != 1 {
		t.Errorf("TakeBack() = %d, want one", got)
	}
}

func TestOutputIsReadAgainWhenNothingIsAhead(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	defer r.end()
	r.withLane()
	if err := r.Send(numbered(1)); err != nil {
		t.Fatal(err)
	}
	if !r.Ahead(numbered(2)) {
		t.Fatal("nothing could be handed ahead")
	}
	long := strings.Repeat("x", 200<<10) + "\n" // more than a pipe holds: it has to be read
	wrote := make(chan error, 1)
	go func() { _, err := r.stdout.WriteString(long); wrote <- err }()
	if got := r.TakeBack(); len(got) != 1 {
		t.Errorf("TakeBack() = %d, want one", got)
	}
	if err := <-wrote; err != nil {
		t.Fatal(err)
	}
	r.write(frame{doneFrame, 1, doneBody(1, 0, 1, 1, "", "")})
	if got := r.Receive(); got.Seq != 1 {
		t.Errorf("report %+v, want the end of 1", got)
	}
	r.logged("xxx worker=3 stream=stdout uuid=u-1")
}

func TestTaskIsNotHandedAheadToARestrainedWorker(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	defer r.end()
	if r.Ahead(numbered(1)) {
		t.Error("a task was handed ahead without a lane")
	}
	r.withLane()
	r.restraint.has = `{"tasks_max":3}`
	if r.Ahead(numbered(1)) {
		t.Error("a task was handed ahead to a worker with limits of its own")
	}
	r.restraint.has = r.Limits()
	large := numbered(1)
	large.Body = make([]byte, supervisor.MaxLanePacket)
	if r.Ahead(large) {
		t.Error("a task was handed ahead that is too long")
	}
	if !r.Ahead(numbered(1)) {
		t.Error("a small task was not handed ahead")
	}
}

func TestWorkerThatBeginsWhatItWasNotHandedIsNotTrusted(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.onKill = func() { r.die(supervisor.Exit{Signal: 9}) }
	if err := r.Send(numbered(1)); err != nil {
		t.Fatal(err)
	}
	r.write(begins(1))
	if got := r.Receive(); got.Kind != workers.Exited || !strings.Contains(got.Exit+r.log.String(), "not handed") {
		t.Errorf("report %+v, want the end of the worker for what it did", got)
	}
}

func TestInheritedTasksAreKnownByTheirNumbers(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		frames []frame
		want   []uint64
	}{
		{"each ends", []frame{begins(5), {doneFrame, 6, doneBody(1, 0, 1, 1, "", "")}}, []uint64{70, 71}},
		{"the first has ended unheard", []frame{{doneFrame, 6, doneBody(1, 0, 1, 1, "", "")}}, []uint64{71}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRigWith(t, Inherited{numbered(70), 5}, Inherited{numbered(71), 6})
			defer r.end()
			if r.Ahead(numbered(72)) {
				t.Error("an inherited worker was handed a task")
			}
			r.write(tt.frames[:len(tt.frames)-1]...)
			for _, want := range tt.want[:len(tt.want)-1] {
				if got := r.Receive(); got.Seq != want {
					t.Errorf("report %+v, want the end of %d", got, want)
				}
			}
			fmt.Fprintln(r.stdout, "the last one's")
			r.write(tt.frames[len(tt.frames)-1])
			if got := r.Receive(); got.Seq != 71 {
				t.Errorf("report %+v, want the end of 71", got)
			}
			if len(tt.want) > 1 {
				r.logged(`msg="the last one's" worker=3 stream=stdout uuid=u-71`)
			}
		})
	}
}
