package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"dispatcherd/workers"
	"dispatcherd/workers/supervisor"
)

// rig is a process whose worker and supervisor are played by the test.
type rig struct {
	*Process
	t              *testing.T
	worker         *os.File // the worker's end of the socket
	stdout, stderr *os.File
	exited         chan supervisor.Exit
	log            *syncBuffer
	level          slog.LevelVar // of log
	mu             sync.Mutex
	said           []string // what the supervisor was asked
	onKill         func()
	note           *os.File
	limiter
	asked   []supervisor.Spent // guarded by mu; of the accounts
	account supervisor.Account // what is answered
	refusal error
}

func (r *rig) Launch(context.Context, int) (*supervisor.Launched, error) {
	return nil, errors.New("nothing is launched in this test")
}

func (r *rig) Interrupt(worker int) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.said = append(r.said, fmt.Sprintf("interrupt %d", worker))
	return nil
}

func (r *rig) Watch(worker int) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.said = append(r.said, fmt.Sprintf("watch %d", worker))
	return nil
}

func (r *rig) Account(_ context.Context, worker int, spent supervisor.Spent) (supervisor.Account, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.said = append(r.said, fmt.Sprintf("account %d", worker))
	r.asked = append(r.asked, spent)
	return r.account, r.refusal
}

func (r *rig) Kill(worker int) error {
	r.mu.Lock()
	r.said = append(r.said, fmt.Sprintf("kill %d", worker))
	r.mu.Unlock()
	if r.onKill != nil {
		r.onKill()
	}
	return nil
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// notes makes a file as the supervisor does.
func notes(t *testing.T) *os.File {
	t.Helper()
	fd, err := unix.MemfdCreate("note", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		t.Fatal(err)
	}
	file := os.NewFile(uintptr(fd), "note")
	if err = file.Truncate(64 << 10); err == nil {
		_, err = unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_SEAL)
	}
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func newRig(t *testing.T) *rig {
	t.Helper()
	return newRigWith(t)
}

// newRigWith is one that runs tasks of an earlier daemon.
func newRigWith(t *testing.T, inherited ...Inherited) *rig {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	outRead, outWrite := pipe(t)
	errRead, errWrite := pipe(t)
	r := &rig{
		t: t, worker: os.NewFile(uintptr(fds[1]), "worker"), stdout: outWrite, stderr: errWrite,
		exited: make(chan supervisor.Exit, 1), log: &syncBuffer{}, note: notes(t),
	}
	passed, err := unix.Dup(int(r.note.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	r.level.Set(slog.LevelDebug)
	launched := &supervisor.Launched{
		Worker: 3, PID: 4711, Socket: os.NewFile(uintptr(fds[0]), "daemon"), Stdout: outRead, Stderr: errRead, Exited: r.exited,
		Note: os.NewFile(uintptr(passed), "note"),
	}
	r.Process, err = newProcess(3, launched, inherited, r, slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: &r.level})))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, f := range []*os.File{r.worker, r.stdout, r.stderr, r.note} {
			f.Close()
		}
	})
	return r
}

func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.SetNonblock(int(r.Fd()), true); err != nil {
		t.Fatal(err)
	}
	// Fd made the file blocking for Go; a new one over the same pipe is not.
	fd, err := syscall.Dup(int(r.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	if err := syscall.SetNonblock(fd, true); err != nil {
		t.Fatal(err)
	}
	return os.NewFile(uintptr(fd), "pipe"), w
}

// write sends frames as the worker.
func (r *rig) write(frames ...frame) {
	r.t.Helper()
	var b []byte
	for _, f := range frames {
		b = appendFrame(b, f)
	}
	if _, err := r.worker.Write(b); err != nil {
		r.t.Fatal(err)
	}
}

// die ends the worker.
func (r *rig) die(e supervisor.Exit) {
	r.worker.Close()
	r.exited <- e
}

// end lets the process come to its end, so that nothing of it is left.
func (r *rig) end() workers.Report {
	r.die(supervisor.Exit{})
	return r.last()
}

// last receives until the process has exited.
func (r *rig) last() workers.Report {
	r.t.Helper()
	for range 100 {
		if report := r.Receive(); report.Kind == workers.Exited {
			return report
		}
	}
	r.t.Fatal("no end after 100 reports")
	return workers.Report{}
}

func (r *rig) logged(want string) {
	r.t.Helper()
	if !strings.Contains(r.log.String(), want) {
		r.t.Errorf("log has no %q:\n%s", want, r.log)
	}
}

var sample = &workers.Task{Seq: 5, UUID: "u-5", Name: "app.work", Body: []byte(`{"task": "app.work", "kwargs": {"password": "hidden"}}`)}

func TestTaskTravelsToTheWorkerAndBack(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	defer r.end()
	if err := r.Send(sample); err != nil {
		t.Fatal(err)
	}
	in, err := newInbox(r.worker)
	if err != nil {
		t.Fatal(err)
	}
	f, err := in.next()
	if err != nil || f.kind != taskFrame || f.seq != 5 || !bytes.Equal(f.body, sample.Body) {
		t.Fatalf("worker got %+v, %v", f, err)
	}
	r.write(frame{helloFrame, 0, []byte(`{"version":1}`)}, frame{doneFrame, 5, doneBody(1, 0, 1, 2, "", "42")})
	if got := r.Receive(); got.Kind != workers.Hello {
		t.Errorf("first report: %+v, want hello", got)
	}
	if got := r.Receive(); got.Kind != workers.Done || got.Seq != 5 || string(got.Result) != "42" {
		t.Errorf("second report: %+v, want done 5 with 42", got)
	}
}

func TestOutputIsLoggedAsTheTasksBeforeTheTaskIsDone(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	defer r.end()
	if err := r.Send(sample); err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(r.stdout, "one\ntwo without end")
	fmt.Fprint(r.stderr, "warned\n")
	r.write(frame{doneFrame, 5, doneBody(1, 0, 1, 2, "", "")})
	r.Receive()
	r.logged(`msg=one worker=3 stream=stdout uuid=u-5 task=app.work`)
	r.logged(`msg="two without end" worker=3 stream=stdout uuid=u-5 task=app.work`)
	r.logged(`msg=warned worker=3 stream=stderr uuid=u-5 task=app.work`)
	if strings.Contains(r.log.String(), "hidden") {
		t.Error("the log holds a keyword argument")
	}
}

func TestLongAndBrokenLinesAreLoggedInBoundedPieces(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	long := strings.Repeat("x", maxLine+10)
	go func() {
		fmt.Fprint(r.stdout, long, "\n\xff\xfe\n")
		r.die(supervisor.Exit{})
	}()
	r.last()
	pieces := strings.Count(r.log.String(), "stream=stdout")
	if pieces != 3 {
		t.Errorf("%d lines were logged, want 3 (two pieces and the broken one)", pieces)
	}
	r.logged(`msg=xxxxxxxxxx worker`)
	r.logged("\uFFFD")
}

func TestLongLinesAreCutBetweenCharacters(t *testing.T) {
	t.Parallel()
	const characters = maxLine / 2 // of four bytes each: two lines and a little
	for before := range 4 {
		r := newRig(t)
		go func() {
			fmt.Fprint(r.stdout, strings.Repeat("a", before), strings.Repeat("😀", characters), "\n")
			r.die(supervisor.Exit{})
		}()
		r.last()
		log := r.log.String()
		if got, broken := strings.Count(log, "😀"), strings.Count(log, "\uFFFD"); got != characters || broken > 0 {
			t.Errorf("after %d bytes: %d characters and %d broken ones are logged, want %d", before, got, broken, characters)
		}
	}
}

func TestCancelSaysWhichTaskAndThenRings(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	defer r.end()
	if err := r.Cancel(5); err != nil {
		t.Fatal(err)
	}
	in, err := newInbox(r.worker)
	if err != nil {
		t.Fatal(err)
	}
	f, err := in.next()
	if err != nil || f.kind != cancelFrame || f.seq != 5 {
		t.Errorf("worker got %+v, %v; want a cancel of 5", f, err)
	}
	if len(r.said) != 1 || r.said[0] != "interrupt 3" {
		t.Errorf("supervisor was asked %q, want interrupt 3", r.said)
	}
}

func TestLargeBodyIsWrittenWithoutMakingTheCallerWait(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	defer r.end()
	body := bytes.Repeat([]byte("0123456789abcdef"), 1<<18) // 4 MiB, far more than a socket holds
	if err := r.Send(&workers.Task{Seq: 1, Body: body}); err != nil {
		t.Fatal(err)
	}
	if err := r.Cancel(1); err != nil { // must come behind the task
		t.Fatal(err)
	}
	in, err := newInbox(r.worker)
	if err != nil {
		t.Fatal(err)
	}
	f, err := in.next()
	if err != nil || !bytes.Equal(f.body, body) {
		t.Fatalf("worker got %d bytes, %v; want the body of %d", len(f.body), err, len(body))
	}
	if f, err = in.next(); err != nil || f.kind != cancelFrame {
		t.Errorf("then %+v, %v; want the cancel", f, err)
	}
}

func TestFramesOfADeadWorkerAreStillRead(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.write(frame{doneFrame, 5, doneBody(1, 0, 1, 2, "", "1")})
	r.die(supervisor.Exit{Code: 3})
	if got := r.Receive(); got.Kind != workers.Done {
		t.Errorf("first report: %+v, want done", got)
	}
	if got := r.Receive(); got.Kind != workers.Exited || got.Exit != "exit code 3" || got.Clean {
		t.Errorf("second report: %+v, want exit code 3", got)
	}
}

func TestWorkerThatLostItsConnectionIsToldSo(t *testing.T) {
	t.Parallel()
	const lost = "exit code 70: it lost its connection to the daemon (a task may have closed its descriptors)"
	for _, tt := range []struct {
		exit supervisor.Exit
		want string
	}{
		{supervisor.Exit{Code: 70}, lost},
		{supervisor.Exit{Code: 70, Survivors: 1}, lost + "; a process that it left behind was killed"},
		{supervisor.Exit{Code: 7}, "exit code 7"},
		{supervisor.Exit{Signal: syscall.SIGKILL}, "killed by SIGKILL"},
	} {
		r := newRig(t)
		r.die(tt.exit)
		if got := r.last(); got.Exit != tt.want || got.Clean {
			t.Errorf("%+v is told as %+v, want %q", tt.exit, got, tt.want)
		}
	}
}

func TestEndOfTheProcessCountsAlthoughAChildHoldsTheSocket(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.exited <- supervisor.Exit{Signal: syscall.SIGSEGV} // r.worker stays open
	if got := r.last(); got.Exit != "killed by SIGSEGV" || got.Clean {
		t.Errorf("report: %+v, want killed by SIGSEGV", got)
	}
}

func TestWorkerThatClosedItsSocketIsKilledAndToldSo(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.onKill = func() { r.exited <- supervisor.Exit{Signal: syscall.SIGKILL} }
	r.worker.Close()
	got := r.last()
	want := "killed by SIGKILL; it had closed its connection to the daemon"
	if got.Exit != want {
		t.Errorf("exit %q, want %q", got.Exit, want)
	}
}

func TestBrokenFrameEndsTheWorker(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]frame{
		"unknown kind":  {'?', 0, nil},
		"other version": {helloFrame, 0, []byte(`{"version":99}`)},
		"bad done":      {doneFrame, 1, []byte("x")},
		"bad log":       {logFrame, 0, []byte("x")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.onKill = func() { r.exited <- supervisor.Exit{Signal: syscall.SIGKILL} }
			r.write(f)
			if got := r.last(); !strings.HasPrefix(got.Exit, "killed by SIGKILL") {
				t.Errorf("exit %q, want killed by SIGKILL", got.Exit)
			}
			r.logged("level=ERROR")
		})
	}
}

func TestRuntimesWordsAreLoggedAtTheirLevel(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.write(frame{logFrame, 0, []byte(`{"level":"warning","message":"result is a function: replaced by null"}`)})
	r.end()
	r.logged(`level=WARN msg="result is a function: replaced by null" worker=3`)
}

func TestPythonsLoggingIsTheTasksAtItsLevel(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if err := r.Send(sample); err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(r.stdout, "before\nunfinished")
	r.write(frame{logFrame, 0, []byte(`{"level":"error","logger":"app.db","message":"broken\nTraceback:"}`)},
		frame{doneFrame, 5, doneBody(1, 0, 1, 2, "", "")})
	r.Receive()
	want := `level=INFO msg=before worker=3 stream=stdout uuid=u-5 task=app.work
level=ERROR msg="broken\nTraceback:" worker=3 stream=logging logger=app.db uuid=u-5 task=app.work
level=INFO msg=unfinished worker=3 stream=stdout uuid=u-5 task=app.work
`
	r.end()
	if got := regexp.MustCompile(`(?m)^time=\S+ `).ReplaceAllString(r.log.String(), ""); got != want {
		t.Errorf("the log is\n%swant\n%s", got, want)
	}
}

func TestWhatATaskSaysIsLoggedBelowTheLevelOfTheDaemon(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.level.Set(slog.LevelError)
	fmt.Fprint(r.stdout, "printed\n")
	r.write(frame{logFrame, 0, []byte(`{"level":"debug","logger":"app","message":"detail"}`)},
		frame{logFrame, 0, []byte(`{"level":"warning","message":"of the runtime"}`)})
	r.end()
	r.logged("level=INFO msg=printed")
	r.logged("level=DEBUG msg=detail")
	if strings.Contains(r.log.String(), "of the runtime") {
		t.Errorf("the log has a warning of ours at level error:\n%s", r.log)
	}
}

func TestLostSupervisorEndsTheProcess(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.exited <- supervisor.Exit{Lost: true}
	if got := r.last(); got.Exit != "the supervisor ended" || got.Clean {
		t.Errorf("report: %+v, want the supervisor ended", got)
	}
}

func TestCloseGivesUpAProcessThatDoesNotEnd(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	received := make(chan workers.Report, 1)
	go func() { received <- r.last() }()
	r.Close()
	select {
	case got := <-received:
		if got.Exit != "it did not end although it was killed" || got.Clean {
			t.Errorf("report: %+v, want that it did not end", got)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("Receive did not return after Close")
	}
}

func TestWriterThatNeverPausesKeepsNobodyWaiting(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	stop := make(chan struct{})
	var writer sync.WaitGroup
	writer.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				if _, err := fmt.Fprintln(r.stdout, "noise"); err != nil {
					return
				}
			}
		}
	})
	r.write(frame{doneFrame, 5, doneBody(1, 0, 1, 2, "", "")})
	if got := r.Receive(); got.Kind != workers.Done {
		t.Errorf("report: %+v, want done", got)
	}
	close(stop)
	r.end()
	r.stdout.Close()
	writer.Wait()
}
